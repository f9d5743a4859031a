"""The userinfo endpoint at a running server: OpenID Connect Core §5.3, RFC 6750."""

import pytest

from endpoints.connecting import Connection, ask_userinfo, claims_in, connect_app, tokens
from hostile_rules import Rules
from running import Key, ask_for_token


@pytest.fixture
def app(rules: Rules) -> Connection:
    """A confidential app, connected."""
    return connect_app(rules)


def bearer(token: str) -> dict[str, str]:
    """A header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def test_claims_by_scope(app: Connection) -> None:
    """The subject always; what the scopes of the token allow (§5.4)."""
    person = app.person
    whole = app.connect("openid profile email offline")
    answer = app.userinfo(whole["access_token"])
    assert answer.json() == {
        "sub": person.id,
        "name": person.name,
        "updated_at": person.created_at_s,
        "email": person.email,
        "email_verified": False,
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    narrow = tokens(app.refresh(whole["refresh_token"], scope="openid email"))
    assert set(app.userinfo(narrow["access_token"]).json()) == {"sub", "email", "email_verified"}
    assert claims_in(whole["id_token"])["sub"] == person.id


def test_claims_by_name(app: Connection) -> None:
    """Those that were asked for by name and allowed (§5.5)."""
    token = app.connect("openid profile", userinfo_claims=frozenset({"name"}))["access_token"]
    narrow = app.connect("openid", userinfo_claims=frozenset({"email"}))["access_token"]
    assert set(app.userinfo(token).json()) == {"sub", "name", "updated_at"}
    # Nobody allowed the scope that covers it.
    assert set(app.userinfo(narrow).json()) == {"sub"}


def test_by_post_as_by_get(app: Connection) -> None:
    """§5.3.1 wants both, whatever the body."""
    token = app.connect()["access_token"]
    for body in (b"", b"a=b"):
        answer = ask_userinfo(app.rules, bearer(token), method="POST", body=body)
        assert answer.json()["sub"] == app.person.id
    assert ask_userinfo(app.rules, bearer(token), method="HEAD").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_other_methods(app: Connection, method: str) -> None:
    """405 with those that are."""
    answer = ask_userinfo(app.rules, {}, method=method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_without_a_token_the_challenge_is_bare(app: Connection) -> None:
    """There is no error to tell of (RFC 6750 §3.1); another scheme is no token."""
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        answer = ask_userinfo(app.rules, headers)
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer.headers["www-authenticate"] == 'Bearer realm="keygrove"'


def test_j34_a_token_in_the_query_or_body_is_none(app: Connection) -> None:
    """It is not accepted and not logged (RFC 9700 §4.3.2)."""
    token = app.connect()["access_token"]
    app.rules.secrets.add(token)
    assert ask_userinfo(app.rules, {}, query=f"?access_token={token}").status_code == 401
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"access_token={token}".encode()
    assert ask_userinfo(app.rules, form, method="POST", body=body).status_code == 401


def test_j37_a_malformed_header(app: Connection) -> None:
    """400 with a challenge."""
    for value in ("Bearer", "Bearer a b", "Bearer\ta", 'Bearer "a"'):
        answer = ask_userinfo(app.rules, {"Authorization": value})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert 'error="invalid_request"' in answer.headers["www-authenticate"]


def test_a_token_that_is_no_good(app: Connection) -> None:
    """Garbage, an ID token, a forged and a cut one: one answer for all."""
    members = app.connect()
    token = members["access_token"]
    head, payload, signature = token.split(".")
    other = app.connect("openid")["access_token"].split(".")[1]
    for wrong in (
        "x",
        "a.b.c",
        members["id_token"],
        f"{head}.{other}.{signature}",
        token[:-2],
        f"{head}.{payload}.",
    ):
        answer = app.userinfo(wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="keygrove", error="invalid_token", '
            'error_description="The access token is invalid, expired or revoked."'
        )


def test_r15_a_token_of_a_key(app: Connection, key: Key) -> None:
    """403: it has no person."""
    token = ask_for_token(app.server, key).json()["access_token"]
    answer = app.userinfo(token)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert answer.headers["www-authenticate"].endswith('scope="openid"')
    assert app.userinfo(app.connect("profile")["access_token"]).status_code == 403


def test_r13_a_removed_app_learns_nothing(app: Connection) -> None:
    """Though its token has not expired."""
    token = app.connect()["access_token"]
    app.change("update clients set removed_at_s = 1 where client_id = $1", app.app.client_id)
    assert app.userinfo(token).status_code == 401


def test_a_program_in_a_browser_may_ask(app: Connection) -> None:
    """From every origin, without cookies; the challenge can be read."""
    token = app.connect()["access_token"]
    for headers in (bearer(token), bearer("x"), {}):
        answer = ask_userinfo(app.rules, headers)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    preflight = ask_userinfo(
        app.rules,
        {"Origin": "https://spa.example", "Access-Control-Request-Headers": "authorization"},
        method="OPTIONS",
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization"
