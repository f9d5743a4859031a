"""`private_key_jwt` at a running server: RFC 7523, OpenID Connect Core §9."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_urlsafe
from time import time

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from endpoints.asking import refused, refused_client
from endpoints.connecting import REVOKE, TOKEN, Code, Connection, connect_app, tokens
from endpoints.test_overtaken import ask_while
from hostile_rules import Rules
from keygrove.protocol.client_assertion import ASSERTION_TYPE
from running import Key, ask_for_token


@dataclass(frozen=True, slots=True)
class Signing:
    """An app that signs, and its key."""

    app: Connection
    key: RSAKey | ECKey

    @property
    def key_set(self) -> str:
        """What is published of the key."""
        return json.dumps({"keys": [self.key.as_dict(private=False)]})

    def assertion(self, *, key: RSAKey | ECKey | None = None, **claims: object) -> str:
        """What proves it for a minute; `claims` replace some."""
        now, client_id = int(time()), self.app.app.client_id
        whole = {"iss": client_id, "sub": client_id, "aud": self.app.server.url, "exp": now + 60}
        used = key or self.key
        header = {"alg": "RS256" if isinstance(used, RSAKey) else "ES256", "kid": str(self.key.kid)}
        made = jwt.encode(header, {**whole, "jti": token_urlsafe(8), **claims}, used)
        self.app.rules.secrets.add(made)
        return made

    def post(self, path: str, form: Mapping[str, str], assertion: str) -> httpx2.Response:
        """Post a form with an assertion."""
        return self.app.post(path, {"client_id": None, "client_secret": None, **signed(assertion), **form})

    def form_of(self, code: Code) -> dict[str, str]:
        """What presents a code, without what proves the app."""
        form = self.app.form_of(code)
        return {name: value for name, value in form.items() if not name.startswith("client_")}

    def redeem(self, assertion: str | None = None) -> httpx2.Response:
        """Present a new code."""
        return self.post(TOKEN, self.form_of(self.app.new_code()), assertion or self.assertion())


def signed(assertion: str) -> dict[str, str]:
    """The parameters that bring an assertion."""
    return {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}


@pytest.fixture(params=["RS256", "ES256"])
def signing(rules: Rules, request: pytest.FixtureRequest) -> Signing:
    """A connected app with a key of either algorithm."""
    kind: KeyParameters = {"kid": "k1", "use": "sig"}
    rsa = request.param == "RS256"
    key = RSAKey.generate_key(2048, kind) if rsa else ECKey.generate_key("P-256", kind)
    jwks = json.dumps({"keys": [key.as_dict(private=False)]})
    return Signing(connect_app(rules, jwks=jwks, require_pkce=False), key)


def test_an_app_that_signs_gets_tokens(signing: Signing) -> None:
    """For the issuer or the token endpoint; it refreshes and revokes in the same way."""
    members = tokens(signing.redeem())
    aud = f"{signing.app.server.url}/oauth2/token"
    form = {"grant_type": "refresh_token", "refresh_token": members["refresh_token"]}
    second = tokens(signing.post(TOKEN, form, signing.assertion(aud=aud)))
    answer = signing.post(REVOKE, {"token": second["refresh_token"]}, signing.assertion())
    assert answer.status_code == 200
    assert signing.app.userinfo(second["access_token"]).status_code == 401


def test_an_app_that_signs_pushes_its_requests(signing: Signing) -> None:
    """For the endpoint itself too (RFC 9126 §2); without a signature it does not."""
    form = {"response_type": "code", "redirect_uri": signing.app.app.redirect_uris[0], "scope": "openid"}
    for aud in (signing.app.server.url, f"{signing.app.server.url}/oauth2/par"):
        answer = signing.post("/oauth2/par", form, signing.assertion(aud=aud))
        assert answer.status_code == 201, answer.text
    refused_client(signing.app.post("/oauth2/par", {**form, "client_secret": "x"}))


def test_an_assertion_is_used_once(signing: Signing) -> None:
    """Also when many try at once, and when what it came with was refused."""
    assertion = signing.assertion()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: signing.redeem(assertion), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    once = signing.assertion()
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    refused(signing.post(TOKEN, form, once), "invalid_grant")
    refused_client(signing.redeem(once))


def test_f38_an_assertion_counts_no_more_once_its_keys_are_replaced(signing: Signing) -> None:
    """Also if it was good when it came, and waited to be written down; the code is not spent by that."""
    code = signing.app.new_code()
    client_id = signing.app.app.client_id
    form = {**signing.form_of(code), **signed(signing.assertion())}
    sql = "update clients set jwks = '{\"keys\": []}' where client_id = $1"
    answer = ask_while(signing.app, form, code.grant.grant_id, sql, client_id)
    assert (answer.status, json.loads(answer.body)["error"]) == (401, "invalid_client")
    signing.app.change("update clients set jwks = $2 where client_id = $1", client_id, signing.key_set)
    tokens(signing.post(TOKEN, signing.form_of(code), signing.assertion()))


def test_j14_no_other_token_is_an_assertion(signing: Signing, key: Key) -> None:
    """Our own tokens, those of another key, unsigned and edited ones."""
    members = tokens(signing.redeem())
    other = RSAKey.generate_key(2048) if isinstance(signing.key, RSAKey) else ECKey.generate_key("P-256")
    head, payload, signature = signing.assertion().split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    for assertion in (
        members["access_token"],
        members["id_token"],
        ask_for_token(signing.app.server, key).json()["access_token"],
        signing.assertion(key=other),
        f"{unsigned}.{payload}.",
        f"{head}.{signing.assertion(exp=int(time()) + 600).split('.')[1]}.{signature}",
        signing.assertion(aud="https://other.example"),
        signing.assertion(exp=int(time()) - 60),
    ):
        refused_client(signing.redeem(assertion))


def test_a_signing_app_has_no_secret(signing: Signing, rules: Rules) -> None:
    """And an app with a secret does not sign."""
    code = signing.app.new_code()
    refused_client(signing.app.redeem(code, client_secret="kg_sk_any"))
    refused_client(signing.app.redeem(code, client_secret=None))
    other = Signing(connect_app(rules), signing.key)
    refused_client(other.redeem())
