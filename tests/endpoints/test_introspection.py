"""Introspection at a running server: RFC 7662."""

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe

import httpx2
import pytest

from endpoints.asking import basic, refused, refused_client
from endpoints.connecting import INTROSPECT, Connection, claims_in, connect_app, send, tokens
from hostile_rules import Rules
from keygrove.management import api_credentials, integrations
from keygrove.management.context import OPERATOR
from running import AUDIENCE, Key, ask_for_token

OFF = {"active": False}


@dataclass(frozen=True, slots=True)
class Api:
    """An API's program, which asks about tokens."""

    rules: Rules
    client_id: str
    client_secret: str

    def ask(self, token: str, **changes: str) -> httpx2.Response:
        """Ask with the credentials in the body."""
        form = {"client_id": self.client_id, "client_secret": self.client_secret, "token": token, **changes}
        return send(self.rules, INTROSPECT, form)


@pytest.fixture
def api(rules: Rules) -> Api:
    """The API that all keys and apps here are for."""
    new = rules.server.manage(
        lambda m: api_credentials.create(m, OPERATOR, audience=AUDIENCE, name=f"api {token_urlsafe(4)}")
    )
    secret = new.client_secret.reveal()
    rules.secrets.add(secret)
    return Api(rules, new.credential.client_id, secret)


@pytest.fixture
def app(rules: Rules) -> Connection:
    """A confidential app, connected."""
    return connect_app(rules)


def test_an_active_token_is_told_of(api: Api, app: Connection, key: Key) -> None:
    """With its claims; of a person and of a key, by Basic too (§2.2)."""
    token = app.connect()["access_token"]
    assert api.ask(token).json() == {"active": True, "token_type": "bearer", **claims_in(token)}
    own = ask_for_token(api.rules.server, key).json()["access_token"]
    answer = send(api.rules, INTROSPECT, {"token": own}, basic(api.client_id, api.client_secret))
    assert (answer.json()["active"], answer.json()["client_id"]) == (True, key.client_id)
    assert answer.headers["cache-control"] == "no-store"


def test_r14_nobody_asks_anonymously(api: Api, app: Connection, key: Key) -> None:
    """401 without credentials, with wrong ones, with those of an app or a key (§2.1)."""
    token = app.connect()["access_token"]
    refused_client(send(api.rules, INTROSPECT, {"token": token}), by_header=True)
    refused_client(api.ask(token, client_secret="kg_sk_wrong"))
    refused_client(api.ask(token, client_secret=""))
    for client_id, secret in [(app.app.client_id, app.client_secret), (key.client_id, key.client_secret)]:
        refused_client(api.ask(token, client_id=client_id, client_secret=secret))
        wrong = basic(client_id, secret)
        refused_client(send(api.rules, INTROSPECT, {"token": token}, wrong), by_header=True)


def test_r14_a_removed_credential_is_told_nothing(api: Api, app: Connection) -> None:
    """From that moment on."""
    token = app.connect()["access_token"]
    api.rules.server.manage(lambda m: api_credentials.remove(m, OPERATOR, api.client_id))
    refused_client(api.ask(token))


def test_r14_garbage_and_other_kinds_are_not_active(api: Api, app: Connection) -> None:
    """Nothing else is said of them."""
    members = app.connect()
    token = members["access_token"]
    for other in (
        "x",
        "a.b.c",
        token[:-2],
        members["id_token"],
        members["refresh_token"],
        app.new_code().code,
        "x" * 20_000,
    ):
        answer = api.ask(other)
        assert (answer.status_code, answer.json()) == (200, OFF)


ENDINGS: dict[str, Callable[[Connection, dict[str, str]], object]] = {
    "revoked": lambda app, members: app.revoke(members["access_token"]),
    "app suspended": lambda app, _: app.change(
        "update apps set state = 'suspended' where client_id = $1", app.app.client_id
    ),
    "app removed": lambda app, _: app.change(
        "update clients set removed_at_s = 1 where client_id = $1", app.app.client_id
    ),
    "consent withdrawn": lambda app, _: app.change(
        "delete from consents where client_id = $1", app.app.client_id
    ),
    "person disabled": lambda app, _: app.change(
        "update people set disabled_at_s = 1 where person_id = $1", app.person.id
    ),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_r14_what_has_ended_is_not_active_at_once(api: Api, app: Connection, what: str) -> None:
    """Though APIs that check offline believe it until it expires."""
    members = app.connect()
    ENDINGS[what](app, members)
    assert api.ask(members["access_token"]).json() == OFF


def test_b18_a_removed_key_is_not_active_at_once(api: Api, own_key: Key) -> None:
    """Nor is a scope that was taken from it."""
    token = ask_for_token(api.rules.server, own_key, scope="marketing.read booking.write").json()
    assert api.ask(token["access_token"]).json()["scope"] == "marketing.read booking.write"
    api.rules.server.manage(
        lambda m: integrations.remove_key(m, OPERATOR, own_key.company_id, own_key.client_id)
    )
    assert api.ask(token["access_token"]).json() == OFF


def test_a_request_is_well_formed(api: Api) -> None:
    """A form with one token, by POST."""
    refused(api.ask(""), "invalid_request")
    refused(api.rules.http.get(INTROSPECT), "invalid_request", 405)
    refused(api.rules.http.post(INTROSPECT, json={"token": "x"}), "invalid_request")


def test_d15_a_flood_of_random_tokens_is_cheap(api: Api, app: Connection) -> None:
    """Each is refused by its form, checksum or signature: no table is searched; good ones get through."""
    token = app.connect()["access_token"]
    header = token.partition(".")[0]
    for number in range(200):
        random = token_urlsafe(64) if number % 2 else f"{header}.{token_urlsafe(300)}.{token_urlsafe(256)}"
        assert api.ask(random).json() == OFF
        assert app.revoke(random).status_code == 200
    assert api.ask(token).json()["active"] is True
    assert tokens(app.redeem(app.new_code()))
