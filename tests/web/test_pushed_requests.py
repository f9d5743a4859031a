"""Requests that an app pushes ahead of the browser: RFC 9126."""

import base64
from typing import Any

import httpx2
import pytest

from altered import altered
from keygrove.protocol.pushed_request import LIFETIME_S, REQUEST_URI_PREFIX
from running import RunningServer
from web.apps import (
    CODES,
    CONTINUE,
    Connecting,
    answer_of,
    code_content,
    go_on,
    new_app,
    open_at,
    refused_on_a_page,
)
from web.people import Member
from web.visitor import Visitor, fields_of

AUTH = "/oauth2/auth"


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app."""
    return new_app(server)


def push(app: Connecting, headers: dict[str, str] | None = None, **changes: str | None) -> httpx2.Response:
    """Push a request as the app does, with its secret in the body unless it is taken away."""
    form = app.request(**{"client_secret": app.client_secret, **changes})
    return httpx2.post(f"{app.server.url}/oauth2/par", data=form, headers=headers or {}, verify=False)


def name_of(answer: httpx2.Response) -> str:
    """The name of a request that was taken (§2.2)."""
    assert answer.status_code == 201, answer.text
    assert list(answer.json()) == ["request_uri", "expires_in"]
    assert answer.json()["expires_in"] == LIFETIME_S
    assert answer.headers["cache-control"] == "no-store"
    name = answer.json()["request_uri"]
    assert isinstance(name, str)
    assert name.startswith(REQUEST_URI_PREFIX)
    return name


def arrive(browser: Visitor, app: Connecting, name: str, more: str = "") -> httpx2.Response:
    """Send a browser with the name, as the app does (§4)."""
    return open_at(browser, f"{AUTH}?client_id={app.app.client_id}&request_uri={name}{more}")


def refused(answer: httpx2.Response, code: str, status: int = 400) -> None:
    """A refusal in the words of RFC 6749 §5.2."""
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text


def test_a_pushed_request_is_the_whole_request(server: RunningServer, app: Connecting, ana: Member) -> None:
    """What stands beside its name in the URL is not read (§4)."""
    name = name_of(push(app, nonce="n1", state="pushed"))
    page = arrive(
        ana.browser, app, name, "&scope=booking.write&nonce=n2&state=other&redirect_uri=https://x.test"
    )
    assert "Read bookings" in page.text
    answer = answer_of(go_on(ana.browser, page, "allow"))
    assert answer["state"] == "pushed"
    code = code_content(server, answer["code"])
    assert (code.grant.nonce, str(code.grant.scope)) == ("n1", "openid booking.read")
    assert app.redeem(answer["code"]).status_code == 200


def test_it_gives_one_code(app: Connecting, ana: Member) -> None:
    """Also when nothing needs to be asked (§7.3)."""
    go_on(ana.browser, app.send(ana.browser), "allow")
    name = name_of(push(app))
    assert "code" in answer_of(arrive(ana.browser, app, name))
    again = arrive(ana.browser, app, name)
    assert again.status_code == 403
    assert "answered already" in again.text


def test_the_client_proves_itself_in_each_of_its_ways(server: RunningServer, app: Connecting) -> None:
    """By body or Basic; a public client by its name alone."""
    pair = base64.b64encode(f"{app.app.client_id}:{app.client_secret}".encode()).decode()
    name_of(push(app, {"Authorization": f"Basic {pair}"}, client_secret=None))
    name_of(push(app, {"Authorization": f"Basic {pair}"}, client_secret=None, client_id=None))
    name_of(push(new_app(server, public=True), client_secret=None))
    refused(push(app, client_secret="wrong"), "invalid_client", 401)
    refused(push(app, client_secret=None), "invalid_client", 401)
    refused(push(app, client_id="kg_ci_nobody"), "invalid_client", 401)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://evil.test/cb"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"scope": "no.such"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"request_uri": f"{REQUEST_URI_PREFIX}x"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"state": "s" * 7_000}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_told_at_once(app: Connecting, changes: dict[str, Any], code: str) -> None:
    """To the client, before any person is sent anywhere (§2.3)."""
    refused(push(app, **changes), code)


def test_a_name_that_is_no_good(server: RunningServer, app: Connecting, ana: Member) -> None:
    """Made up, edited, another client's: an error page."""
    name = name_of(push(app))
    other = new_app(server)
    refused_on_a_page(arrive(ana.browser, other, name))
    for bad in (altered(name, -2), REQUEST_URI_PREFIX, f"{REQUEST_URI_PREFIX}{'A' * 300}", f"{name}é"):
        refused_on_a_page(arrive(ana.browser, app, bad))
    elsewhere = app.send(ana.browser, request_uri="https://evil.test/request.jwt")
    assert answer_of(elsewhere)["error"] == "request_uri_not_supported"


def test_the_name_shows_nothing(app: Connecting) -> None:
    """It is encrypted, and without the secret anyhow."""
    name = name_of(push(app, nonce="n-0123456789")).removeprefix(REQUEST_URI_PREFIX)
    content = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))
    assert b"n-0123456789" not in content
    assert app.client_secret.encode() not in content


def test_the_secret_is_not_in_the_pages(app: Connecting, visitor: Visitor) -> None:
    """What proved the client is no part of the request."""
    sealed = fields_of(arrive(visitor, app, name_of(push(app))).text, CONTINUE)["interaction"].partition(".")[
        0
    ]
    content = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    assert app.app.client_id.encode() in content
    assert app.client_secret.encode() not in content


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_other_methods(app: Connecting, visitor: Visitor, method: str) -> None:
    """It is pushed by POST (§2.1)."""
    assert visitor.send(method, "/oauth2/par", headers={}, shows=CODES).status_code == 405
