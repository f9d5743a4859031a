"""Apps are told of a sign-out by a running server: OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8."""

import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from backchannel.receiver import Receiver, opened, receiving
from keygrove.house import House
from keygrove.management import people
from keygrove.management.context import OPERATOR
from running import RunningServer
from web.apps import Connecting, answer_of, code_content, go_on, id_token, new_app
from web.people import Member

# What is due is looked for once a second; the machine may have others to serve.
SOON_S = 15.0
INTERNAL = (
    "https://10.0.0.1/told",
    "https://169.254.169.254/latest",
    "https://192.168.7.7/",
    "https://[fd00::1]/",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where the app is told."""
    with receiving(Receiver()) as running:
        yield running


@pytest.fixture
def app(server: RunningServer, receiver: Receiver) -> Connecting:
    """An app that wants to be told."""
    return new_app(server, backchannel_logout_uri=receiver.url)


def connect(server: RunningServer, app: Connecting, person: Member) -> str:
    """Let somebody connect the app; what it knows their session as."""
    code = answer_of(go_on(person.browser, app.send(person.browser), "allow"))["code"]
    return code_content(server, code).grant.session_id


def sign_out(person: Member) -> None:
    """Sign out in Backoffice (S20)."""
    assert person.browser.submit("/sign-out").status_code == 303


def waiting(server: RunningServer, sid: str) -> list[int]:
    """How often each app of a session was tried, of those not told yet."""

    async def read(house: House) -> list[int]:
        async with house.database.transaction() as tx:
            rows = await tx.all("select attempts from logout_notices where sid = $1", sid)
        return [row["attempts"] for row in rows]

    return server.in_house(read)


def let_it_be_due(server: RunningServer, sid: str) -> None:
    """Let the pause be over."""

    async def write(house: House) -> None:
        async with house.database.transaction() as tx:
            assert await tx.run("update logout_notices set due_at_s = 0 where sid = $1", sid) == 1

    server.in_house(write)


def wait_until_tried(server: RunningServer, sid: str, attempts: list[int]) -> None:
    """Return when this is how often each was tried, and the attempt is over."""
    deadline = time.monotonic() + 20
    while waiting(server, sid) != attempts:
        assert time.monotonic() < deadline, server.log_text()[-2000:]
        time.sleep(0.05)


def test_an_app_is_told_of_a_sign_out(
    server: RunningServer, app: Connecting, ana: Member, receiver: Receiver
) -> None:
    """Within two seconds or so, with a token that the published keys verify (§2.4, §2.5)."""
    sid = connect(server, app, ana)
    began = int(time.time())
    sign_out(ana)
    receiver.wait(within_s=SOON_S)
    ((line, headers, _),) = receiver.requests
    assert line == "POST /told"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    header, claims = opened(receiver.tokens[0], server.url)
    assert (header["typ"], header["alg"]) == ("logout+jwt", "RS256")
    assert began <= claims["iat"] <= time.time()
    assert claims == {
        "iss": server.url,
        "sub": ana.person.id,
        "aud": app.app.client_id,
        "iat": claims["iat"],
        "exp": claims["iat"] + 120,
        "jti": claims["jti"],
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sid": sid,
    }
    wait_until_tried(server, sid, [])


def test_whoever_another_app_signs_out(
    server: RunningServer, app: Connecting, ana: Member, receiver: Receiver
) -> None:
    """RP-initiated logout: the app that asked is told as well, as are the others (§2)."""
    with receiving(Receiver()) as another:
        sid = connect(server, app, ana)
        second = new_app(server, backchannel_logout_uri=another.url)
        assert connect(server, second, ana) == sid
        untold = new_app(server)
        connect(server, untold, ana)
        hint = id_token(server, app, ana.person.id, sid=sid)
        asked = f"/oauth2/sessions/logout?{urlencode({'id_token_hint': hint})}"
        assert ana.browser.send("GET", asked, headers={}, shows=("eyJ",)).status_code == 303
        for one, client in ((receiver, app), (another, second)):
            one.wait(within_s=SOON_S)
            claims = opened(one.tokens[0], server.url)[1]
            assert (claims["aud"], claims["sid"]) == (client.app.client_id, sid)


def test_an_operator_who_shuts_somebody_out(
    server: RunningServer, app: Connecting, ana: Member, receiver: Receiver
) -> None:
    """At the command line, in another process than the one that tells."""
    connect(server, app, ana)
    server.manage(lambda m: people.disable(m, OPERATOR, ana.person.id))
    receiver.wait(within_s=SOON_S)


def test_an_app_that_was_down_is_told_when_it_is_back(
    server: RunningServer, app: Connecting, ana: Member, receiver: Receiver
) -> None:
    """Once more after a pause, with another token."""
    receiver.statuses = [503, 204]
    sid = connect(server, app, ana)
    sign_out(ana)
    receiver.wait(within_s=SOON_S)
    wait_until_tried(server, sid, [1])
    time.sleep(0.1)
    let_it_be_due(server, sid)
    receiver.wait(2, within_s=SOON_S)
    wait_until_tried(server, sid, [])
    first, second = (opened(token, server.url)[1] for token in receiver.tokens)
    assert first["jti"] != second["jti"]


def test_an_app_that_leads_elsewhere_tells_nobody_else(
    server: RunningServer, app: Connecting, ana: Member, receiver: Receiver
) -> None:
    """A redirection is no answer: the token goes nowhere but to the registered address."""
    with receiving(Receiver()) as elsewhere:
        receiver.statuses, receiver.headers = [302], {"location": elsewhere.url}
        sid = connect(server, app, ana)
        sign_out(ana)
        receiver.wait(within_s=SOON_S)
        wait_until_tried(server, sid, [1])
        assert elsewhere.requests == []


@pytest.mark.parametrize("uri", INTERNAL)
def test_nothing_is_sent_into_the_network_behind_keygrove(
    server: RunningServer, ana: Member, uri: str
) -> None:
    """It is refused before anything is connected to, and the log says why (SSRF)."""
    app = new_app(server, backchannel_logout_uri=uri)
    sid = connect(server, app, ana)
    began = time.monotonic()
    sign_out(ana)
    wait_until_tried(server, sid, [1])
    deadline = began + 20
    while f'"client_id":"{app.app.client_id}"' not in "".join(_said(server, "internal address")):
        assert time.monotonic() < deadline, server.log_text()[-2000:]
        time.sleep(0.05)


def _said(server: RunningServer, words: str) -> list[str]:
    return [line.replace(": ", ":") for line in server.log_text().splitlines() if words in line]
