"""The pages on which somebody allows an app: nobody else grants anything, and only what they saw is."""

import re
from collections.abc import Callable

import httpx2
import pytest

from altered import altered
from hostile_rules import Rules
from keygrove.protocol.scope import Scope
from running import PASSWORD, RunningServer
from stores import store_at
from web.apps import (
    CALLBACK,
    CODES,
    CONTINUE,
    Connecting,
    allowed_for,
    answer_of,
    code_content,
    consent_of,
    go_on,
    new_app,
    refused_at_the_app,
    refused_on_a_page,
)
from web.people import Member, join
from web.visitor import Visitor, fields_of

READ = frozenset({"openid", "booking.read"})


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app that nobody has connected."""
    return new_app(server)


def rows(server: RunningServer, *tables: str) -> dict[str, object]:
    """How many rows these tables have."""
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        return {table: store.query(f"select count(*) from {table}")[0][0] for table in tables}  # noqa: S608


def test_d09_requests_without_a_session_leave_nothing(server: RunningServer, app: Connecting) -> None:
    """A request under way lives in its page."""
    # Keygrove itself may give up an app of another test meanwhile.
    journal = "journal where actor_kind <> 'system'"
    tables = ("sessions", "grants", "consents", "sign_in_attempts", journal, "creations")
    before = rows(server, *tables)
    with httpx2.Client(base_url=server.url, trust_env=False) as http:
        for number in range(200):
            assert http.get("/oauth2/auth", params=app.request(state=str(number))).status_code == 200
    assert rows(server, *tables) == before


def test_a23_after_a_form_the_browser_comes_by_get(app: Connecting, ana: Member, visitor: Visitor) -> None:
    """303, for 307 would carry the password on."""
    page = app.send(visitor)
    page = consent_of(go_on(visitor, page, "sign-in", email=ana.person.email, password=PASSWORD))
    assert go_on(visitor, page, "allow").status_code == 303
    again = app.send(visitor, prompt="login")
    back = go_on(visitor, again, "sign-in", email=ana.person.email, password=PASSWORD)
    assert (back.status_code, "code" in answer_of(back)) == (303, True)


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_a26_a_new_sign_in_or_none(
    server: RunningServer, app: Connecting, ana: Member, asked: dict[str, str]
) -> None:
    """Who leaves keeps the session they had; who signs in has a new one."""
    go_on(ana.browser, app.send(ana.browser), "allow")
    before = ana.browser.session
    page = app.send(ana.browser, **asked)
    assert "Sign in again" in page.text
    refused_at_the_app(go_on(ana.browser, page, "cancel"), "access_denied")
    assert ana.browser.session == before
    assert ana.browser.get(ana.keys_url).status_code == 200
    old = code_content(server, answer_of(app.send(ana.browser))["code"]).grant
    page = app.send(ana.browser, **asked)
    wrong = go_on(ana.browser, page, "sign-in", email=ana.person.email, password="wrong")
    assert wrong.status_code == 422
    back = go_on(ana.browser, wrong, "sign-in", email=ana.person.email, password=PASSWORD)
    new = code_content(server, answer_of(back)["code"]).grant
    assert new.session_id != old.session_id
    assert new.auth_time >= old.auth_time
    assert ana.browser.session != before


def _from_elsewhere(_: dict[str, str], __: Visitor) -> dict[str, str]:
    return {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}


def _without_a_token(fields: dict[str, str], _: Visitor) -> dict[str, str]:
    fields["form_token"] = ""
    return {"Sec-Fetch-Site": "same-origin"}


def _with_a_strangers_token(fields: dict[str, str], browser: Visitor) -> dict[str, str]:
    page = Visitor(browser.server, browser.rules).get("/sign-in")
    fields["form_token"] = fields_of(page.text, "/sign-in")["form_token"]
    return {"Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("forge", [_from_elsewhere, _without_a_token, _with_a_strangers_token])
@pytest.mark.parametrize("step", ["allow", "cancel", "sign-in"])
def test_a33_a_consent_form_from_elsewhere(
    server: RunningServer,
    app: Connecting,
    ana: Member,
    step: str,
    forge: Callable[[dict[str, str], Visitor], dict[str, str]],
) -> None:
    """Refused, and nothing is granted."""
    fields = fields_of(consent_of(app.send(ana.browser)).text, CONTINUE) | {"step": step}
    headers = forge(fields, ana.browser)
    answer = ana.browser.post(CONTINUE, fields, headers=headers)
    assert answer.status_code == 403
    assert "location" not in answer.headers
    assert allowed_for(server, app, ana.person.id) == {}


def test_a33_a_planted_cookie_allows_nothing(server: RunningServer, app: Connecting, ana: Member) -> None:
    """Whoever knows the form cookie of a browser still has no token of its session."""
    fields = fields_of(consent_of(app.send(ana.browser)).text, CONTINUE)
    page = Visitor(
        ana.browser.server, ana.browser.rules, cookies={"keygrove_form": ana.browser.cookies["keygrove_form"]}
    )
    fields["form_token"] = fields_of(page.get("/sign-in").text, "/sign-in")["form_token"]
    assert ana.browser.post(CONTINUE, {**fields, "step": "allow"}).status_code == 403
    assert allowed_for(server, app, ana.person.id) == {}


def test_a34_edited_fields_change_nothing(server: RunningServer, app: Connecting, ana: Member) -> None:
    """What is asked stands in the seal; the rest of the form is not read."""
    other = new_app(server)
    page = consent_of(app.send(ana.browser, nonce="n1"))
    fields = fields_of(page.text, CONTINUE)
    for place in (0, 10, len(fields["interaction"]) // 2, -1):
        edited = {**fields, "interaction": altered(fields["interaction"], place), "step": "allow"}
        assert ana.browser.post(CONTINUE, edited).status_code == 403
    more = {
        "scope": "booking.write",
        "client_id": other.app.client_id,
        "redirect_uri": "https://evil.test/cb",
        "nonce": "n2",
        "code_challenge": "x",
        "company": "x",
    }
    back = ana.browser.post(CONTINUE, {**fields, **more, "step": "allow"}, shows=CODES)
    assert back.headers["location"].startswith(f"{CALLBACK}?code=")
    code = code_content(server, answer_of(back)["code"])
    assert (code.grant.client_id, code.grant.nonce) == (app.app.client_id, "n1")
    assert frozenset(code.grant.scope.tokens) == READ
    assert allowed_for(server, app, ana.person.id) == {ana.company.id: READ}


def test_a35_a_request_of_another_browser(
    server: RunningServer, app: Connecting, ana: Member, bob: Member
) -> None:
    """Made up, stolen, or empty: it is not theirs."""
    stolen = fields_of(consent_of(app.send(ana.browser)).text, CONTINUE)["interaction"]
    own = fields_of(consent_of(app.send(bob.browser)).text, CONTINUE)
    for interaction in (stolen, "", ".", "a.b", "0" * 64, own["interaction"] + "x"):
        answer = bob.browser.post(CONTINUE, {**own, "interaction": interaction, "step": "allow"})
        assert answer.status_code == 403
    assert allowed_for(server, app, bob.person.id) == {}
    assert answer_of(bob.browser.post(CONTINUE, {**own, "step": "allow"}, shows=CODES))["code"]


def test_a37_two_tabs_do_not_mix(server: RunningServer, app: Connecting, ana: Member) -> None:
    """Finished in the other order, each app gets its own."""
    other = new_app(server, redirect_uris=("https://other.example/cb",))
    first, second = app.send(ana.browser, state="one"), other.send(ana.browser, state="two")
    for connecting, page, state in ((other, second, "two"), (app, first, "one")):
        back = go_on(ana.browser, page, "allow")
        assert back.headers["location"].startswith(connecting.app.redirect_uris[0])
        answer = answer_of(back)
        assert answer["state"] == state
        assert code_content(server, answer["code"]).grant.client_id == connecting.app.client_id


def test_a38_there_is_no_second_code(server: RunningServer, app: Connecting, ana: Member) -> None:
    """Whoever goes back and presses again is told so."""
    page = consent_of(app.send(ana.browser))
    assert go_on(ana.browser, page, "allow").status_code == 303
    before = rows(server, "grants")
    again = go_on(ana.browser, page, "allow")
    assert again.status_code == 403
    assert "This was answered already" in again.text
    assert rows(server, "grants") == before


NAMES = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "override": "Bank \u202e\u2066gnp.exe\u2069",
    "long": "W" * 10_000,
    "formula": "=cmd|' /C calc'!A0",
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "brand": "Keygrove",
    "empty": "\u200b\u200b\u200b",
}


@pytest.mark.parametrize("kind", NAMES)
def test_a39_k02_a_name_is_inert_and_short(server: RunningServer, ana: Member, kind: str) -> None:
    """And stands beside the host that it leads to."""
    name = NAMES[kind]
    app = new_app(
        server, name=name, description=name, owner=name, reasons={"booking.read": name}, verified_at_s=None
    )
    page = consent_of(app.send(ana.browser))
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert not set(page.text) & set("\u202e\u2066\u2069\u200b")
    assert "W" * 300 not in page.text
    assert "app.example.com" in page.text
    assert "Not verified" in page.text
    assert "7*7" in page.text or kind != "template"


def test_a41_who_may_not_grant_is_told_so(
    server: RunningServer, rules: Rules, app: Connecting, ana: Member
) -> None:
    """An auditor, and somebody without a company."""
    eve = join(server, rules, company=ana.company, role="auditor")
    page = app.send(eve.browser)
    assert "You can't connect" in page.text
    assert f"Ask an admin of {ana.company.name}" in page.text
    answer = go_on(eve.browser, page, "allow")
    assert answer.status_code == 200
    refused_at_the_app(go_on(eve.browser, page, "cancel"), "access_denied")
    refused_at_the_app(app.send(eve.browser, prompt="none"), "interaction_required")
    assert allowed_for(server, app, eve.person.id) == {}


def test_a41_a_draft_is_for_its_makers_company(server: RunningServer, ana: Member, bob: Member) -> None:
    """Nobody else can connect it."""
    draft = new_app(server, ana.company.id, state="draft", verified_at_s=None)
    assert "not published yet" in consent_of(draft.send(ana.browser)).text
    page = draft.send(bob.browser)
    assert "You can't connect" in page.text
    assert "Back to the app" not in page.text
    assert "You'll return to" not in page.text
    refused_on_a_page(go_on(bob.browser, page, "cancel"))
    assert allowed_for(server, draft, bob.person.id) == {}


def test_the_code_gives_tokens(app: Connecting, ana: Member) -> None:
    """For the company that was chosen."""
    code = answer_of(go_on(ana.browser, app.send(ana.browser), "allow"))["code"]
    answer = app.redeem(code)
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "openid booking.read"


def test_a43_more_than_was_allowed_is_asked_for_again(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """What is new is marked; what was allowed before stays so."""
    go_on(ana.browser, app.send(ana.browser), "allow")
    assert app.send(ana.browser).status_code == 303
    wider = "openid booking.read event.read"
    refused_at_the_app(app.send(ana.browser, scope=wider, prompt="none"), "consent_required")
    page = consent_of(app.send(ana.browser, scope=wider))
    assert page.text.count(">New</span>") == 1
    assert "code" in answer_of(go_on(ana.browser, page, "allow"))
    assert allowed_for(server, app, ana.person.id) == {ana.company.id: READ | {"event.read"}}


def test_the_page_says_what_the_app_keeps_besides(
    server: RunningServer, rules: Rules, app: Connecting, ana: Member
) -> None:
    """What it can change already is not called impossible, whoever of the company allowed it."""
    page = consent_of(app.send(ana.browser, scope="openid event.read"))
    assert "Create or change anything" in page.text
    assert "lets it do more already" not in page.text
    go_on(ana.browser, app.send(ana.browser, scope="openid booking.read booking.write"), "allow")
    colleague = join(server, rules, company=ana.company)
    for browser in (ana.browser, colleague.browser):
        page = consent_of(app.send(browser, scope="openid event.read"))
        assert "Create or change anything" not in page.text
        assert "Create or change events" in page.text
        assert (
            f"{ana.company.name} lets it do more already, and that stays: read and write bookings."
            in page.text
        )


def test_a43_a_registration_that_grew_meanwhile(server: RunningServer, app: Connecting, ana: Member) -> None:
    """A yes means what the page said: without `scope` the app gets all that it has, as it was shown."""
    page = consent_of(app.send(ana.browser, scope=None))
    shown = frozenset(app.app.scope.tokens)
    app.change(scope=type(app.app.scope).of((*app.app.scope.tokens, "order.read")))
    again = consent_of(go_on(ana.browser, page, "allow"))
    assert "Read orders" in again.text
    assert allowed_for(server, app, ana.person.id) == {}
    assert "order.read" not in shown


def test_optional_permissions_are_tick_boxes(server: RunningServer, ana: Member) -> None:
    """Left out they are not granted; ticked they are; nothing else can be slipped in."""
    app = new_app(server, scope=Scope(("booking.read",)), optional_scope=Scope(("event.read", "order.read")))
    wide = "openid booking.read event.read order.read"
    page = consent_of(app.send(ana.browser, scope=wide))
    assert page.text.count('type="checkbox" name="optional"') == 2
    back = go_on(ana.browser, page, "allow", optional="event.read marketing.read")
    code = answer_of(back)["code"]
    assert app.redeem(code).json()["scope"] == "openid booking.read event.read"
    assert allowed_for(server, app, ana.person.id) == {ana.company.id: READ | {"event.read"}}
    page = consent_of(app.send(ana.browser, scope=wide, prompt="consent"))
    assert page.text.count('type="checkbox" name="optional"') == 1


def preselected(page: str) -> str:
    """The company that is chosen to begin with."""
    (chosen,) = re.findall(r'name="company" value="([^"]+)"[^>]* checked', page)
    return str(chosen)


def test_the_company_is_chosen_first(
    server: RunningServer, rules: Rules, app: Connecting, ana: Member
) -> None:
    """By name; one that is not theirs is no choice."""
    other = join(server, rules)
    server.new_person(ana.person.email, company_id=other.company.id)
    page = app.send(ana.browser)
    assert "Which company is this for?" in page.text
    foreign = go_on(ana.browser, page, "choose-company", company=server.company_id)
    assert "Which company is this for?" in foreign.text
    page = consent_of(go_on(ana.browser, page, "choose-company", company=other.company.id))
    assert "Which company is this for?" in go_on(ana.browser, page, "other-company").text
    go_on(ana.browser, page, "allow")
    assert allowed_for(server, app, ana.person.id) == {other.company.id: READ}
    again = app.send(ana.browser, prompt="consent")
    assert preselected(again.text) == other.company.id


def test_another_account_never_ends_in_a_code(app: Connecting, ana: Member, bob: Member) -> None:
    """Who wants another account and mistypes is not let through as who they were."""
    go_on(ana.browser, app.send(ana.browser), "allow")
    page = consent_of(app.send(ana.browser, prompt="consent"))
    page = go_on(ana.browser, page, "another-account")
    wrong = go_on(ana.browser, page, "sign-in", email=bob.person.email, password="wrong")
    assert (wrong.status_code, "location" in wrong.headers) == (422, False)
    page = consent_of(go_on(ana.browser, wrong, "sign-in", email=bob.person.email, password=PASSWORD))
    assert bob.person.email in page.text.replace("<wbr>", "")


def test_an_account_is_kept_or_changed(app: Connecting, ana: Member) -> None:
    """`prompt=select_account` (OIDC Core §3.1.2.1)."""
    page = app.send(ana.browser, prompt="select_account")
    assert "Choose an account" in page.text
    consent_of(go_on(ana.browser, page, "keep-account"))
