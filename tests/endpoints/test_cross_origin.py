"""CORS at a running server: which pages may read what the endpoints for programs answer."""

from urllib.parse import urlencode

import httpx2
import pytest

from endpoints.asking import FORM, Asker
from endpoints.connecting import (
    CALLBACK,
    INTROSPECT,
    REVOKE,
    SCOPE,
    TOKEN,
    Connection,
    challenge_of,
    connect_app,
    send,
    tokens,
)
from hostile_rules import Rules
from keygrove.protocol.metadata import PUSHED_REQUEST_PATH

HOME, ELSEWHERE = "https://app.example", "https://evil.test"
ALLOWED = "access-control-allow-origin"


@pytest.fixture
def app(rules: Rules) -> Connection:
    """An app in the browser, connected."""
    return connect_app(rules, public=True)


def ask(app: Connection, path: str, form: dict[str, str], origin: str = HOME) -> httpx2.Response:
    """As a page of that origin asks."""
    return send(app.rules, path, {**app.credentials(), **form}, {"Origin": origin})


def pushed(app: Connection) -> dict[str, str]:
    """A request that is sent ahead."""
    return {
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }


def test_a_page_of_a_public_app_reads_what_it_is_answered(app: Connection) -> None:
    """Tokens, their renewal and their end, and a pushed request; no cookie is in it."""
    redeemed = ask(app, TOKEN, app.form_of(app.new_code()))
    refreshing = {"grant_type": "refresh_token", "refresh_token": tokens(redeemed)["refresh_token"]}
    refreshed = ask(app, TOKEN, refreshing)
    revoked = ask(app, REVOKE, {"token": tokens(refreshed)["refresh_token"]})
    for answer in (redeemed, refreshed, revoked, ask(app, PUSHED_REQUEST_PATH, pushed(app))):
        assert answer.status_code in (200, 201)
        assert (answer.headers[ALLOWED], answer.headers["vary"]) == (HOME, "origin")
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [ELSEWHERE, "null", f"{HOME}:8443", "http://app.example"])
def test_no_other_page_reads_a_success(app: Connection, origin: str) -> None:
    """Though it be asked for with the right code."""
    redeemed = ask(app, TOKEN, app.form_of(app.new_code()), origin)
    revoked = ask(app, REVOKE, {"token": tokens(redeemed)["refresh_token"]}, origin)
    for answer in (redeemed, revoked, ask(app, PUSHED_REQUEST_PATH, pushed(app), origin)):
        assert answer.status_code in (200, 201)
        assert ALLOWED not in answer.headers


def test_a_secret_key_is_of_no_use_in_a_page(ask: Asker, rules: Rules) -> None:
    """Neither a company's own key nor an app with a secret has an origin, its redirect URI's included."""
    assert ALLOWED not in ask.post(ask.form(), {"Origin": HOME}).headers
    confidential = connect_app(rules)
    code = confidential.new_code()
    answer = send(rules, TOKEN, confidential.form_of(code), {"Origin": HOME})
    assert answer.status_code == 200
    assert ALLOWED not in answer.headers


def test_every_page_reads_errors(app: Connection) -> None:
    """So that whoever writes one learns what is wrong, before the app is known and after."""
    refusals = [
        ask(app, TOKEN, {"grant_type": "authorization_code", "code": "kg_co_x"}),
        ask(app, TOKEN, {"grant_type": "authorization_code", "code": "kg_co_x"}, ELSEWHERE),
        ask(app, TOKEN, {"grant_type": "wrong"}),
        ask(app, TOKEN, {"client_id": "unknown"}),
        ask(app, REVOKE, {}),
        ask(app, PUSHED_REQUEST_PATH, {"response_type": "token"}),
    ]
    for answer in refusals:
        assert answer.status_code in (400, 401)
        assert answer.headers[ALLOWED] == "*"
        assert answer.headers["access-control-expose-headers"] == "retry-after, www-authenticate"


@pytest.mark.parametrize("path", [TOKEN, REVOKE, PUSHED_REQUEST_PATH])
def test_a_browser_that_asks_first_is_told(rules: Rules, path: str) -> None:
    """A preflight names no client: every origin may send a POST. OPTIONS without one is no method here."""
    headers = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    answer = rules.http.options(path, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[ALLOWED] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
    assert rules.http.options(path, headers={"Origin": ELSEWHERE}).status_code == 405


def test_no_page_asks_about_tokens(rules: Rules) -> None:
    """Introspection is for APIs."""
    headers = {**FORM, "Origin": HOME, "Access-Control-Request-Method": "POST"}
    for answer in (
        rules.http.options(INTROSPECT, headers=headers),
        rules.http.post(INTROSPECT, content=urlencode({"token": "x"}), headers=headers),
    ):
        assert answer.status_code in (401, 405)
        assert ALLOWED not in answer.headers
