"""Revocation at a running server: RFC 7009."""

import pytest

from endpoints.asking import basic, refused, refused_client
from endpoints.connecting import (
    REVOKE,
    Connection,
    claims_in,
    connect_app,
    digests_of,
    refused_grant,
    send,
    tokens,
)
from hostile_rules import Rules
from keygrove.crypto.secrets import new_grant_id, refresh_token
from running import Key, ask_for_token


@pytest.fixture(params=["confidential", "public"])
def app(rules: Rules, request: pytest.FixtureRequest) -> Connection:
    """An app, connected."""
    return connect_app(rules, public=request.param == "public")


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "unknown"])
def test_r13_a_token_is_given_up(app: Connection, which: str, hint: str | None) -> None:
    """All of the grant ends, whatever the hint says (§2.1); a second time is a success too (§2.2)."""
    members = app.connect()
    for _ in range(2):
        answer = app.revoke(members[which], token_type_hint=hint)
        assert (answer.status_code, answer.json()) == (200, {})
    assert app.userinfo(members["access_token"]).status_code == 401
    refused_grant(app.refresh(members["refresh_token"]))
    assert app.is_revoked(claims_in(members["access_token"])["grant_id"])


def test_r13_an_old_refresh_token_ends_the_grant_too(app: Connection) -> None:
    """Whoever holds it wants it gone."""
    first = app.connect()
    second = tokens(app.refresh(first["refresh_token"]))
    assert app.revoke(first["refresh_token"]).status_code == 200
    refused_grant(app.refresh(second["refresh_token"]))


def test_another_grant_goes_on(app: Connection) -> None:
    """Of the same app, person and company."""
    one, other = app.connect(), app.connect()
    app.revoke(one["refresh_token"])
    assert app.userinfo(other["access_token"]).status_code == 200
    assert tokens(app.refresh(other["refresh_token"]))


def test_what_is_unknown_is_a_success(app: Connection) -> None:
    """Garbage, codes, ID tokens, refresh tokens of no grant (§2.2); the code is not spent."""
    code = app.new_code()
    digests = digests_of(app.server)
    nobody = refresh_token(digests, new_grant_id(), 1).reveal()
    for token in ("x", "kg_rt_", "a.b.c", code.code, nobody, "ü", "x" * 20_000):
        assert app.revoke(token).status_code == 200
    members = tokens(app.redeem(code))
    assert app.revoke(members["id_token"]).status_code == 200
    assert app.userinfo(members["access_token"]).status_code == 200


def test_the_token_of_another_app(app: Connection, rules: Rules) -> None:
    """It is refused, and goes on (§2.1)."""
    members, other = app.connect(), connect_app(rules)
    for which in ("access_token", "refresh_token"):
        refused_grant(other.revoke(members[which]))
    assert app.userinfo(members["access_token"]).status_code == 200


def test_an_app_that_is_not_live_gives_up_its_tokens(app: Connection) -> None:
    """In review again it may; suspended it proves itself nowhere, and nothing that it holds serves."""
    one, other = app.connect(), app.connect()
    app.change("update apps set state = 'in_review' where client_id = $1", app.app.client_id)
    refused_grant(app.refresh(one["refresh_token"]))
    assert app.revoke(one["refresh_token"]).status_code == 200
    assert app.is_revoked(claims_in(one["access_token"])["grant_id"])
    app.change("update apps set state = 'suspended' where client_id = $1", app.app.client_id)
    refused_client(app.revoke(other["refresh_token"]))
    assert app.userinfo(other["access_token"]).status_code == 401


def test_who_revokes_proves_who_it_is(app: Connection) -> None:
    """As at the token endpoint; a stranger ends nothing."""
    token = app.connect()["refresh_token"]
    refused_client(app.revoke(token, client_secret="kg_sk_wrong"))
    refused_client(app.revoke(token, client_id="kg_ci_unknown"))
    refused(app.revoke(token, client_id=None, client_secret=None), "invalid_request")
    if app.client_secret:
        refused_client(app.revoke(token, client_secret=None))
        headers = basic(app.app.client_id, "kg_sk_wrong")
        refused_client(send(app.rules, REVOKE, {"token": token}, headers), by_header=True)
        headers = basic(app.app.client_id, app.client_secret)
        assert send(app.rules, REVOKE, {"token": token}, headers).status_code == 200
    else:
        assert tokens(app.refresh(token))


def test_a_request_without_a_token(app: Connection) -> None:
    """`invalid_request`, as is one with two; 405 for GET."""
    refused(app.post(REVOKE, {}), "invalid_request")
    refused(app.revoke(""), "invalid_request")
    answer = app.rules.http.get(REVOKE)
    refused(answer, "invalid_request", 405)
    assert answer.headers["allow"] == "POST"


def test_a_key_cannot_give_up_its_access_token(rules: Rules, key: Key) -> None:
    """It is told so (§2.2.1): APIs check it offline, and no grant stands behind it."""
    token = ask_for_token(rules.server, key).json()["access_token"]
    form = {"client_id": key.client_id, "client_secret": key.client_secret, "token": token}
    refused(send(rules, REVOKE, form), "unsupported_token_type")


def test_the_access_token_of_another_key(app: Connection, rules: Rules, key: Key) -> None:
    """It is refused (§2.1)."""
    token = ask_for_token(rules.server, key).json()["access_token"]
    refused_grant(app.revoke(token))
