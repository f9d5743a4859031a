"""Requests that are answered at the app, or read with care: RFC 6749 §4.1, OIDC Core §3.1.2, RFC 9207."""

from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from altered import altered
from running import RunningServer
from web.apps import (
    AUTH,
    CALLBACK,
    CODES,
    Connecting,
    allowed_for,
    answer_of,
    assert_nothing_from_elsewhere,
    go_on,
    id_token,
    new_app,
    open_at,
    refused_at_the_app,
    refused_on_a_page,
    signed_token,
)
from web.people import Member
from web.visitor import FORM_TYPE, Visitor, fields_of

MARKUP = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{7*7}}"


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app."""
    return new_app(server)


@pytest.fixture
def connected(app: Connecting, ana: Member) -> Connecting:
    """An app that Ana connected: nothing needs to be asked."""
    go_on(ana.browser, app.send(ana.browser), "allow")
    return app


@pytest.mark.parametrize("kind", [None, "token", "id_token", "code token", "code code", "code id_token", "x"])
def test_a17_other_response_types(app: Connecting, ana: Member, kind: str | None) -> None:
    """Only a code is ever given."""
    refused_at_the_app(app.send(ana.browser, response_type=kind), "unsupported_response_type")


def test_a18_the_way_back_is_chosen(connected: Connecting, ana: Member) -> None:
    """In the query, the fragment, or a form; an unknown way is an error."""
    refused_at_the_app(connected.send(ana.browser, response_mode="pigeon"), "invalid_request")
    assert "code" in answer_of(connected.send(ana.browser, response_mode="query"))
    location = connected.send(ana.browser, response_mode="fragment").headers["location"]
    assert parse_qs(urlsplit(location).fragment)["state"] == ["s1"]
    assert urlsplit(location).query == ""
    page = connected.send(ana.browser, response_mode="form_post", state=MARKUP)
    assert page.status_code == 200
    fields = fields_of(page.text, CALLBACK)
    assert (fields["state"], fields["iss"]) == (MARKUP, connected.server.url)
    assert "<script>alert" not in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert "form-action 'self' https:;" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "state",
    [MARKUP, "'; drop table grants; --", "a\r\nSet-Cookie: a=b", "\U0001f511\u202e", "s" * 8192, "%00%0a+"],
)
def test_a19_state_comes_back_as_it_went(connected: Connecting, ana: Member, state: str) -> None:
    """Whatever it is, and nothing else comes of it."""
    answer = connected.send(ana.browser, state=state)
    assert answer_of(answer)["state"] == state
    assert "a=b" not in str(answer.headers.get_list("set-cookie"))
    assert answer.headers["location"].isascii()


def test_a19_state_over_its_limit(app: Connecting, ana: Member) -> None:
    """It is not sent back at all."""
    answer = refused_at_the_app(app.send(ana.browser, state="s" * 8193), "invalid_request")
    assert "state" not in answer


def test_a21_every_answer_names_the_issuer(connected: Connecting, ana: Member, visitor: Visitor) -> None:
    """Codes and errors (RFC 9207 §2)."""
    assert answer_of(connected.send(ana.browser))["iss"] == connected.server.url
    assert answer_of(connected.send(visitor, prompt="none"))["iss"] == connected.server.url


@pytest.mark.parametrize("prompt", ["none login", "login none", "sideways", "LOGIN"])
def test_a25_prompts_that_mean_nothing(app: Connecting, ana: Member, prompt: str) -> None:
    """Known ones only, and `none` stands alone."""
    refused_at_the_app(app.send(ana.browser, prompt=prompt), "invalid_request")


@pytest.mark.parametrize("max_age", ["-1", "soon", "1" + "0" * 30, "1.5", "\u0661"])
def test_a27_ages_that_are_none(app: Connecting, ana: Member, max_age: str) -> None:
    """A number of seconds."""
    refused_at_the_app(app.send(ana.browser, max_age=max_age), "invalid_request")


def test_a29_a_hint_signs_nobody_in(
    server: RunningServer, connected: Connecting, ana: Member, bob: Member, visitor: Visitor
) -> None:
    """Expired is fine. One that we did not sign, or that is another app's, is refused."""
    good = id_token(server, connected, ana.person.id)
    assert "code" in answer_of(connected.send(ana.browser, id_token_hint=good, prompt="none"))
    refused_at_the_app(connected.send(visitor, id_token_hint=good, prompt="none"), "login_required")
    head, _, rest = good.partition(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + rest.partition(".")[0] + "."
    other = id_token(server, new_app(server), ana.person.id)
    for bad in (none, f"{head}.{altered(rest, -2)}", other, "x", good + good):
        refused_at_the_app(connected.send(ana.browser, id_token_hint=bad), "invalid_request")
    somebody = id_token(server, connected, bob.person.id)
    refused_at_the_app(connected.send(ana.browser, id_token_hint=somebody, prompt="none"), "login_required")
    page = connected.send(ana.browser, id_token_hint=somebody)
    assert "expects somebody else" in page.text


def test_j14_an_access_token_is_no_hint(server: RunningServer, connected: Connecting, ana: Member) -> None:
    """Of whichever type its header says it is."""
    client_id = connected.app.client_id
    claims = {"sub": ana.person.id, "aud": client_id, "azp": client_id, "sid": "s", "scope": "openid"}
    for typ in ("at+jwt", "JWT"):
        token = signed_token(server, typ, claims)
        refused_at_the_app(connected.send(ana.browser, id_token_hint=token), "invalid_request")


def test_a30_a_form_of_another_site_works_like_a_link(connected: Connecting, ana: Member) -> None:
    """It brings no cookie, so the browser is asked to come by GET; nothing has happened until then."""
    headers = {"Content-Type": FORM_TYPE, "Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
    body = urlencode(connected.request(state="a b&c=\u00e4")).encode()
    came = ana.browser.send("POST", AUTH, headers={**headers, "Cookie": ""}, content=body)
    assert came.status_code == 303
    assert came.headers["location"].startswith(f"{AUTH}?")
    answer = answer_of(open_at(ana.browser, came.headers["location"]))
    assert answer["state"] == "a b&c=\u00e4"
    headers["Sec-Fetch-Site"] = "same-origin"
    same = ana.browser.send("POST", AUTH, headers=headers, content=body, shows=CODES)
    assert "code" in answer_of(same)


def test_a30_a_form_has_no_effect_before_consent(server: RunningServer, app: Connecting, ana: Member) -> None:
    """Even with the cookie it leads to the question only."""
    headers = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "cross-site"}
    page = ana.browser.send("POST", AUTH, headers=headers, content=urlencode(app.request()).encode())
    assert page.status_code == 200
    assert allowed_for(server, app, ana.person.id) == {}


@pytest.mark.parametrize("body", [b"client_id=%zz", b"client_id=\xff", b"a=1&" * 300, b"x" * 40_000])
def test_a_broken_form_is_a_page(visitor: Visitor, body: bytes) -> None:
    """Whatever it is."""
    refused_on_a_page(visitor.send("POST", AUTH, headers={"Content-Type": FORM_TYPE}, content=body))
    other = {"Content-Type": "application/json"}
    refused_on_a_page(visitor.send("POST", AUTH, headers=other, content=b"{}"))


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_give_no_code(connected: Connecting, ana: Member, method: str) -> None:
    """A look at the head is no request."""
    target = f"{AUTH}?{urlencode(connected.request())}"
    answer = ana.browser.send(method, target, headers={})
    assert answer.status_code == 405
    assert "location" not in answer.headers


def test_a45_hints_are_inert(app: Connecting, visitor: Visitor) -> None:
    """What is shown of them is text, and most of it is not shown."""
    wishes = ("login_hint", "ui_locales", "acr_values", "display", "error", "error_description", "error_hint")
    for name in wishes:
        page = app.send(visitor, **{name: MARKUP})
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert (MARKUP[:8] in fields_of(page.text, "/oauth2/auth/continue").get("email", "")) == (
            name == "login_hint"
        )
    page = app.send(visitor, redirect_uri="https://evil.test", error_description=MARKUP, error="hacked")
    refused_on_a_page(page)
    assert "hacked" not in page.text


def test_a31_a46_no_page_can_be_framed_or_loads_anything(
    app: Connecting, ana: Member, visitor: Visitor
) -> None:
    """Sign in, consent, error, and the list of keys."""
    pages = (
        app.send(visitor),
        app.send(ana.browser),
        app.send(visitor, client_id="x"),
        ana.browser.get(ana.keys_url),
    )
    for page in pages:
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert_nothing_from_elsewhere(page)


def test_a47_no_fragment_sticks_to_the_answer(connected: Connecting, ana: Member, visitor: Visitor) -> None:
    """A browser would carry the request's own fragment over (RFC 9110 §10.2.2)."""
    assert connected.send(ana.browser).headers["location"].endswith("#")
    assert connected.send(visitor, prompt="none").headers["location"].endswith("#")


def test_a_request_longer_than_a_target_can_be(app: Connecting, visitor: Visitor) -> None:
    """By GET it is refused for its length; by POST it is read where it is."""
    long = "x" * 9_000
    body = urlencode(app.request(state=quote("\u00e4" * 1_000), more=long)).encode()
    assert len(body) > 10_240
    page = visitor.send("POST", AUTH, headers={"Content-Type": FORM_TYPE}, content=body)
    assert page.status_code == 200
    assert visitor.get(f"{AUTH}?more={long}{long}").status_code == 414


@pytest.mark.parametrize("path", [AUTH, "/oauth2/sessions/logout"])
@pytest.mark.parametrize("name", ["%E2%82%AC", "a%0d%0aSet-Cookie:%20x", "a%26prompt%3dnone%23"])
def test_h06_a_parameter_of_any_name_is_carried_as_it_came(visitor: Visitor, path: str, name: str) -> None:
    """A form without a session is asked to come by GET: its names are encoded as its values are."""
    body = f"client_id=x&{name}=1".encode()
    headers = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "cross-site"}
    answer = visitor.send("POST", path, headers=headers, content=body)
    assert answer.status_code in (200, 303, 400)
    assert "set-cookie: x" not in str(answer.headers).lower()
    location = answer.headers.get("location", "")
    assert location.isascii()
    assert location.count("&") <= 1
    assert "#" not in location
