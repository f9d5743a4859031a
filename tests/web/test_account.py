"""Table L, one's own account: another password, where one is signed in, and a link for who forgot it."""

import re
from collections.abc import Iterator

import pytest

from backchannel.receiver import Receiver, opened, receiving
from hostile_rules import Rules
from keygrove.management import account, password_reset, people
from keygrove.management.account import SignedIn
from keygrove.management.context import OPERATOR, Management
from keygrove.management.sign_in import find_session
from running import PASSWORD, RunningServer
from stores import store_at
from web.apps import answer_of, code_content, go_on, new_app
from web.people import Member, journal_of
from web.visitor import Visitor, fields_of

OTHER = "another clearing in a forest"
ENDED = "This link has ended"
LINKS = ("kg_rp_",)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where an app is told that a session is over."""
    with receiving(Receiver()) as running:
        yield running


@pytest.fixture
def there(server: RunningServer, rules: Rules, ana: Member) -> Visitor:
    """Another browser in which Ana is signed in."""
    browser = Visitor(server, rules)
    assert browser.sign_in(ana.person.email).status_code == 303
    return browser


@pytest.fixture(autouse=True)
def other_password(rules: Rules) -> None:
    """Neither password is ever shown or logged."""
    rules.secrets.add(OTHER)


def is_signed_in(browser: Visitor) -> bool:
    """Whether the browser's session is good for a page."""
    return browser.get("/account").status_code == 200


def places(server: RunningServer, browser: Visitor) -> SignedIn:
    """Where the person of a browser is signed in."""

    async def read(m: Management) -> SignedIn:
        session = await find_session(m, browser.session)
        assert session is not None
        return await account.signed_in(m, session)

    return server.manage(read)


def test_l15_a_changed_password_ends_the_other_sessions(
    server: RunningServer, rules: Rules, ana: Member, bob: Member, there: Visitor, receiver: Receiver
) -> None:
    """This one goes on and connects apps again; an app of the others is told, and what it got is dead."""
    app = new_app(server, backchannel_logout_uri=receiver.url)
    code = answer_of(go_on(there, app.send(there), "allow"))["code"]
    sid = code_content(server, code).grant.session_id
    kept = ana.browser.session
    changed = ana.browser.submit("/account", password=PASSWORD, new_password=OTHER)
    assert changed.headers["location"] == "/account?done=password-changed"
    assert ana.browser.session not in ("", kept)
    assert "Your password is changed." in ana.browser.get("/account?done=password-changed").text
    assert (is_signed_in(there), is_signed_in(bob.browser)) == (False, True)
    receiver.wait()
    assert [opened(token, server.url)[1]["sid"] for token in receiver.tokens] == [sid]
    assert app.redeem(code).json()["error"] == "invalid_grant"
    again = answer_of(app.send(ana.browser))["code"]
    assert app.redeem(again).status_code == 200
    thief = Visitor(server, rules, cookies={"keygrove_session": kept})
    assert not is_signed_in(thief)
    assert Visitor(server, rules).sign_in(ana.person.email).status_code == 422
    assert Visitor(server, rules).sign_in(ana.person.email, OTHER).status_code == 303


def test_a_wrong_current_password_changes_nothing(ana: Member, there: Visitor) -> None:
    """It is told at its field, and slowed down as sign-ins are; so is a new one that is too short."""
    for wrong, new, told in (
        ("", OTHER, "Enter your current password."),
        ("a guess", OTHER, "The password is not right."),
        (PASSWORD, "short", "Use at least 12 characters."),
    ):
        answer = ana.browser.submit("/account", password=wrong, new_password=new)
        assert (answer.status_code, told in answer.text) == (422, True)
    # The first wait is a second, which a slow machine may need to come here; later ones are longer.
    answers = [
        ana.browser.submit("/account", password=f"guess {number}", new_password=OTHER) for number in range(9)
    ]
    assert {answer.status_code for answer in answers} == {422, 429}
    waits = [int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 429]
    assert 1 <= min(waits) <= max(waits) <= 60
    assert (is_signed_in(ana.browser), is_signed_in(there)) == (True, True)


def test_l14_one_sees_and_ends_ones_own_sessions_only(
    server: RunningServer, ana: Member, bob: Member, there: Visitor
) -> None:
    """Another person's are on no page, and ending one by its name is 404: it goes on."""
    here, (other,) = places(server, ana.browser).here, places(server, ana.browser).others
    assert here.sid is not None
    assert other.sid is not None
    page = ana.browser.get("/account").text
    assert re.findall(r'name="session" value="(\w+)"', page) == [other.sid]
    assert page.count("This browser") == 1
    beside = bob.browser.get("/account").text
    assert not [sid for sid in (here.sid, other.sid) if sid in beside]
    form = bob.browser.fill("/account", "/account/sign-out")
    for sid in (here.sid, other.sid, "kg_si_" + "0" * 28, ""):
        assert bob.browser.post("/account/sign-out", {**form, "session": sid}).status_code == 404
        assert bob.browser.get(f"/account/sign-out?session={sid}").status_code == 405
        assert bob.browser.get(f"/account/{sid or 'x'}").status_code == 404
    assert (is_signed_in(ana.browser), is_signed_in(there)) == (True, True)
    answer = ana.browser.submit("/account", "/account/sign-out", session=other.sid)
    assert answer.headers["location"] == "/account?done=signed-out-there"
    assert (is_signed_in(ana.browser), is_signed_in(there), is_signed_in(bob.browser)) == (True, False, True)


def test_one_signs_out_everywhere_else(server: RunningServer, ana: Member, there: Visitor) -> None:
    """Only by a form of one's own page."""
    form = ana.browser.fill("/account", "/account/sign-out", others="yes")
    assert ana.browser.post("/account/sign-out", {**form, "form_token": "x"}).status_code == 403
    cross_site = {"Sec-Fetch-Site": "cross-site"}
    assert ana.browser.post("/account/sign-out", form, headers=cross_site).status_code == 403
    assert is_signed_in(there)
    assert ana.browser.post("/account/sign-out", form).headers["location"].endswith("signed-out-elsewhere")
    assert (is_signed_in(ana.browser), is_signed_in(there)) == (True, False)


@pytest.mark.parametrize("path", ["/account", "/account/sign-out"])
def test_who_is_not_signed_in_has_no_account(visitor: Visitor, path: str) -> None:
    """They are sent to sign in."""
    answer = visitor.get("/account") if path == "/account" else visitor.post(path, {"others": "yes"})
    assert answer.headers["location"].startswith("/sign-in")


def new_link(server: RunningServer, member: Member) -> str:
    """The token of a new link for a person."""
    return server.manage(lambda m: password_reset.new_link(m, member.person.id)).reveal()


def look(browser: Visitor, token: str, **headers: str) -> tuple[int, str]:
    """Open a link; the status and the page, from which the token goes nowhere."""
    answer = browser.send("GET", f"/reset-password?token={token}", headers=headers, shows=LINKS)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    loaded = re.findall(r'(?:<link [^>]*href|\ssrc)="([^"]*)"', answer.text)
    assert [address for address in loaded if not address.startswith("/static/")] == []
    return answer.status_code, answer.text


def assert_dead(browser: Visitor, token: str, form: dict[str, str]) -> None:
    """One plain page, by whichever method, that says nothing about why."""
    status, page = look(browser, token)
    assert (status, ENDED in page, token in page) == (410, True, False)
    answer = browser.post("/reset-password", {**form, "token": token, "password": OTHER})
    assert (answer.status_code, ENDED in answer.text) == (410, True)


def test_l11_a_link_works_once(server: RunningServer, ana: Member, visitor: Visitor, there: Visitor) -> None:
    """It ends every session, signs nobody in, and lets who guessed before in at once."""
    token = new_link(server, ana)
    for number in range(8):
        visitor.sign_in(ana.person.email, f"guess {number}")
    status, page = look(visitor, token)
    assert (status, ana.person.email in page) == (200, True)
    form = fields_of(page, "/reset-password")
    short = visitor.post("/reset-password", {**form, "password": "short"}, shows=LINKS)
    assert (short.status_code, "Use at least 12 characters." in short.text) == (422, True)
    forged = visitor.post("/reset-password", {**form, "form_token": "x", "password": OTHER})
    assert forged.status_code == 403
    done = visitor.post("/reset-password", {**form, "password": OTHER})
    assert done.headers["location"] == "/sign-in?done=password-reset"
    assert visitor.session == ""
    assert (is_signed_in(ana.browser), is_signed_in(there)) == (False, False)
    assert_dead(visitor, token, form)
    assert visitor.sign_in(ana.person.email).status_code == 422
    assert visitor.sign_in(ana.person.email, OTHER).status_code == 303
    assert token not in server.log_text()
    actions = [event.action for event in journal_of(server, ana.person.id)]
    assert {"person.reset_link_made", "person.password_set"} <= set(actions)


def test_l11_a_link_is_dead_when_it_expired_was_replaced_or_the_password_changed(
    server: RunningServer, ana: Member, bob: Member, visitor: Visitor
) -> None:
    """Or was never made; all with the same page, and another person's link goes on."""
    kept = new_link(server, bob)
    form = fields_of(look(visitor, kept)[1], "/reset-password")
    replaced, expired = new_link(server, ana), new_link(server, ana)
    assert_dead(visitor, replaced, form)
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        store.execute(f"update reset_links set expires_at_s = 1 where person_id = '{ana.person.id}'")  # noqa: S608 - ours
    assert_dead(visitor, expired, form)
    by_the_operator = new_link(server, ana)
    server.manage(lambda m: people.set_password(m, OPERATOR, ana.person.id, PASSWORD))
    assert_dead(visitor, by_the_operator, form)
    assert ana.browser.sign_in(ana.person.email).status_code == 303
    by_herself = new_link(server, ana)
    changed = ana.browser.submit("/account", password=PASSWORD, new_password=OTHER)
    assert changed.headers["location"].endswith("password-changed")
    assert_dead(visitor, by_herself, form)
    assert_dead(visitor, "kg_rp_" + "0" * 49, form)
    assert look(visitor, kept)[0] == 200


def test_l11_a_spoofed_host_is_on_no_page_and_leads_nowhere(
    server: RunningServer, ana: Member, visitor: Visitor
) -> None:
    """Neither in the page of the link nor on the way to sign in."""
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    status, page = look(visitor, new_link(server, ana), **evil)
    assert (status, "evil." in page) == (200, False)
    form = {**fields_of(page, "/reset-password"), "password": OTHER}
    done = visitor.post("/reset-password", form, headers={**evil, "Sec-Fetch-Site": "same-origin"})
    assert done.headers["location"] == "/sign-in?done=password-reset"
