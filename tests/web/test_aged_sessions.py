"""Sessions that nobody used for two hours: dead in Keygrove, and alive for apps until they are told."""

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import pytest

from backchannel.receiver import Receiver, opened, receiving
from hostile_rules import Rules
from keygrove.house import House
from keygrove.management.sign_in import IDLE_S
from running import PASSWORD, RunningServer
from stores import store_at
from web.apps import Connecting, answer_of, code_content, go_on, id_token, new_app
from web.people import Member
from web.visitor import Visitor, fields_of

LOGOUT, CONFIRM = "/oauth2/sessions/logout", "/oauth2/sessions/logout/confirm"
BYE = "https://app.example.com/bye"
EXPIRED = "Your sign-in has expired."


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where another app is told that the session is over."""
    with receiving(Receiver()) as running:
        yield running


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """The app in which the person signs out."""
    return new_app(server, post_logout_redirect_uris=(BYE,))


@pytest.fixture
def sid(server: RunningServer, app: Connecting, ana: Member, receiver: Receiver) -> str:
    """What both apps know Ana's session as."""
    connect(server, app, ana.browser)
    return connect(server, new_app(server, backchannel_logout_uri=receiver.url), ana.browser)


def connect(server: RunningServer, app: Connecting, browser: Visitor) -> str:
    """Let the person connect the app; what it knows their session as."""
    code = answer_of(go_on(browser, app.send(browser), "allow"))["code"]
    return code_content(server, code).grant.session_id


def age(server: RunningServer, sid: str) -> None:
    """Let time pass in which they only use their apps."""
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        store.execute(f"update sessions set seen_at_s = seen_at_s - {IDLE_S} where sid = '{sid}'")  # noqa: S608 - ours


def is_open(server: RunningServer, sid: str) -> bool:
    """Whether the session is open still for apps."""

    async def read(house: House) -> bool:
        async with house.database.transaction() as tx:
            row = await tx.one("select ended_at_s from sessions where sid = $1", sid)
        assert row is not None
        return row["ended_at_s"] is None

    return server.in_house(read)


def told(server: RunningServer, receiver: Receiver) -> list[str]:
    """Of which sessions the app was told that they are over, once it was."""
    receiver.wait()
    return [opened(token, server.url)[1]["sid"] for token in receiver.tokens]


def ask(browser: Visitor, hint: str, cookie: str | None = None) -> httpx2.Response:
    """Ask to be signed out, by a link of the app."""
    query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": BYE})
    headers = {} if cookie is None else {"Cookie": cookie}
    return browser.send("GET", f"{LOGOUT}?{query}", headers=headers, shows=("eyJ",))


@pytest.mark.parametrize("cookie", [None, ""])
def test_the_app_whose_session_it_is_signs_out_of_the_others(
    server: RunningServer, app: Connecting, ana: Member, sid: str, receiver: Receiver, cookie: str | None
) -> None:
    """Also where the browser has thrown its cookie away."""
    age(server, sid)
    assert ana.browser.get(ana.keys_url).status_code == 303
    away = ask(ana.browser, id_token(server, app, ana.person.id, sid=sid), cookie)
    assert away.headers["location"] == BYE
    assert told(server, receiver) == [sid]
    assert not is_open(server, sid)


def test_a50_nobody_else_does(
    server: RunningServer, app: Connecting, ana: Member, bob: Member, sid: str
) -> None:
    """Neither a link without a hint, with one of another session or person, nor one of nobody: each asks."""
    age(server, sid)
    good = id_token(server, app, ana.person.id, sid=sid)
    assert EXPIRED in ana.browser.get(LOGOUT).text
    ana.browser.get("/sign-out")
    for hint in (
        id_token(server, app, ana.person.id),
        id_token(server, app, bob.person.id, sid=sid),
        f"{good.rpartition('.')[0]}.{'A' * 342}",
    ):
        page = ask(ana.browser, hint)
        assert page.status_code == 200
        assert EXPIRED in page.text
    other = urlencode({"id_token_hint": good, "client_id": new_app(server).app.client_id})
    ana.browser.send("GET", f"{LOGOUT}?{other}", headers={}, shows=("eyJ",))
    assert is_open(server, sid)


@pytest.mark.parametrize("hint", ["none", "of an older session"])
def test_who_says_yes_signs_out_of_the_others(
    server: RunningServer, app: Connecting, ana: Member, sid: str, receiver: Receiver, hint: str
) -> None:
    """The page is for nobody in particular: nobody is signed in who would have to be named."""
    age(server, sid)
    page = (
        ana.browser.get(LOGOUT) if hint == "none" else ask(ana.browser, id_token(server, app, ana.person.id))
    )
    assert EXPIRED in page.text
    assert ana.person.email not in page.text
    assert ana.person.name not in page.text
    assert is_open(server, sid)
    away = ana.browser.post(CONFIRM, fields_of(page.text, CONFIRM), shows=("eyJ",))
    assert away.headers["location"] == ("/sign-in?done=signed-out" if hint == "none" else BYE)
    assert ana.browser.session == ""
    assert told(server, receiver) == [sid]
    assert not is_open(server, sid)
    assert ana.browser.get(LOGOUT).headers["location"] == "/sign-in?done=signed-out"


def test_a50_another_site_says_no_yes(server: RunningServer, ana: Member, sid: str) -> None:
    """The form is the one of this browser."""
    age(server, sid)
    page = ana.browser.get(LOGOUT)
    fields = fields_of(page.text, CONFIRM)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
    assert ana.browser.post(CONFIRM, fields, headers=headers).status_code == 403
    assert ana.browser.post(CONFIRM, {**fields, "form_token": "x"}).status_code == 403
    assert is_open(server, sid)


def test_a50_a_stolen_hint_ends_no_session_that_is_in_use(
    server: RunningServer, app: Connecting, ana: Member, visitor: Visitor, sid: str
) -> None:
    """From another browser than the one that has it."""
    assert ask(visitor, id_token(server, app, ana.person.id, sid=sid)).headers["location"] == BYE
    assert is_open(server, sid)
    assert ana.browser.get(ana.keys_url).status_code == 200


def test_signing_out_on_a_page_that_was_left_open(
    server: RunningServer, ana: Member, sid: str, receiver: Receiver
) -> None:
    """In Backoffice: its form is good for that still."""
    form = ana.browser.fill("/sign-out")
    age(server, sid)
    assert ana.browser.post("/sign-out", form).headers["location"] == "/sign-in?done=signed-out"
    assert told(server, receiver) == [sid]


@pytest.mark.parametrize("where", ["backoffice", "an app"])
def test_who_signs_in_anew_signs_out_of_both(
    server: RunningServer, app: Connecting, ana: Member, sid: str, receiver: Receiver, where: str
) -> None:
    """The new session takes the place of the old one, and an ID token of either names it."""
    age(server, sid)
    if where == "backoffice":
        assert ana.browser.sign_in(ana.person.email).status_code == 303
    else:
        page = app.send(ana.browser)
        answer_of(go_on(ana.browser, page, "sign-in", email=ana.person.email, password=PASSWORD))
    assert not is_open(server, sid)
    later = connect(server, new_app(server), ana.browser)
    assert later != sid
    assert receiver.requests == []
    age(server, later)
    assert ask(ana.browser, id_token(server, app, ana.person.id, sid=sid)).headers["location"] == BYE
    assert told(server, receiver) == [sid]
    assert not is_open(server, later)


def test_somebody_else_who_signs_in_ends_it(
    server: RunningServer, ana: Member, bob: Member, sid: str, receiver: Receiver
) -> None:
    """As one that is in use."""
    age(server, sid)
    assert ana.browser.sign_in(bob.person.email).status_code == 303
    assert told(server, receiver) == [sid]


def test_a_session_too_old_to_be_used_ends_no_other(
    server: RunningServer, rules: Rules, sid: str, ana: Member
) -> None:
    """Whoever finds its cookie signs nobody out everywhere."""
    other = Visitor(server, rules)
    assert other.sign_in(ana.person.email).status_code == 303
    form = {**ana.browser.fill("/sign-out"), "everywhere": "yes"}
    age(server, sid)
    assert ana.browser.post("/sign-out", form).status_code == 303
    assert not is_open(server, sid)
    assert other.get(ana.keys_url).status_code == 200
