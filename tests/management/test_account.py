"""One's own account: another password, and where one is signed in."""

from dataclasses import replace

import pytest

from clocks import Clock
from keygrove.crypto.passwords import Passwords
from keygrove.management import account, people, sign_in
from keygrove.management.account import MOST_LISTED
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, NotFound, Throttled
from keygrove.management.sign_in import ABSOLUTE_S, IDLE_S, NewSession
from recorded import Journal
from storage.granted import ANA, BEA, add_companies_people_and_apps, add_grant, add_session, code_of
from stores import Store

PASSWORD, OTHER = "a clearing in a forest", "another clearing in a forest"
WHO = {"address": "192.0.2.1", "request_id": "r1"}
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def ana_and_bea(m: Management) -> None:
    """Both with the same password."""
    await add_companies_people_and_apps(m.database)
    for person in (ANA, BEA):
        await people.set_password(m, OPERATOR, person.id, PASSWORD)


async def enter(m: Management, email: str = ANA.email, *, password: str = PASSWORD) -> NewSession:
    """Sign in."""
    return await sign_in.sign_in(m, email=email, password=password, address="192.0.2.9", user_agent="Browser")


async def change(
    m: Management, new: NewSession, *, password: str = PASSWORD, new_password: str = OTHER
) -> NewSession:
    """Change the password in a session."""
    return await account.change_password(m, new.session, password=password, new_password=new_password, **WHO)


async def is_open(m: Management, new: NewSession) -> bool:
    """Whether somebody is signed in by a session's token."""
    return await sign_in.find_session(m, new.token.reveal()) is not None


async def test_l15_another_password_ends_every_session_but_this_one(
    m: Management, clock: Clock, journal: Journal, store: Store
) -> None:
    """It begins anew, by the same name; apps that know the others are told, and nothing granted goes on."""
    here, there, beas = await enter(m), await enter(m), await enter(m, BEA.email)
    for grant_id, session in (("g1", here.session), ("g2", there.session)):
        assert session.sid is not None
        assert await add_grant(m.database, code_of(grant_id, session_id=session.sid))
    clock.pass_by(700)
    renewed = await change(m, here)
    assert [await is_open(m, each) for each in (here, there, beas, renewed)] == [False, False, True, True]
    found = await sign_in.find_session(m, renewed.token.reveal())
    assert found == renewed.session
    assert (found.sid, found.created_at_s, found.is_recent(m.now())) == (
        here.session.sid,
        m.now(),
        True,
    )
    assert store.query("select sid from logout_notices") == [(there.session.sid,)]
    assert store.query("select count(*) from grants where revoked_at_s is null") == [(0,)]
    with pytest.raises(Invalid):
        await enter(m)
    assert (await enter(m, password=OTHER)).session.person == ANA
    line = journal.lines("person.password_set")[-1]
    assert (line["actor_id"], line["target_id"], line["outcome"]) == (ANA.id, ANA.id, "done")
    stored = journal.everything_stored()
    assert OTHER not in stored
    assert renewed.token.reveal() not in stored


async def test_a_wrong_current_password_is_throttled_as_sign_ins_are(m: Management, journal: Journal) -> None:
    """Together with them; nothing is changed, and a bad new password is no attempt."""
    here = await enter(m)
    for _ in range(9):
        with pytest.raises(Invalid) as short:
            await change(m, here, new_password="short")
        assert [fault.field for fault in short.value.faults] == ["new_password"]
    for _ in range(5):
        with pytest.raises(Invalid) as wrong:
            await change(m, here, password="a guess")
        assert [fault.field for fault in wrong.value.faults] == ["password"]
    with pytest.raises(Throttled):
        await change(m, here)
    with pytest.raises(Throttled):
        await enter(m)
    assert await is_open(m, here)
    assert [line["outcome"] for line in journal.lines("person.confirmed")] == ["refused"] * 5


@pytest.mark.parametrize("overtaken_by", ["another password", "a sign-out"])
async def test_what_happens_while_the_new_password_is_hashed_comes_first(
    m: Management, overtaken_by: str
) -> None:
    """The old password is not right any more, or nobody is there to change it."""
    here = await enter(m)

    class Overtaken(Passwords):
        async def hash(self, password: str) -> str:
            if overtaken_by == "another password":
                await people.set_password(m, OPERATOR, ANA.id, "the operator's own choice")
            else:
                await sign_in.sign_out(m, here.session, **WHO)
            return await super().hash(password)

    with pytest.raises(Invalid if overtaken_by == "another password" else NotFound):
        await change(replace(m, passwords=Overtaken()), here)
    with pytest.raises(Invalid):
        await enter(m, password=OTHER)


async def test_a_person_sees_where_they_are_signed_in(m: Management, clock: Clock) -> None:
    """Here first, then what was used last; no session that ended, grew too old or is somebody else's."""
    await add_session(m.database, "unused", at_s=m.now() - IDLE_S)
    await add_session(m.database, "old", at_s=m.now() - ABSOLUTE_S)
    await enter(m, BEA.email)
    first, ended = await enter(m), await enter(m)
    clock.pass_by(60)
    here, last = await enter(m), await enter(m)
    clock.pass_by(60)
    await sign_in.find_session(m, last.token.reveal())
    await sign_in.sign_out(m, ended.session, **WHO)
    places = await account.signed_in(m, here.session)
    assert [places.here.sid, *(other.sid for other in places.others)] == [
        new.session.sid for new in (here, last, first)
    ]
    assert (places.here.address, places.here.user_agent, places.more) == ("192.0.2.9", "Browser", False)
    assert places.others[0].seen_at_s == m.now() > places.others[0].created_at_s
    with pytest.raises(NotFound):
        await account.signed_in(m, ended.session)


async def test_only_so_many_sessions_are_listed(m: Management) -> None:
    """This one always, however many were used since."""
    here = await enter(m)
    for number in range(MOST_LISTED):
        await add_session(m.database, f"s{number}", at_s=m.now() + 1)
    places = await account.signed_in(m, here.session)
    assert (places.here.sid, len(places.others), places.more) == (here.session.sid, MOST_LISTED - 1, True)


async def test_l14_one_ends_ones_own_sessions_only(m: Management, journal: Journal) -> None:
    """Somebody else's is not there; one that ended already stays so, without another line."""
    here, there, beas = await enter(m), await enter(m), await enter(m, BEA.email)
    for sid in (beas.session.sid or "", "kg_si_nobody", ""):
        with pytest.raises(NotFound):
            await account.sign_out_of(m, here.session, sid, **WHO)
    assert journal.lines("person.sign_out") == []
    for _ in range(2):
        await account.sign_out_of(m, here.session, there.session.sid or "", **WHO)
    assert [await is_open(m, each) for each in (here, there, beas)] == [True, False, True]
    assert [line["target_id"] for line in journal.lines("person.sign_out")] == [ANA.id]


async def test_a_session_that_another_one_took_the_place_of(m: Management) -> None:
    """Who signed in again in that browser meanwhile is signed out of it too."""
    here, there, again = await enter(m), await enter(m), await enter(m)
    await sign_in.change_over(m, there.session, again.session, **WHO)
    await account.sign_out_of(m, here.session, there.session.sid or "", **WHO)
    assert [await is_open(m, each) for each in (here, again)] == [True, False]


async def test_one_signs_out_everywhere_else(m: Management, journal: Journal) -> None:
    """Here one stays."""
    here, there, beas = await enter(m), await enter(m), await enter(m, BEA.email)
    await sign_in.sign_out_everywhere(m, here.session, **WHO, but_here=True)
    assert [await is_open(m, each) for each in (here, there, beas)] == [True, False, True]
    assert [line["detail"] for line in journal.lines("person.sign_out")] == [{"sessions": 1}]
