"""Table L, what time does to sessions: on a real database, with a clock of the test's own."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clocks import Clock
from keygrove.config.loading import load
from keygrove.house import House, open_house, prepare
from keygrove.management import companies, last_seen, people, sign_in
from keygrove.management.context import OPERATOR
from keygrove.management.errors import Invalid, Throttled
from keygrove.management.sign_in import ABSOLUTE_S, IDLE_S, RECENT_S, Session
from keygrove.storage.journal import Event
from recorded import events_of
from running import PASSWORD
from stores import Store

EMAIL = "ana@example.com"
START_S = 1_800_000_000
YEARS_S = 10 * 365 * 86_400


@dataclass(slots=True)
class Desk:
    """Ana's account, on a house whose clock the test sets."""

    house: House
    clock: Clock
    loop: asyncio.Runner

    def sign_in(self, password: str = PASSWORD, address: str = "10.0.0.1") -> str:
        """Sign in; the session's token."""
        act = sign_in.sign_in(self.house.management, email=EMAIL, password=password, address=address)
        return self.loop.run(act).token.reveal()

    def session(self, token: str) -> Session | None:
        """The session of a token, now."""
        return self.loop.run(sign_in.find_session(self.house.management, token))


@pytest.fixture
def desk(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A database with Ana, at START_S."""
    # On a machine that is busy with other tests the clock must not be moved on before it is noted.
    monkeypatch.setattr(last_seen, "PATIENCE_S", 10)
    environ = {"KEYGROVE_DATA_DIR": str(tmp_path / "data"), "KEYGROVE_DATABASE": store.url}
    config = load(environ=environ, folder=tmp_path)
    clock = Clock(START_S)
    with asyncio.Runner() as loop:
        loop.run(prepare(config))
        house = loop.run(open_house(config, clock=clock))
        desk = Desk(house, clock, loop)
        m = house.management
        company = loop.run(companies.create(m, OPERATOR, "Acme"))
        loop.run(people.create(m, OPERATOR, company_id=company.id, email=EMAIL, password=PASSWORD))
        yield desk
        loop.run(house.database.close())


async def latest(desk: Desk, target_id: str) -> Event:
    """The journal's last line about something."""
    async with desk.house.database.transaction() as tx:
        return (await events_of(tx, target_id))[0]


def test_l13_a_session_ends_when_it_is_not_used(desk: Desk) -> None:
    """Two hours after its last use, to the second; every use begins them anew."""
    token = desk.sign_in()
    desk.clock.time += IDLE_S - 1
    assert desk.session(token) is not None
    desk.clock.time += IDLE_S - 1
    assert desk.session(token) is not None
    desk.clock.time += IDLE_S
    assert desk.session(token) is None


def test_l13_a_session_ends_however_much_it_is_used(desk: Desk) -> None:
    """Twelve hours after sign-in."""
    token = desk.sign_in()
    for _ in range(ABSOLUTE_S // 3600):
        assert desk.session(token) is not None
        desk.clock.time += 3600
    assert desk.session(token) is None


@pytest.mark.parametrize("step_s", [-5, -3600, 3600, 0.5])
def test_l13_a_small_step_of_the_clock_signs_nobody_out(desk: Desk, step_s: float) -> None:
    """No mass sign-out, and no crash on a time that runs backwards."""
    token = desk.sign_in()
    desk.clock.time += step_s
    session = desk.session(token)
    assert session is not None
    assert desk.sign_in() != token


def test_l13_after_ten_years_nobody_is_signed_in(desk: Desk) -> None:
    """And whoever signs in then can work, also after 2038."""
    token = desk.sign_in()
    desk.clock.time += 2 * YEARS_S
    assert desk.session(token) is None
    assert desk.session(desk.sign_in()) is not None


def test_l13_what_ended_stays_ended_when_the_clock_is_set_back(desk: Desk) -> None:
    """Sign-out is a fact, not a time."""
    token = desk.sign_in()
    session = desk.session(token)
    assert session is not None
    desk.loop.run(sign_in.sign_out(desk.house.management, session, address="", request_id=""))
    desk.clock.time -= 3600
    assert desk.session(token) is None


def test_l13_recent_sign_in_lasts_ten_minutes(desk: Desk) -> None:
    """Afterwards changes ask for the password again; the right one counts for ten more."""
    token = desk.sign_in()
    desk.clock.time += RECENT_S - 1
    session = desk.session(token)
    assert session is not None
    assert session.is_recent(int(desk.clock()))
    desk.clock.time += 1
    assert not session.is_recent(int(desk.clock()))
    m = desk.house.management
    with pytest.raises(Invalid):
        desk.loop.run(sign_in.confirm(m, session, "wrong password", address="10.0.0.1"))
    refused = desk.loop.run(latest(desk, session.person.id))
    assert (refused.action, refused.outcome, refused.address) == ("person.confirmed", "refused", "10.0.0.1")
    desk.loop.run(sign_in.confirm(m, session, PASSWORD, address="10.0.0.1"))
    again = desk.session(token)
    assert again is not None
    assert again.is_recent(int(desk.clock()))


def test_l07_the_wait_grows_and_ends(desk: Desk) -> None:
    """One second, two, four, up to a minute; then the right password opens, and the count begins anew."""
    for number in range(5):
        with pytest.raises(Invalid):
            desk.sign_in("wrong password", address=f"10.0.1.{number}")
    waits = []
    for number in range(9):
        with pytest.raises(Throttled) as refused:
            desk.sign_in(address=f"10.0.2.{number}")
        waits.append(refused.value.retry_at_s - int(desk.clock()))
        desk.clock.time = refused.value.retry_at_s
        with pytest.raises(Invalid):
            desk.sign_in("wrong password", address=f"10.0.2.{number}")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    desk.clock.time += 60
    assert desk.session(desk.sign_in()) is not None
    with pytest.raises(Invalid):
        desk.sign_in("wrong password")
    assert desk.session(desk.sign_in()) is not None


@pytest.mark.parametrize("step_s", [IDLE_S, 86_400, YEARS_S])
def test_f13_a_session_of_a_clock_that_was_ahead_is_over(desk: Desk, step_s: int) -> None:
    """Put right by hours or years, the clock finds it in the future: it would not end for as long."""
    desk.clock.time += step_s
    token = desk.sign_in()
    desk.clock.time -= step_s
    assert desk.session(token) is None
    assert desk.session(desk.sign_in()) is not None


def test_f13_a_session_of_a_clock_that_was_a_little_ahead_ends_in_time(desk: Desk) -> None:
    """Its two hours begin with its next use, its twelve with the time that the clock showed."""
    token = desk.sign_in()
    desk.clock.time -= IDLE_S - 1
    assert desk.session(token) is not None
    desk.clock.time += IDLE_S
    assert desk.session(token) is None
    desk.clock.time -= 1
    while desk.clock.time < START_S + ABSOLUTE_S - 3600:
        assert desk.session(token) is not None
        desk.clock.time += 3600
    assert desk.session(token) is not None
    desk.clock.time = START_S + ABSOLUTE_S
    assert desk.session(token) is None


def test_f13_proof_by_a_clock_that_was_ahead_is_not_recent(desk: Desk) -> None:
    """More than a minute in the future it says nothing; given again, it does."""
    token = desk.sign_in()
    desk.clock.time -= 60
    session = desk.session(token)
    assert session is not None
    assert session.is_recent(int(desk.clock()))
    desk.clock.time -= 1
    session = desk.session(token)
    assert session is not None
    assert not session.is_recent(int(desk.clock()))
    assert session.confirmed_at_s == 0
    desk.loop.run(sign_in.confirm(desk.house.management, session, PASSWORD, address="10.0.0.1"))
    again = desk.session(token)
    assert again is not None
    assert again.is_recent(int(desk.clock()))
