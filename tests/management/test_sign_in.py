"""Signing in: one answer for every failure, growing delays, sessions that end."""

import asyncio
from dataclasses import replace

import pytest

from clocks import NOW, Clock
from keygrove.crypto.passwords import Passwords
from keygrove.management import companies, people, retention, sign_in
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, Throttled
from keygrove.management.people import Person
from keygrove.management.sign_in import NewSession, Session
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from recorded import Journal
from stores import Store

EMAIL, PASSWORD = "Ana@acme.example", "a clearing in a forest"
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("ana")]


@pytest.fixture
async def ana(m: Management, acme: Company) -> Person:
    """An admin of Acme."""
    return await people.create(m, OPERATOR, company_id=acme.id, email=EMAIL, password=PASSWORD)


async def enter(
    m: Management, *, email: str = EMAIL, password: str = PASSWORD, address: str = HOME
) -> NewSession:
    """Sign in."""
    return await sign_in.sign_in(
        m, email=email, password=password, address=address, user_agent="Browser", request_id="r1"
    )


async def fail(m: Management, *, email: str = EMAIL, address: str = HOME) -> None:
    """Sign in with a wrong password."""
    with pytest.raises(Invalid):
        await enter(m, email=email, password="wrong", address=address)


async def wait_s(m: Management, *, email: str = EMAIL, address: str = HOME) -> int:
    """How many seconds from now the next attempt is looked at; the attempt itself must be refused."""
    with pytest.raises(Throttled) as throttled:
        await enter(m, email=email, address=address)
    return throttled.value.retry_at_s - m.now()


async def find(m: Management, new: NewSession) -> Session | None:
    """What the session's token opens now."""
    return await sign_in.find_session(m, new.token.reveal())


class TestAnswer:
    """Who gets in, and what everybody else is told."""

    async def test_the_right_password_begins_a_session(
        self, m: Management, acme: Company, ana: Person
    ) -> None:
        """It knows the person, the companies with their roles, and the times."""
        new = await enter(m)
        session = new.session
        assert session.person == ana
        assert [(one.company, one.role) for one in session.memberships] == [(acme, "admin")]
        assert (session.created_at_s, session.confirmed_at_s) == (int(NOW), int(NOW))
        assert await find(m, new) == session
        actor = session.actor(session.memberships[0], address=HOME, request_id="r2")
        assert (actor.kind, actor.id, actor.role, actor.address) == ("person", ana.id, "admin", HOME)

    @pytest.mark.parametrize("email", ["ana@acme.example", "ANA@ACME.EXAMPLE", f"  {EMAIL} "])
    async def test_an_address_has_no_case_and_no_blanks_around(
        self, m: Management, ana: Person, email: str
    ) -> None:
        """It is the same account."""
        assert (await enter(m, email=email)).session.person == ana

    async def test_every_sign_in_is_a_session_of_its_own(self, m: Management) -> None:
        """Token, form token, digest and public name are new each time, and the token does not print."""
        first, second = await enter(m), await enter(m)
        assert first.token.reveal() != second.token.reveal()
        assert first.session.digest != second.session.digest
        assert first.session.form_token != second.session.form_token
        assert None not in (first.session.sid, second.session.sid)
        assert first.session.sid != second.session.sid
        assert first.token.reveal() not in repr(first)
        assert first.session.form_token not in repr(first)

    async def test_l05_every_failure_reads_the_same(self, m: Management, acme: Company) -> None:
        """Unknown address, wrong password, disabled person: one text at one field."""
        bea = await people.create(
            m, OPERATOR, company_id=acme.id, email="bea@acme.example", password=PASSWORD
        )
        await people.disable(m, OPERATOR, bea.id)
        refusals = []
        for email, password in (
            (EMAIL, "wrong"),
            ("nobody@acme.example", PASSWORD),
            ("bea@acme.example", PASSWORD),
        ):
            with pytest.raises(Invalid) as refused:
                await enter(m, email=email, password=password)
            refusals.append(refused.value.faults)
        assert len(set(refusals)) == 1
        assert refusals[0][0].message == "E-mail address or password is not right."

    @pytest.mark.parametrize("password", ["", "x" * 5000, f"{PASSWORD}\0", "\ud800", PASSWORD.upper()])
    async def test_l09_passwords_that_nobody_has_are_wrong(self, m: Management, password: str) -> None:
        """Too long, with NUL, of broken text: the same answer again."""
        with pytest.raises(Invalid):
            await enter(m, password=password)

    async def test_nothing_that_opens_a_door_is_stored(self, m: Management, journal: Journal) -> None:
        """Neither the password nor a session token stands in any table."""
        new = await enter(m)
        await fail(m)
        stored = journal.everything_stored()
        assert PASSWORD not in stored
        assert new.token.reveal() not in stored
        assert new.session.form_token not in stored

    async def test_signing_in_and_failing_to_is_on_the_record(
        self, m: Management, ana: Person, journal: Journal
    ) -> None:
        """Who, from where, with what outcome; of somebody unknown, only that it is the same."""
        await enter(m)
        await fail(m, address=ELSEWHERE)
        for _ in range(2):
            await fail(m, email="nobody@acme.example", address=ELSEWHERE)
        unknown = f"unknown {m.digests.of('account', 'nobody@acme.example')[:16]}"
        lines = journal.lines("person.sign_in")
        assert [
            (line["target_id"], line["outcome"], line["address"], line["request_id"]) for line in lines
        ] == [
            (ana.id, "done", HOME, "r1"),
            (EMAIL.casefold(), "refused", ELSEWHERE, "r1"),
            *[(unknown, "refused", ELSEWHERE, "r1")] * 2,
        ]

    async def test_a_password_typed_as_the_address_is_not_on_the_record(
        self, m: Management, journal: Journal
    ) -> None:
        """Lines of the journal are never deleted."""
        await fail(m, email=PASSWORD)
        assert PASSWORD not in str(journal.lines())

    async def test_a_suspended_company_does_not_keep_its_people_out(
        self, m: Management, acme: Company
    ) -> None:
        """They see that it is suspended."""
        await companies.suspend(m, OPERATOR, acme.id)
        (membership,) = (await enter(m)).session.memberships
        assert membership.company == replace(acme, suspended_at_s=int(NOW))


class TestSession:
    """find_session, confirm, sign_out"""

    async def test_an_idle_session_ends_after_two_hours(self, m: Management, clock: Clock) -> None:
        """Counted from its last use."""
        new = await enter(m)
        clock.pass_by(sign_in.IDLE_S - 1)
        assert await find(m, new) is not None
        clock.pass_by(sign_in.IDLE_S - 1)
        assert await find(m, new) is not None
        clock.pass_by(sign_in.IDLE_S)
        assert await find(m, new) is None

    async def test_a_used_session_ends_after_twelve_hours(self, m: Management, clock: Clock) -> None:
        """However busy it is."""
        new = await enter(m)
        for _ in range(11):
            clock.pass_by(3600)
            assert await find(m, new) is not None
        clock.pass_by(3599)
        assert await find(m, new) is not None
        clock.pass_by(1)
        assert await find(m, new) is None

    async def test_looking_twice_in_a_minute_writes_once(
        self, m: Management, clock: Clock, journal: Journal
    ) -> None:
        """A page is a read; only the minute's first one is noted."""
        new = await enter(m)
        before = journal.everything_stored()
        clock.pass_by(59)
        await find(m, new)
        assert journal.everything_stored() == before
        clock.pass_by(1)
        await find(m, new)
        assert journal.everything_stored() != before

    async def test_proof_is_recent_for_ten_minutes(self, m: Management, clock: Clock) -> None:
        """Then it is asked for again, and giving it begins ten more."""
        new = await enter(m)
        assert new.session.is_recent(m.now() + sign_in.RECENT_S - 1)
        assert not new.session.is_recent(m.now() + sign_in.RECENT_S)
        clock.pass_by(sign_in.RECENT_S)
        with pytest.raises(Invalid) as refused:
            await sign_in.confirm(m, new.session, "wrong", address=HOME)
        assert refused.value.faults[0].field == "password"
        session = await find(m, new)
        assert session is not None
        assert not session.is_recent(m.now())
        await sign_in.confirm(m, new.session, PASSWORD, address=HOME)
        session = await find(m, new)
        assert session is not None
        assert session.is_recent(m.now())

    async def test_proof_of_one_session_says_nothing_about_another(self, m: Management, clock: Clock) -> None:
        """Another browser has to prove it for itself."""
        first, second = await enter(m), await enter(m)
        clock.pass_by(sign_in.RECENT_S)
        await sign_in.confirm(m, first.session, PASSWORD, address=HOME)
        other = await find(m, second)
        assert other is not None
        assert not other.is_recent(m.now())

    async def test_confirming_is_throttled_like_signing_in(self, m: Management) -> None:
        """A stolen session is no place to guess the password."""
        session = (await enter(m)).session
        for _ in range(5):
            with pytest.raises(Invalid):
                await sign_in.confirm(m, session, "wrong", address=HOME)
        with pytest.raises(Throttled):
            await sign_in.confirm(m, session, PASSWORD, address=HOME)

    async def test_signing_out_ends_this_session_at_once(
        self, m: Management, ana: Person, journal: Journal
    ) -> None:
        """The others go on; a second time changes nothing."""
        first, second = await enter(m), await enter(m)
        for _ in range(2):
            await sign_in.sign_out(m, first.session, address=HOME, request_id="r2")
        assert await find(m, first) is None
        assert await find(m, second) is not None
        (line,) = journal.lines("person.sign_out")
        assert (line["target_id"], line["address"], line["request_id"]) == (ana.id, HOME, "r2")

    async def test_proving_again_who_one_is_is_no_sign_out(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """The session before ends, and the record says that they signed in twice; somebody else ends it."""
        await people.create(m, OPERATOR, company_id=acme.id, email="bea@acme.example", password=PASSWORD)
        first, second, of_bea = await enter(m), await enter(m), await enter(m, email="bea@acme.example")
        await sign_in.change_over(m, first.session, second.session, address=HOME, request_id="r2")
        assert await find(m, first) is None
        assert len(journal.lines("person.sign_in")) == 3
        assert journal.lines("person.sign_out") == []
        await sign_in.change_over(m, second.session, of_bea.session, address=HOME, request_id="r2")
        assert len(journal.lines("person.sign_out")) == 1

    async def test_l19_a_disabled_persons_sessions_end_at_once(self, m: Management, ana: Person) -> None:
        """With the next request."""
        new = await enter(m)
        await people.disable(m, OPERATOR, ana.id)
        assert await find(m, new) is None

    @pytest.mark.parametrize("token", ["", "x", "kg_se_" + "0" * 49, "\ud800", "\0", "x" * 100_000])
    async def test_a_token_of_nobody_opens_nothing(self, m: Management, token: str) -> None:
        """Whatever was sent as a cookie."""
        assert await sign_in.find_session(m, token) is None


class TestThrottling:
    """No hard lock, no free guessing."""

    async def test_delays_double_up_to_a_minute(self, m: Management, clock: Clock) -> None:
        """Five attempts are free; an attacker can cost the owner a minute and no more."""
        for _ in range(5):
            await fail(m)
        waits = []
        for _ in range(9):
            waits.append(await wait_s(m))
            clock.pass_by(waits[-1])
            await fail(m)
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    async def test_attempts_in_between_do_not_prolong_the_wait(self, m: Management, clock: Clock) -> None:
        """What is not looked at is not counted."""
        for _ in range(6):
            with pytest.raises((Invalid, Throttled)):
                await enter(m, password="wrong")
        clock.pass_by(1)
        await fail(m)
        for _ in range(50):
            assert await wait_s(m) == 2
        clock.pass_by(2)
        await enter(m)

    async def test_success_wipes_the_slate(self, m: Management, clock: Clock) -> None:
        """Five slips before and five after are free."""
        for _ in range(4):
            await fail(m)
        clock.pass_by(1)
        await enter(m)
        clock.pass_by(1)
        for _ in range(5):
            await fail(m, address=ELSEWHERE)

    async def test_old_failures_are_forgotten(self, m: Management, clock: Clock) -> None:
        """After an hour the delay is over whatever happened before."""
        for _ in range(5):
            await fail(m)
        clock.pass_by(3601)
        for _ in range(5):
            await fail(m)

    async def test_l07_an_open_session_goes_on_during_an_attack(self, m: Management) -> None:
        """Only signing in is slowed down."""
        new = await enter(m)
        for _ in range(5):
            await fail(m, address=ELSEWHERE)
        assert await wait_s(m) == 1
        assert await find(m, new) is not None

    async def test_a_sign_in_is_overtaken_by_a_new_password(
        self, m: Management, ana: Person, store: Store
    ) -> None:
        """Right when it was looked at, the password is not any more when the session would begin."""

        class Overtaken(Passwords):
            async def verify(self, password: str, hashed: str | None) -> bool:
                right = await super().verify(password, hashed)
                await people.set_password(m, OPERATOR, ana.id, "another clearing in a forest")
                return right

        with pytest.raises(Invalid):
            await enter(replace(m, passwords=Overtaken()))
        assert store.query("select count(*) from sessions") == [(0,)]

    async def test_l06_two_hundred_guesses_at_one_instant_all_count(self, m: Management) -> None:
        """From as many addresses: five passwords are looked at."""
        guesses = [enter(m, password=f"guess {number}", address=f"10.0.0.{number}") for number in range(200)]
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(answer, Invalid) for answer in answers) == 5
        assert sum(isinstance(answer, Throttled) for answer in answers) == 195

    async def test_l06_one_address_is_throttled_over_all_accounts(self, m: Management, ana: Person) -> None:
        """Twenty passwords are looked at; people elsewhere notice nothing."""
        guesses = [enter(m, email=f"p{number}@acme.example", password="Summer2026") for number in range(200)]
        answers = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(answer, Invalid) for answer in answers) == 20
        assert sum(isinstance(answer, Throttled) for answer in answers) == 180
        assert (await enter(m, address=ELSEWHERE)).session.person == ana

    async def test_an_account_of_nobody_is_throttled_too(self, m: Management) -> None:
        """Else the delay would tell who exists."""
        for _ in range(5):
            await fail(m, email="nobody@acme.example")
        assert await wait_s(m, email="nobody@acme.example") == 1

    async def test_attempts_do_not_pile_up_forever(self, m: Management, clock: Clock, store: Store) -> None:
        """Those that no window looks at are deleted."""
        await fail(m)
        clock.pass_by(3 * 3600)
        await enter(m)
        await retention.forget(m, RefreshPolicy())
        assert store.query("select count(*) from sign_in_attempts") == [(1,)]
