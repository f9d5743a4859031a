"""What the suite of the OpenID Foundation asks an OpenID Provider, each step of it in a browser and back.

Its modules, and which test stands for which, are in docs/conformance.md.
"""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from endpoints.connecting import claims_in
from running import PASSWORD, RunningServer
from web.apps import (
    AUTH,
    CALLBACK,
    CODES,
    Connecting,
    answer_of,
    go_on,
    new_app,
    open_at,
    refused_at_the_app,
    refused_on_a_page,
)
from web.people import Member
from web.visitor import Visitor, fields_of

WITHOUT_PKCE: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
LOGOUT, CONFIRM = "/oauth2/sessions/logout", "/oauth2/sessions/logout/confirm"
BYE = "https://app.example.com/bye"


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app as the suite has one: a secret, and no PKCE."""
    return new_app(server, require_pkce=False, post_logout_redirect_uris=(BYE,))


def code_for(app: Connecting, browser: Visitor, **asked: str | None) -> str:
    """The code that a request gives to somebody who is signed in and allows what is asked."""
    answer = app.send(browser, **{**WITHOUT_PKCE, **asked})
    return answer_of(go_on(browser, answer, "allow") if answer.status_code == 200 else answer)["code"]


def redeem(app: Connecting, code: str, *, by_header: bool = True, **more: str) -> dict[str, Any]:
    """Tokens for a code: the secret in the header, or in the form."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more}
    pair = base64.b64encode(f"{app.app.client_id}:{app.client_secret}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"} if by_header else {}
    if not by_header:
        form |= {"client_id": app.app.client_id, "client_secret": app.client_secret}
    answer = httpx2.post(f"{app.server.url}/oauth2/token", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    members = answer.json()
    assert isinstance(members, dict)
    return members


def id_token_of(app: Connecting, members: dict[str, Any]) -> dict[str, Any]:
    """The claims of the ID token, once its signature and its audience are known to be right."""
    keys = KeySet.import_key_set(httpx2.get(f"{app.server.url}/.well-known/jwks.json").json())
    claims = jwt.decode(members["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (app.server.url, app.app.client_id)
    return dict(claims)


def userinfo_of(app: Connecting, members: dict[str, Any]) -> dict[str, Any]:
    """What the userinfo endpoint tells of the person."""
    headers = {"Authorization": f"Bearer {members['access_token']}"}
    answer = httpx2.get(f"{app.server.url}/userinfo", headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("by_header", [True, False], ids=["basic", "post"])
def test_a_code_without_pkce_for_an_app_with_a_secret(app: Connecting, ana: Member, by_header: bool) -> None:
    """Its owner switched PKCE off; the secret goes in the header or in the form."""
    members = redeem(app, code_for(app, ana.browser, nonce="n1"), by_header=by_header)
    claims = id_token_of(app, members)
    assert (claims["sub"], claims["nonce"]) == (ana.person.id, "n1")
    assert userinfo_of(app, members)["sub"] == ana.person.id


def test_pkce_works_where_it_is_not_required(app: Connecting, ana: Member) -> None:
    """What an app sends of it is checked all the same."""
    code = answer_of(go_on(ana.browser, app.send(ana.browser), "allow"))["code"]
    answer = app.redeem(code)
    assert answer.status_code == 200, answer.text


def test_a_nonce_may_be_left_out(app: Connecting, ana: Member) -> None:
    """In the code flow it is optional (OIDC Core §3.1.2.1)."""
    assert "nonce" not in id_token_of(app, redeem(app, code_for(app, ana.browser)))


def test_scopes_come_in_any_order(app: Connecting, ana: Member) -> None:
    """Profile and e-mail address, `openid` last; the claims are there."""
    members = redeem(app, code_for(app, ana.browser, scope="email profile openid"))
    assert members["scope"] == "email profile openid"
    assert set(userinfo_of(app, members)) == {"sub", "name", "updated_at", "email", "email_verified"}


@pytest.mark.parametrize("scope", ["openid address", "openid phone"])
def test_scopes_that_are_not_offered_are_refused(app: Connecting, ana: Member, scope: str) -> None:
    """Discovery does not list them, and the suite leaves its tests of them out then."""
    refused_at_the_app(app.send(ana.browser, scope=scope), "invalid_scope")
    offered = httpx2.get(f"{app.server.url}/.well-known/openid-configuration").json()["scopes_supported"]
    assert not {"address", "phone"} & set(offered)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("display", "page"),
        ("display", "popup"),
        ("claims_locales", "se"),
        ("ui_locales", "se"),
        ("acr_values", "1 2"),
        ("login_hint", "bob@example.com"),
        ("extra", "foobar"),
    ],
)
def test_wishes_and_unknown_parameters_never_fail(
    app: Connecting, ana: Member, name: str, value: str
) -> None:
    """The answer is the one without them (OIDC Core §3.1.2.1, §15.1)."""
    members = redeem(app, code_for(app, ana.browser, **{name: value}))
    assert id_token_of(app, members)["sub"] == ana.person.id


def test_a_claim_that_is_essential_is_told(app: Connecting, ana: Member) -> None:
    """Asked for by name, though its scope was not (OIDC Core §5.5)."""
    claims = json.dumps({"userinfo": {"name": {"essential": True}}})
    members = redeem(app, code_for(app, ana.browser, scope="openid", claims=claims))
    assert userinfo_of(app, members) == {"sub": ana.person.id, "name": ana.person.name}


def test_with_prompt_none_the_same_sign_in_is_told_of(app: Connecting, ana: Member) -> None:
    """Also with a generous `max_age`, and with the ID token of the last time as hint."""
    first = redeem(app, code_for(app, ana.browser))
    told = id_token_of(app, first)
    for asked in ({"prompt": "none"}, {"max_age": "10000"}, {"id_token_hint": first["id_token"]}):
        answer = app.send(ana.browser, **{**WITHOUT_PKCE, "prompt": "none", **asked})
        again = id_token_of(app, redeem(app, answer_of(answer)["code"]))
        assert (again["sub"], again["auth_time"]) == (told["sub"], told["auth_time"])


def test_max_age_of_a_second_makes_them_sign_in_again(app: Connecting, ana: Member) -> None:
    """And the ID token says when."""
    told = id_token_of(app, redeem(app, code_for(app, ana.browser)))
    time.sleep(2.1)
    page = app.send(ana.browser, **WITHOUT_PKCE, max_age="1")
    assert "Sign in again" in page.text
    back = go_on(ana.browser, page, "sign-in", email=ana.person.email, password=PASSWORD)
    again = id_token_of(app, redeem(app, answer_of(back)["code"]))
    assert again["sub"] == told["sub"]
    assert again["auth_time"] > told["auth_time"]


def test_a_request_object_is_refused_at_the_app(app: Connecting, ana: Member) -> None:
    """Unless the redirect URI beside it is not the app's: that is a page (OIDC Core §3.1.2.6)."""
    unsigned = "eyJhbGciOiJub25lIn0.e30."
    answer = refused_at_the_app(app.send(ana.browser, request=unsigned), "request_not_supported")
    assert answer["state"] == "s1"
    refused_on_a_page(app.send(ana.browser, request=unsigned, redirect_uri="https://app.example.com/other"))


def test_an_answer_by_form_is_a_whole_answer(app: Connecting, ana: Member, visitor: Visitor) -> None:
    """Its code gives tokens; an error comes the same way, and with both come state and issuer."""
    answer = app.send(ana.browser, **WITHOUT_PKCE, response_mode="form_post", nonce="n1")
    page = go_on(ana.browser, answer, "allow")
    assert page.status_code == 200
    assert "location" not in page.headers
    fields = fields_of(page.text, CALLBACK)
    assert set(fields) == {"code", "state", "iss"}
    assert id_token_of(app, redeem(app, fields["code"]))["nonce"] == "n1"
    page = app.send(visitor, response_mode="form_post", prompt="none")
    assert page.status_code == 200
    fields = fields_of(page.text, CALLBACK)
    assert (fields["error"], fields["state"], fields["iss"]) == ("login_required", "s1", app.server.url)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_script_of_another_origin_reads_the_authorization_endpoint(
    app: Connecting, ana: Member, method: str
) -> None:
    """It is for browsers to visit (RFC 9700 §2.6)."""
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    answer = ana.browser.send(method, f"{AUTH}?{urlencode(app.request())}", headers=headers, shows=CODES)
    assert [name for name in answer.headers if name.startswith("access-control")] == []


def is_signed_in(app: Connecting, browser: Visitor) -> bool:
    """What the suite looks at after signing out."""
    answer = answer_of(app.send(browser, **WITHOUT_PKCE, prompt="none"))
    assert "code" in answer or answer["error"] == "login_required"
    return "code" in answer


def sign_out(browser: Visitor, **parameters: str) -> httpx2.Response:
    """Ask to be signed out by a link, and say yes where that is asked, also on an error page."""
    answer = browser.send("GET", f"{LOGOUT}?{urlencode(parameters)}", headers={}, shows=("eyJ",))
    if answer.status_code in (200, 400):
        answer = browser.post(CONFIRM, fields_of(answer.text, CONFIRM), shows=("eyJ",))
    assert answer.status_code == 303
    return answer


def test_signing_out_with_an_id_token_leads_back(app: Connecting, ana: Member) -> None:
    """With the state as it was, 128 characters, and without one; afterwards nobody is signed in."""
    for sent in ({"state": "s" * 128}, {}):
        hint = redeem(app, code_for(app, ana.browser))["id_token"]
        assert is_signed_in(app, ana.browser)
        away = sign_out(ana.browser, id_token_hint=hint, post_logout_redirect_uri=BYE, **sent)
        assert away.headers["location"] == (f"{BYE}?{urlencode(sent)}" if sent else BYE)
        assert not is_signed_in(app, ana.browser)
        ana.browser.sign_in(ana.person.email)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"state": "s1"},
        {"post_logout_redirect_uri": BYE, "state": "s1"},
        {"id_token_hint": "modified", "post_logout_redirect_uri": BYE},
        {"id_token_hint": "foreign", "post_logout_redirect_uri": BYE},
        {"id_token_hint": "right"},
        {"id_token_hint": "right", "post_logout_redirect_uri": f"{BYE}?foo=bar"},
        {"id_token_hint": "right", "post_logout_redirect_uri": "https://app.example.com/other"},
    ],
    ids=lambda sent: "-".join([*sent, *sent.values()])[:60] or "nothing",
)
def test_signing_out_otherwise_stays_here(app: Connecting, ana: Member, sent: dict[str, str]) -> None:
    """Whoever says yes is signed out, and is told so on a page of ours."""
    hint = redeem(app, code_for(app, ana.browser))["id_token"]
    head, payload, signature = hint.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    stranger = RSAKey.generate_key(2048, {"kid": kid})
    foreign = jwt.encode({"alg": "RS256", "typ": "JWT", "kid": kid}, claims_in(hint), stranger)
    hints = {"right": hint, "modified": f"{head}.{payload}.{signature[::-1]}", "foreign": foreign}
    parameters = {name: hints.get(value, value) for name, value in sent.items()}
    away = sign_out(ana.browser, **parameters)
    assert away.headers["location"] == "/sign-in?done=signed-out"
    assert "signed out" in open_at(ana.browser, away.headers["location"]).text
    assert not is_signed_in(app, ana.browser)
