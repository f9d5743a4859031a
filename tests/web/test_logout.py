"""RP-initiated logout: OpenID Connect RP-Initiated Logout 1.0 §2, §3."""

import json
from base64 import urlsafe_b64decode
from urllib.parse import urlencode

import httpx2
import pytest

from keygrove.crypto.jose import Keyring, SigningKey
from keygrove.house import House
from keygrove.storage import signing_keys
from keygrove.storage.signing_keys import StoredSigningKey
from running import RunningServer
from web.apps import Connecting, answer_of, code_content, go_on, id_token, new_app, refused_at_the_app
from web.people import Member
from web.visitor import FORM_TYPE, Visitor, fields_of

LOGOUT, CONFIRM = "/oauth2/sessions/logout", "/oauth2/sessions/logout/confirm"
BYE = "https://app.example.com/bye"
ASKED = "Sign out of Keygrove too?"
FLAWS = {"hint": "not an ID token from here", "uri": "an address that it has not registered"}
# The page holds the request again for its form, the ID token with it.
HINTS = ("eyJ",)


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app with a place to come back to."""
    return new_app(server, post_logout_redirect_uris=(BYE,))


@pytest.fixture
def hint(server: RunningServer, app: Connecting, ana: Member) -> str:
    """An ID token of the very session that Ana has."""
    code = answer_of(go_on(ana.browser, app.send(ana.browser), "allow"))["code"]
    grant = code_content(server, code).grant
    return id_token(server, app, ana.person.id, sid=grant.session_id)


def ask(browser: Visitor, **parameters: str) -> httpx2.Response:
    """Ask to be signed out, by a link."""
    return browser.send("GET", f"{LOGOUT}?{urlencode(parameters)}", headers={}, shows=HINTS)


def is_signed_in(member: Member) -> bool:
    """Whether their browser still is."""
    return member.browser.get(member.keys_url).status_code == 200


def test_the_app_whose_session_it_is_signs_out(ana: Member, hint: str) -> None:
    """At once, and leads on to its own URI with its state."""
    away = ask(ana.browser, id_token_hint=hint, post_logout_redirect_uri=BYE, state="a&b")
    assert away.status_code == 303
    assert away.headers["location"] == f"{BYE}?state=a%26b"
    assert ana.browser.session == ""
    assert not is_signed_in(ana)


def test_by_post_too(ana: Member, hint: str) -> None:
    """From another site without cookies: the browser is asked to come by GET (§2)."""
    body = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": BYE}).encode()
    headers = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "cross-site", "Cookie": ""}
    came = ana.browser.send("POST", LOGOUT, headers=headers, content=body, shows=HINTS)
    assert came.status_code == 303
    assert is_signed_in(ana)
    away = ana.browser.send("GET", came.headers["location"], headers={}, shows=HINTS)
    assert away.headers["location"] == BYE
    assert not is_signed_in(ana)


@pytest.mark.parametrize("uri", ["https://evil.test/", f"{BYE}?x=1", f"{BYE}/", "javascript:alert(1)", ""])
def test_a49_no_other_uri_is_led_to(ana: Member, hint: str, uri: str) -> None:
    """They are told so, may sign out all the same, and stay here."""
    page = ask(ana.browser, id_token_hint=hint, post_logout_redirect_uri=uri)
    if uri:
        assert page.status_code == 400
        assert FLAWS["uri"] in page.text
        assert is_signed_in(ana)
        page = confirm(ana.browser, page)
    assert page.headers["location"] == "/sign-in?done=signed-out"
    assert not is_signed_in(ana)


@pytest.mark.parametrize("kind", ["none", "alg-none", "another-app", "another-person", "another-client-id"])
def test_a49_a_hint_that_proves_nothing(
    server: RunningServer, app: Connecting, ana: Member, bob: Member, hint: str, kind: str
) -> None:
    """They are told what is wrong, if something is, and asked; a yes leads nowhere else."""
    body = hint.split(".")[1]
    hints = {
        "none": {},
        "alg-none": {"id_token_hint": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}."},
        "another-app": {"id_token_hint": id_token(server, new_app(server), ana.person.id)},
        "another-person": {"id_token_hint": id_token(server, app, bob.person.id)},
        "another-client-id": {"id_token_hint": hint, "client_id": new_app(server).app.client_id},
    }
    page = ask(ana.browser, **hints[kind], post_logout_redirect_uri=BYE)
    flaw = {"alg-none": "hint", "another-app": "uri", "another-client-id": "hint"}.get(kind)
    assert page.status_code == (200 if flaw is None else 400)
    assert (ASKED if flaw is None else FLAWS[flaw]) in page.text
    assert "app.example.com" not in page.text.partition("asked")[0]
    away = confirm(ana.browser, page)
    assert away.headers["location"] == "/sign-in?done=signed-out"
    assert not is_signed_in(ana)


def test_a50_a_link_or_picture_of_another_site_only_asks(ana: Member) -> None:
    """And a picture comes without the cookie: nothing ends, no cookie is taken away."""
    page = ask(ana.browser)
    assert ASKED in page.text
    picture = ana.browser.send("GET", LOGOUT, headers={"Cookie": "", "Sec-Fetch-Dest": "image"})
    assert picture.status_code == 303
    assert picture.headers.get_list("set-cookie") == []
    assert is_signed_in(ana)


def test_a50_another_site_cannot_confirm(ana: Member) -> None:
    """The yes is a form of ours."""
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
    assert ana.browser.post(CONFIRM, {"asked": ""}, headers=headers).status_code == 403
    assert ana.browser.post(CONFIRM, {"asked": "", "form_token": "x"}).status_code == 403
    assert is_signed_in(ana)


def test_an_older_session_of_the_same_person_asks_but_may_lead_back(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """The hint is about them, though not about this session."""
    page = ask(ana.browser, id_token_hint=id_token(server, app, ana.person.id), post_logout_redirect_uri=BYE)
    assert ASKED in page.text
    assert "form-action 'self' https:;" in page.headers["content-security-policy"]
    assert confirm(ana.browser, page).headers["location"] == BYE


def test_an_id_token_whose_key_has_retired_is_a_hint(
    server: RunningServer, app: Connecting, ana: Member, hint: str
) -> None:
    """As one that expired is (§2); not one whose key was revoked, or that another key has signed."""
    old = SigningKey.generate(now=0)
    content = urlsafe_b64decode(hint.split(".")[1] + "==")
    retired = Keyring((old,)).sign(content, "JWT", algorithm="RS256", now=0)
    assert FLAWS["hint"] in ask(ana.browser, id_token_hint=retired).text
    keep(server, old)
    forged = f"{retired.rpartition('.')[0]}.{hint.rpartition('.')[2]}"
    assert FLAWS["hint"] in ask(ana.browser, id_token_hint=forged).text
    refused_at_the_app(app.send(ana.browser, id_token_hint=forged), "invalid_request")
    assert "code" in answer_of(app.send(ana.browser, id_token_hint=retired, prompt="none"))
    revoke(server, old, at_s=1)
    assert FLAWS["hint"] in ask(ana.browser, id_token_hint=retired).text
    revoke(server, old, at_s=None)
    away = ask(ana.browser, id_token_hint=retired, post_logout_redirect_uri=BYE)
    assert away.headers["location"] == BYE
    assert not is_signed_in(ana)


def keep(server: RunningServer, key: SigningKey) -> None:
    """Hold a key in the store that signed before the server's own, long ago."""

    async def add(house: House) -> None:
        stored = StoredSigningKey(
            kid=key.kid,
            algorithm="RS256",
            generation=0,
            public_jwk=json.dumps(key.public_jwk()),
            private_sealed="",
            created_at_s=0,
            signs_from_s=0,
        )
        async with house.database.transaction() as tx:
            await tx.run("update signing_keys set signs_from_s = 1 where generation = 1")
            assert await signing_keys.insert(tx, stored)

    server.in_house(add)


def revoke(server: RunningServer, key: SigningKey, *, at_s: int | None) -> None:
    """Say when the key was revoked."""

    async def write(house: House) -> None:
        async with house.database.transaction() as tx:
            await tx.run("update signing_keys set revoked_at_s = $1 where kid = $2", at_s, key.kid)

    server.in_house(write)


@pytest.mark.parametrize("cookies", [True, False])
def test_a_post_that_is_too_large_is_a_page(ana: Member, *, cookies: bool) -> None:
    """It would not fit into an address; nobody is signed out, or told that they are."""
    headers = {"Content-Type": FORM_TYPE} | ({} if cookies else {"Cookie": ""})
    for length in (11_000, 100_000):
        content = urlencode({"state": "s" * length}).encode()
        answer = ana.browser.send("POST", LOGOUT, headers=headers, content=content)
        assert answer.status_code == 400
        assert "too large" in answer.text
        assert "location" not in answer.headers
    assert is_signed_in(ana)


@pytest.mark.parametrize("query", ["state=1&state=2", "id_token_hint=%zz", "state=%00"])
def test_a_broken_request_is_a_page(ana: Member, query: str) -> None:
    """And nobody is signed out."""
    assert ana.browser.get(f"{LOGOUT}?{query}").status_code == 400
    assert is_signed_in(ana)


def test_other_methods(visitor: Visitor) -> None:
    """A look at the head ends nothing."""
    for method in ("HEAD", "PUT", "DELETE"):
        assert visitor.send(method, LOGOUT, headers={}).status_code == 405
    other = {"Content-Type": "text/plain"}
    assert visitor.send("POST", LOGOUT, headers=other, content=b"x").status_code == 400


def confirm(browser: Visitor, page: httpx2.Response) -> httpx2.Response:
    """Say yes."""
    return browser.post(CONFIRM, fields_of(page.text, CONFIRM), shows=HINTS)
