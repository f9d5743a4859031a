"""Waves Marketplace over real sockets: an app, an API and an issuer that allows at once."""

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import pytest

from keygrove.demo.api import create_api
from keygrove.demo.consents import CompanyData, invent_company
from keygrove.demo.marketplace import CALLBACK, SCOPES, TOLD, from_environment
from keygrove.demo.platform import AUDIENCE
from keygrove.sdk.authorization_code import AuthorizationCodeFlow
from ports import free_port
from sdk.app_issuer import APP, SECRET, AppIssuer, Refusal, running_app_issuer
from sdk.asgi import serving
from sdk.issuer import COMPANY

REFUSED = urlencode({"error": "access_denied", "error_description": "No."})


@pytest.fixture
def issuer() -> Iterator[AppIssuer]:
    """Who gives the tokens."""
    with running_app_issuer() as running:
        running.signs_access_tokens = True
        yield running


@pytest.fixture
def companies() -> dict[str, CompanyData]:
    """What the API holds."""
    return {COMPANY: invent_company(COMPANY, "Lakeside <Kayaks>")}


@pytest.fixture
def browser(issuer: AppIssuer, companies: dict[str, CompanyData]) -> Iterator[httpx2.Client]:
    """A visitor of the marketplace."""
    port = free_port()
    address = f"http://localhost:{port}"
    with serving(create_api(issuer=issuer.url, audience=AUDIENCE, companies=companies)) as api:
        app = from_environment(
            {
                "KEYGROVE_ISSUER": issuer.url,
                "KEYGROVE_CLIENT_ID": APP,
                "KEYGROVE_CLIENT_SECRET": SECRET,
                "KEYGROVE_DEMO_MARKETPLACE": address,
                "KEYGROVE_DEMO_API": api,
            }
        )
        with serving(app, port), httpx2.Client(base_url=address, headers={"Origin": address}) as client:
            yield client


def connect(browser: httpx2.Client, issuer: AppIssuer, **changes: str | None) -> str:
    """Press Connect, allow, come back; the page then shown."""
    sent = browser.post("/connect")
    assert sent.status_code == 303
    back = browser.get(f"{CALLBACK}?{issuer.allow(sent.headers['location'], **changes)}")
    assert (back.status_code, back.headers["location"]) == (303, "/")
    return browser.get("/").text


def press(browser: httpx2.Client, path: str) -> str:
    """Press a button; the page then shown."""
    assert browser.post(path).headers["location"] == "/"
    return browser.get("/").text


def test_a_company_is_connected_looked_at_renewed_and_left(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """The whole way; what the API says is text, not markup."""
    assert "Connect your account" in browser.get("/").text
    page = connect(browser, issuer)
    assert "You are connected to Understory." in page
    assert "Lakeside &lt;Kayaks&gt;" in page
    assert page.count("@example.") == 5
    assert all(f"<code>{scope}</code>" in page for scope in SCOPES)
    assert "You are connected" not in browser.get("/").text
    assert "gave us a new access token" in press(browser, "/refresh")
    assert issuer.forms[-1]["grant_type"] == "refresh_token"
    assert "You are disconnected." in press(browser, "/disconnect")
    assert issuer.revoked == ["refresh-2"]
    assert "Connect your account" in browser.get("/").text


def test_a_person_who_says_no_is_believed(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """Other errors are told as they are, without their markup."""
    assert "You are not connected" in connect(browser, issuer, code=None, error="access_denied")
    page = connect(browser, issuer, code=None, error="server_error", error_description="<script>")
    assert "server_error: &lt;script&gt;" in page
    assert issuer.forms == []


def test_an_answer_that_nobody_waits_for_connects_nothing(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """No attacker's account is slipped in, and no code is taken twice (RFC 9700 §4.7)."""
    with httpx2.Client(base_url=browser.base_url, headers=browser.headers) as attacker:
        answer = issuer.allow(attacker.post("/connect").headers["location"])
    browser.get(f"{CALLBACK}?{answer}")
    assert "No sign-in is under way" in browser.get("/").text
    answer = issuer.allow(browser.post("/connect").headers["location"])
    browser.get(f"{CALLBACK}?{answer}")
    browser.get(f"{CALLBACK}?{answer}")
    assert "No sign-in is under way" in browser.get("/").text
    assert len(issuer.forms) == 1


def test_no_address_in_a_request_is_led_to(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """No open redirector (RFC 9700 §4.11.1): its ways lead to the issuer, and to its own front page."""
    elsewhere = "https://evil.example/"
    names = ("next", "url", "return_to", "redirect_uri", "post_logout_redirect_uri", "target_link_uri", "iss")
    query = urlencode(dict.fromkeys(names, elsewhere))
    sent = browser.post(f"/connect?{query}", data=dict.fromkeys(names, elsewhere)).headers["location"]
    assert sent.startswith(f"{issuer.url}/oauth2/auth?")
    assert "evil.example" not in sent
    assert browser.get(f"{CALLBACK}?{query}").headers["location"] == "/"
    for path in ("/refresh", "/disconnect"):
        answer = browser.post(f"{path}?{query}", headers={"Referer": elsewhere})
        assert answer.headers["location"] == "/"
    assert "location" not in browser.get(f"/?{query}").headers


def test_each_browser_has_its_own_connection(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """And its name changes when it is connected (session fixation)."""
    browser.post("/connect")
    planted = browser.cookies["waves"]
    connect(browser, issuer)
    assert browser.cookies["waves"] != planted
    with httpx2.Client(base_url=browser.base_url, cookies={"waves": planted}) as other:
        assert "Connect your account" in other.get("/").text


def test_a_connection_that_was_ended_there_is_noticed(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """At the next refresh, asked for or not."""
    connect(browser, issuer)
    issuer.refresh_tokens.clear()
    page = press(browser, "/refresh")
    assert "has ended this connection" in page
    assert "Connect your account" in page
    issuer.members = {"expires_in": 30}
    connect(browser, issuer)
    issuer.refresh_tokens.clear()
    assert "has ended this connection" in browser.get("/").text


def test_who_signs_out_at_the_platform_is_signed_out_here(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """Whose session it was, nobody else; what is no logout token ends nothing."""
    connect(browser, issuer)
    issuer.wrong = {"sid": "another"}
    with httpx2.Client(base_url=browser.base_url, headers=browser.headers) as other:
        connect(other, issuer)
        for token in ("", "x", issuer.logout_token(typ="JWT"), issuer.logout_token({"aud": "kg_ci_other"})):
            assert httpx2.post(f"{browser.base_url}{TOLD}", data={"logout_token": token}).status_code == 400
        new = {"logout_token": issuer.logout_token(kid="another")}
        assert httpx2.post(f"{browser.base_url}{TOLD}", data=new).status_code == 503
        assert "Lakeside" in browser.get("/").text
        answer = httpx2.post(f"{browser.base_url}{TOLD}", data={"logout_token": issuer.logout_token()})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        page = browser.get("/").text
        assert "You signed out of Understory" in page
        assert "Connect your account" in page
        assert "Lakeside" in other.get("/").text
    assert issuer.revoked == []


@pytest.mark.parametrize("during", ["callback", "refresh", "home"])
def test_a_sign_out_meanwhile_is_not_undone(
    browser: httpx2.Client, issuer: AppIssuer, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    """What is under way when the platform tells of it brings no connection back."""
    method = "callback" if during == "callback" else "refresh"
    act = getattr(AuthorizationCodeFlow, method)

    def interrupted(*values: object) -> object:
        made = act(*values)
        answer = httpx2.post(f"{browser.base_url}{TOLD}", data={"logout_token": issuer.logout_token()})
        assert answer.status_code == 200
        return made

    issuer.members = {"expires_in": 30} if during == "home" else {}
    if during == "refresh":
        connect(browser, issuer)
    monkeypatch.setattr(AuthorizationCodeFlow, method, interrupted)
    page = press(browser, "/refresh") if during == "refresh" else connect(browser, issuer)
    for shown in (page, browser.get("/").text):
        assert "Connect your account" in shown
        assert "Lakeside" not in shown
    assert "You signed out of Understory" in page


def test_a_token_that_ends_soon_or_is_not_taken_is_renewed(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """Without a word; if the API takes no token at all, the page says so and the connection stays."""
    issuer.members = {"expires_in": 30}
    connect(browser, issuer)
    assert [form["grant_type"] for form in issuer.forms] == ["authorization_code", "refresh_token"]
    issuer.members, issuer.signs_access_tokens = {}, False
    page = press(browser, "/refresh")
    assert "the API does not take our token" in page
    issuer.signs_access_tokens = True
    assert "Lakeside" in browser.get("/").text


def test_what_is_not_allowed_is_not_shown(
    browser: httpx2.Client, issuer: AppIssuer, companies: dict[str, CompanyData]
) -> None:
    """A token without the scope; a company with no consents, and no name."""
    companies.clear()
    assert "Nobody has agreed to marketing yet." in connect(browser, issuer)
    sent = browser.post("/connect").headers["location"].replace("%20marketing.read", "")
    browser.get(f"{CALLBACK}?{issuer.allow(sent)}")
    assert "does not let us see your marketing consents" in browser.get("/").text


def test_trouble_at_the_issuer_is_told(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """On a page, and the person can try again."""
    connect(browser, issuer)
    for path in ("/refresh", "/disconnect"):
        issuer.queue = [Refusal(429, {"error": "slow_down"}, {"Retry-After": "60"})]
        assert "slow_down" in press(browser, path)
    assert "You are disconnected." in press(browser, "/disconnect")
    issuer.queue = [Refusal(400, {"error": "invalid_grant"})]
    assert "The connection was not made. invalid_grant" in connect(browser, issuer)


def test_only_its_own_pages_may_post(browser: httpx2.Client) -> None:
    """Whatever the browser thinks of the cookie."""
    for origin in ("https://evil.example", "null", "http://localhost"):
        assert browser.post("/connect", headers={"Origin": origin}).status_code == 403
    del browser.headers["Origin"]
    assert browser.post("/disconnect").status_code == 403


def test_other_addresses_lead_to_its_own(browser: httpx2.Client, issuer: AppIssuer) -> None:
    """A cookie of 127.0.0.1 would not come back to localhost."""
    port = browser.base_url.port
    answer = httpx2.get(f"http://127.0.0.1:{port}/")
    assert answer.headers["location"] == f"http://localhost:{port}/"
    page = browser.get("/")
    assert f"form-action 'self' {issuer.url};" in page.headers["content-security-policy"]
    assert browser.get("/waves.css").headers["content-type"].startswith("text/css")
    assert "http" not in page.text
