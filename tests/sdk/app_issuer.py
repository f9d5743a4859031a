"""An issuer with an authorization, a token and a revocation endpoint on a loopback socket.

Nobody has to sign in: `allow` does at once what a person would, and says what the browser would bring back.
What a test puts into `wrong` changes the ID tokens.
"""

import json
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from keygrove.protocol.backchannel_logout import LOGOUT_EVENT
from keygrove.protocol.claims import at_hash
from keygrove.protocol.pkce import proves
from keygrove.sdk.authorization_code import AuthorizationCodeFlow
from keygrove.sdk.connection import Connection
from sdk.issuer import COMPANY, DISCOVERY, JWKS, Issuer, sign_raw
from sdk.loopback import QuietHandler, listening

APP = "kg_ci_" + "b" * 28
SECRET = "kg_sk_" + "t" * 49
PERSON = "kg_pe_" + "p" * 28
CALLBACK = "https://app.example.com/callback"
SCOPES = ("openid", "offline", "marketing.read")


@dataclass(slots=True)
class Refusal:
    """An error that the token endpoint answers once."""

    status: int
    body: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class AppIssuer(Issuer):
    """What the server does; a test changes it while it runs."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.metadata: dict[str, object] = {
            "issuer": url,
            "jwks_uri": url + JWKS,
            "authorization_endpoint": f"{url}/oauth2/auth",
            "token_endpoint": f"{url}/oauth2/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "revocation_endpoint": f"{url}/oauth2/revoke",
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.documents[DISCOVERY] = self.metadata
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh_tokens: dict[str, dict[str, str]] = {}
        self.forms: list[dict[str, str]] = []
        self.authorizations: list[str | None] = []
        self.revoked: list[str] = []
        self.queue: list[Refusal] = []
        self.pause_s = 0.0
        self.auth_time = int(time.time())
        self.wrong: dict[str, object] = {}
        self.header_of_id_tokens: dict[str, object] = {}
        self.without_id_token = False
        self.signs_access_tokens = False
        self.forged = ""
        self.members: dict[str, object] = {}

    def allow(self, url: str, **changes: str | None) -> str:
        """What the browser brings back when a person allows the request at `url`; None takes a member out."""
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = asked
        answer: dict[str, str | None] = {"code": code, "state": asked["state"], "iss": self.url}
        return urlencode({name: value for name, value in (answer | changes).items() if value is not None})

    def answer_to(self, form: Mapping[str, str]) -> tuple[int, dict[str, object]]:
        """The token endpoint's answer to a good request, or `invalid_grant`."""
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], {})
            good = asked.get("redirect_uri") == form["redirect_uri"] and proves(
                form.get("code_verifier"), asked.get("code_challenge")
            )
        else:
            asked = self.refresh_tokens.pop(form["refresh_token"], {})
            good = bool(asked)
        if not good:
            return 400, {"error": "invalid_grant", "error_description": "The grant is invalid."}
        number = len(self.forms)
        access_token, refresh_token = f"access-{number}", f"refresh-{number}"
        if self.signs_access_tokens:
            access_token = self.token(sub=PERSON, client_id=APP, scope=asked["scope"], jti=str(number))
        nonce = asked.get("nonce") if form["grant_type"] == "authorization_code" else None
        answer: dict[str, object] = {
            "access_token": access_token,
            "expires_in": 3599,
            "scope": asked["scope"],
            "token_type": "bearer",
        }
        if "offline" in asked["scope"].split():
            self.refresh_tokens[refresh_token] = asked
            answer["refresh_token"] = refresh_token
        if "openid" in asked["scope"].split() and not self.without_id_token:
            answer["id_token"] = self.forged or self.id_token(access_token, nonce)
        return 200, answer | self.members

    def id_token(self, access_token: str, nonce: str | None) -> str:
        """A signed ID token, with what is `wrong` about it."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url, "sub": PERSON, "aud": APP, "azp": APP, "exp": now + 3600, "iat": now,
            "auth_time": self.auth_time, "at_hash": at_hash(access_token, "RS256"), "sid": "s",
            "company_id": COMPANY, "nonce": nonce, "client_id": None, "scope": None, "jti": None,
        }  # fmt: skip
        header = self.header(**({"typ": "JWT"} | self.header_of_id_tokens))
        told = self.claims(**(claims | self.wrong))
        return sign_raw(json.dumps(header).encode(), json.dumps(told).encode())

    def logout_token(self, changes: Mapping[str, object] | None = None, **header: str) -> str:
        """What the issuer posts when the session of its ID tokens is over; None takes a claim out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.url, "sub": PERSON, "aud": APP, "iat": now, "exp": now + 120, "jti": "j1", "sid": "s",
            "events": {LOGOUT_EVENT: {}}, "client_id": None, "scope": None, "company_id": None,
        }  # fmt: skip
        told = self.claims(**(claims | dict(changes or {})))
        return sign_raw(
            json.dumps(self.header(**({"typ": "logout+jwt"} | header))).encode(), json.dumps(told).encode()
        )


@contextmanager
def running_app_issuer() -> Iterator[AppIssuer]:
    """Serve until the block ends."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            body = issuer.document(self.path)
            self.send(404 if body is None else issuer.status, body or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: value for name, (value,) in parse_qs(body, strict_parsing=True).items()}
            issuer.forms.append(form)
            issuer.authorizations.append(self.headers["Authorization"])
            time.sleep(issuer.pause_s)
            if issuer.queue:
                refusal = issuer.queue.pop(0)
                self.send(refusal.status, json.dumps(refusal.body).encode(), refusal.headers)
            elif not knows(form, self.headers["Authorization"]):
                self.send(401, b'{"error": "invalid_client"}')
            elif self.path == "/oauth2/revoke":
                issuer.revoked.append(form["token"])
                issuer.refresh_tokens.pop(form["token"], None)
                self.send(200, b"")
            else:
                status, answer = issuer.answer_to(form)
                self.send(status, json.dumps(answer).encode())

        def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as url:
        issuer = AppIssuer(url)
        yield issuer


def knows(form: Mapping[str, str], authorization: str | None) -> bool:
    """Whether the request proves that it comes from the app (RFC 6749 §2.3.1)."""
    if authorization is not None:
        pair = b64decode(authorization.removeprefix("Basic ")).decode()
        return [unquote_plus(each) for each in pair.split(":")] == [APP, SECRET]
    return (form.get("client_id"), form.get("client_secret")) == (APP, SECRET)


def flow_at(issuer: AppIssuer, **changes: object) -> AuthorizationCodeFlow:
    """The app's end of the flow."""
    settings: dict[str, object] = {
        "issuer": issuer.url,
        "client_id": APP,
        "client_secret": SECRET,
        "redirect_uri": CALLBACK,
        "scopes": SCOPES,
        "audience": "https://api.understory.io",
        "chance": lambda: 0.0,
    }
    return AuthorizationCodeFlow(**(settings | changes))  # type: ignore[arg-type]


def connect(flow: AuthorizationCodeFlow, issuer: AppIssuer) -> Connection:
    """From start to connection."""
    started = flow.start()
    return flow.callback(issuer.allow(started.url), started.pending)
