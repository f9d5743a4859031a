"""Where the authorization endpoint sends nobody: hostile redirect URIs (RFC 9700 §4.1, RFC 6749 §4.1.2.1)."""

from urllib.parse import urlencode

import pytest

from running import PASSWORD, RunningServer
from web.apps import (
    AUTH,
    CALLBACK,
    Connecting,
    answer_of,
    go_on,
    new_app,
    refused_at_the_app,
    refused_on_a_page,
)
from web.people import Member
from web.visitor import Visitor


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app with one redirect URI."""
    return new_app(server)


@pytest.mark.parametrize("client_id", [None, "", "kg_ci_nobody", "' or 1=1 --", "\U0001f511" * 50])
def test_a01_nobody_knows_the_client(app: Connecting, visitor: Visitor, client_id: str | None) -> None:
    """Unknown or missing."""
    refused_on_a_page(app.send(visitor, client_id=client_id))


def test_a01_a_removed_or_suspended_app_is_not_known(server: RunningServer, visitor: Visitor) -> None:
    """Nor is an integration key, which has no redirect URI."""
    refused_on_a_page(new_app(server, state="suspended").send(visitor))
    key = server.new_key("booking.read")
    refused_on_a_page(new_app(server).send(visitor, client_id=key.client_id))


HOSTILE = [
    "A02-https://evil.test/cb",
    "A05-https://app.example.com/cb/../evil",
    "A05-https://app.example.com/cb%2f..%2fevil",
    "A05-https://app.example.com/cb%252f..%252fevil",
    "A05-https://app.example.com/cb/..;/evil",
    "A05-https://app.example.com//cb",
    "A05-https://app.example.com/cb/",
    "A05-https://app.example.com/CB",
    "A06-https://app.example.com@evil.test/cb",
    "A06-https://app.example.com:x@evil.test/cb",
    "A06-http://localhost:80@evil.test",
    "A07-https://app.example.com\\@evil.test/cb",
    "A07-https://app.example.com/cb\t",
    "A07-https://app.example.com/cb\n",
    "A07-https://app.example.com/cb ",
    "A07- https://app.example.com/cb",
    "A07-https://app.example\uff0ecom/cb",
    "A09-https://app.example.com/cb?more=1",
    "A09-https://app.example.com/cb?",
    "A09-https://app.example.com:443/cb",
    "A09-https://app.example.com/cb#f",
    "A09-https://app.example.com/cb#",
    "A10-HTTPS://app.example.com/cb",
    "A10-https://APP.example.com/cb",
    "A11-http://app.example.com/cb",
    "A11-javascript:alert(1)//",
    "A11-data:text/html,x",
    "A11-vbscript:x",
    "A11-file:///etc/passwd",
    "A13-http://[" + ":" * 40 + "]/cb",
    "A13-http://[::1/cb",
    "A13-http://[fe80::1%25eth0]/cb",
    "A13-https://app.example.com:99999/cb",
    "A14-https://app.ex\u00e4mple.com/cb",
    "A14-https://app.xn--exmple-cua.com/cb",
    "A14-https://\u0430pp.example.com/cb",
]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: ascii(case)[1:60])
def test_what_is_not_registered_is_a_page(app: Connecting, visitor: Visitor, case: str) -> None:
    """Compared as a string: whatever it would mean to a browser, it is not the registered one."""
    refused_on_a_page(app.send(visitor, redirect_uri=case.partition("-")[2]))


def test_a03_it_must_be_named(app: Connecting, visitor: Visitor) -> None:
    """Even when there is one only (OIDC Core §3.1.2.1), and once."""
    refused_on_a_page(app.send(visitor, redirect_uri=None))
    twice = f"{AUTH}?{urlencode(app.request())}&{urlencode({'redirect_uri': CALLBACK})}"
    refused_on_a_page(visitor.get(twice))


def test_a07_nul_is_refused_before_anybody_reads_it(app: Connecting, visitor: Visitor) -> None:
    """It names nothing."""
    assert app.send(visitor, redirect_uri=f"{CALLBACK}\0").status_code == 400


def test_a09_a_query_in_another_order(server: RunningServer, visitor: Visitor) -> None:
    """It is another URI."""
    app = new_app(server, redirect_uris=("https://app.example.com/cb?a=1&b=2",))
    assert app.send(visitor).status_code == 200
    refused_on_a_page(app.send(visitor, redirect_uri="https://app.example.com/cb?b=2&a=1"))


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
    ],
)
def test_a11_what_stands_in_the_database_is_not_believed(
    server: RunningServer, visitor: Visitor, uri: str
) -> None:
    """Registered by some other way, it is refused when it is used."""
    refused_on_a_page(new_app(server, redirect_uris=(uri,)).send(visitor))


@pytest.mark.parametrize(
    "wrong", [{"response_type": "token"}, {"scope": "no.such"}, {"prompt": "none login"}]
)
def test_a15_nothing_redirects_before_the_uri_is_trusted(
    app: Connecting, ana: Member, wrong: dict[str, str]
) -> None:
    """The same fault goes to the app as soon as the URI is its own."""
    refused_on_a_page(app.send(ana.browser, redirect_uri="https://evil.test/cb", **wrong))
    assert app.send(ana.browser, **wrong).status_code == 303


def test_a_native_app_may_choose_its_port(server: RunningServer, visitor: Visitor) -> None:
    """On loopback only, and the port only (RFC 8252 §7.3)."""
    app = new_app(
        server,
        application_type="native",
        public=True,
        redirect_uris=("http://127.0.0.1/cb", "com.example.app:/cb"),
    )
    page = app.send(visitor, redirect_uri="http://127.0.0.1:51004/cb")
    assert page.status_code == 200
    assert "form-action 'self' http: https:;" in page.headers["content-security-policy"]
    page = app.send(visitor, redirect_uri="com.example.app:/cb")
    assert "form-action 'self' com.example.app: https:;" in page.headers["content-security-policy"]
    assert "the app on this device" in page.text
    refused_on_a_page(app.send(visitor, redirect_uri="http://127.0.0.1:51004/other"))


def test_an_error_goes_to_the_app_once_it_is_trusted(app: Connecting, ana: Member) -> None:
    """With state and issuer (RFC 9207)."""
    answer = refused_at_the_app(app.send(ana.browser, scope="no.such"), "invalid_scope")
    assert (answer["state"], answer["iss"]) == ("s1", app.server.url)


@pytest.mark.parametrize(
    "wrong", [{"response_type": "token"}, {"scope": "no.such"}, {"prompt": "none login"}]
)
def test_nobody_is_led_to_an_app_by_an_error_before_they_signed_in(
    app: Connecting, ana: Member, visitor: Visitor, wrong: dict[str, str]
) -> None:
    """Unless they cancel, or the app asked silently (RFC 9700 §4.11.2)."""
    refused_at_the_app(app.send(visitor, prompt="none"), "login_required")
    page = app.send(visitor, **wrong)
    assert (page.status_code, "location" in page.headers) == (200, False)
    assert "Sign in" in page.text
    mistyped = go_on(visitor, page, "sign-in", email=ana.person.email, password="wrong")
    assert (mistyped.status_code, "location" in mistyped.headers) == (422, False)
    refused_at_the_app(go_on(visitor, page, "cancel"), answer_of(app.send(ana.browser, **wrong))["error"])
    led = go_on(visitor, page, "sign-in", email=ana.person.email, password=PASSWORD)
    assert answer_of(led) == answer_of(app.send(ana.browser, **wrong))


@pytest.mark.parametrize("wrong", [{"response_type": "token"}, {"scope": "no.such"}, {"prompt": "none"}])
def test_errors_of_an_app_that_nobody_reviewed_lead_nobody_there(
    server: RunningServer, ana: Member, bob: Member, visitor: Visitor, wrong: dict[str, str]
) -> None:
    """Anybody can register a draft: only the people of its own company are led to it (RFC 9700 §4.11.2)."""
    draft = new_app(server, ana.company.id, state="draft", verified_at_s=None)
    refused_on_a_page(draft.send(bob.browser, **wrong))
    page = draft.send(visitor, **wrong)
    if page.status_code == 200:
        page = go_on(visitor, page, "sign-in", email=bob.person.email, password=PASSWORD)
    refused_on_a_page(page)
    assert draft.send(ana.browser, **wrong).status_code == 303
