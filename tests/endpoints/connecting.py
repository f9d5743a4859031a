"""An app that a person connected to a company on a running server, and what it asks for at our endpoints."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import token_urlsafe
from time import time
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx2

from endpoints.asking import FORM, refused
from hostile_rules import Rules
from keygrove.crypto.secrets import Digests, new_client_id, new_client_secret, new_code, new_grant_id
from keygrove.house import House
from keygrove.protocol.authorization_grant import AuthorizationGrant
from keygrove.protocol.consent import Consent
from keygrove.protocol.grants.authorization_code import AuthorizationCode
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, consents, grants
from keygrove.storage.apps import App
from keygrove.storage.database import Transaction
from keygrove.storage.people import Person
from running import AUDIENCE, RunningServer

T = TypeVar("T")
CALLBACK = "https://app.example/cb"
SCOPE = "openid profile email marketing.read booking.read offline"
TOKEN, REVOKE, INTROSPECT, USERINFO = "/oauth2/token", "/oauth2/revoke", "/oauth2/introspect", "/userinfo"


@dataclass(frozen=True, slots=True)
class Code:
    """A code as the app has it from its callback, and the verifier that belongs to it."""

    code: str
    verifier: str | None
    grant: AuthorizationGrant


@dataclass(frozen=True, slots=True)
class Connection:
    """An app that `person` connected to a company, as its program sees it. A public one has no secret."""

    rules: Rules
    app: App
    client_secret: str
    person: Person
    company_id: str

    @property
    def server(self) -> RunningServer:
        """Where it is connected."""
        return self.rules.server

    def write(self, act: Callable[[Transaction], Awaitable[T]]) -> T:
        """Change what is stored, from beside the server."""
        return self.server.in_house(lambda house: _in_transaction(house, act))

    def new_code(
        self, scope: str = SCOPE, *, pkce: bool = True, expires_in_s: int = 60, **grant: Any
    ) -> Code:
        """What the browser brings after the person allowed the scope; `grant` changes the grant."""
        now = int(time())
        made = AuthorizationGrant(
            grant_id=new_grant_id(),
            client_id=self.app.client_id,
            subject=self.person.id,
            company_id=self.company_id,
            audience=AUDIENCE,
            scope=Scope.parse(scope),
            auth_time=now - 5,
            amr=("pwd",),
            acr=None,
            session_id="sid1",
            nonce="n-0S6_WzA2Mj",
        )
        code, verifier = new_code().reveal(), token_urlsafe(32) if pkce else None
        challenge = None if verifier is None else challenge_of(verifier)
        kept = AuthorizationCode(
            grant=replace(made, **grant),
            redirect_uri=CALLBACK,
            code_challenge=challenge,
            expires_at=now + expires_in_s,
        )
        self.write(lambda tx: consents.give(tx, self._consent(kept.grant), self.app.client_id, at_s=now))
        digests = digests_of(self.server)
        inserted = self.write(
            lambda tx: grants.insert(
                tx,
                kept,
                code_digest=digests.of("code", code),
                interaction_id=token_urlsafe(8),
                created_at_s=now,
            )
        )
        assert inserted
        self.rules.secrets.add(code)
        return Code(code, verifier, kept.grant)

    def _consent(self, grant: AuthorizationGrant) -> Consent:
        return Consent(grant.subject, grant.company_id, frozenset(grant.scope.tokens))

    def credentials(self) -> dict[str, str]:
        """What proves the app; its name alone when it is public."""
        secret = {"client_secret": self.client_secret} if self.client_secret else {}
        return {"client_id": self.app.client_id, **secret}

    def post(self, path: str, form: Mapping[str, str | None]) -> httpx2.Response:
        """Post a form with the app's credentials, which `form` may replace; None takes a parameter away."""
        merged = {**self.credentials(), **form}
        sent = {name: value for name, value in merged.items() if value is not None}
        return send(self.rules, path, sent)

    def form_of(self, code: Code) -> dict[str, str]:
        """The whole form that presents a code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        proof = {} if code.verifier is None else {"code_verifier": code.verifier}
        form = {"grant_type": "authorization_code", "code": code.code, "redirect_uri": CALLBACK}
        return {**self.credentials(), **form, **proof}

    def redeem(self, presented: Code, **changes: str | None) -> httpx2.Response:
        """Present a code."""
        return self.post(TOKEN, {**self.form_of(presented), **changes})

    def refresh(self, refresh_token: str, **changes: str | None) -> httpx2.Response:
        """Present a refresh token (RFC 6749 §6)."""
        return self.post(TOKEN, {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})

    def revoke(self, token: str, **changes: str | None) -> httpx2.Response:
        """Give a token up (RFC 7009 §2.1)."""
        return self.post(REVOKE, {"token": token, **changes})

    def userinfo(self, access_token: str) -> httpx2.Response:
        """Ask about the person (OIDC Core §5.3.1)."""
        return ask_userinfo(self.rules, {"Authorization": f"Bearer {access_token}"})

    def change(self, sql: str, *values: str | int | None) -> None:
        """Change a row, with a statement of the test's own."""
        assert self.write(lambda tx: tx.run(sql, *values)) == 1

    def is_revoked(self, grant_id: str) -> bool:
        """Whether the grant has ended."""
        stored = self.write(lambda tx: grants.by_id(tx, grant_id))
        assert stored is not None
        return stored.standing.revoked

    def connect(self, scope: str = SCOPE, **grant: Any) -> dict[str, Any]:
        """The tokens of a new grant."""
        return tokens(self.redeem(self.new_code(scope, **grant)))


def connect_app(rules: Rules, *, scope: str = SCOPE, public: bool = False, **changes: Any) -> Connection:
    """A live app of a company of its own, and an admin of another company who uses it."""
    server, number = rules.server, next(rules.server.names)
    maker, customer = (server.new_company(f"{what} {number}") for what in ("Maker", "Customer"))
    person = server.new_person(f"ana{number}@customer.example", company_id=customer.id)
    now, secret = int(time()), "" if public else new_client_secret().reveal()
    app = App(
        client_id=new_client_id(),
        company_id=maker.id,
        name=f"App {number}",
        audience=AUDIENCE,
        scope=Scope.parse(scope).within(frozenset({"marketing.read", "booking.read", "profile", "email"})),
        redirect_uris=(CALLBACK,),
        created_at_s=now,
        created_by="Mia",
        updated_at_s=now,
        reasons={},
        public=public,
        state="live",
        state_changed_at_s=now,
    )
    connection = Connection(rules, replace(app, **changes), secret, person, customer.id)
    digest = "" if public else digests_of(server).of("client_secret", secret)
    key = f"app {number}"
    assert connection.write(lambda tx: apps.insert(tx, connection.app, name_key=key, secret_digest=digest))
    rules.secrets.add(secret)
    return connection


def send(
    rules: Rules, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Post a form; the answer is held to the rules."""
    content = urlencode(form).encode()
    answer = rules.http.post(path, content=content, headers={**FORM, **(headers or {})})
    shows = ("eyJ", "kg_rt_") if answer.status_code == 200 and path == TOKEN else ()
    rules.check(answer.status_code, answer.headers, answer.text, answer.elapsed.total_seconds(), shows=shows)
    return answer


def ask_userinfo(
    rules: Rules, headers: Mapping[str, str], *, method: str = "GET", body: bytes = b"", query: str = ""
) -> httpx2.Response:
    """Ask the userinfo endpoint; the answer is held to the rules."""
    answer = rules.http.request(method, USERINFO + query, headers=dict(headers), content=body)
    rules.check(answer.status_code, answer.headers, answer.text, answer.elapsed.total_seconds())
    return answer


def tokens(answer: httpx2.Response) -> dict[str, Any]:
    """The members of a success."""
    assert answer.status_code == 200, answer.text
    members = answer.json()
    assert isinstance(members, dict)
    return members


def refused_grant(answer: httpx2.Response) -> None:
    """`invalid_grant`, with the one text that it has."""
    text = refused(answer, "invalid_grant")
    assert text == "The grant is invalid, expired, revoked, or was issued to another client."


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def claims_in(token: str) -> dict[str, Any]:
    """The claims of a token, its signature not looked at."""
    payload = token.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, dict)
    return found


async def _in_transaction(house: House, act: Callable[[Transaction], Awaitable[T]]) -> T:
    async with house.database.transaction() as tx:
        return await act(tx)


def digests_of(server: RunningServer) -> Digests:
    """With what a server makes digests."""

    async def ask(house: House) -> Digests:
        return house.server.digests

    return server.in_house(ask)
