"""storage/logout_notices.py, and how the end of a session writes them (OIDC Back-Channel Logout 1.0 §2.5)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from keygrove.storage import apps, companies, logout_notices, people, sessions
from keygrove.storage.database import Database, Transaction
from keygrove.storage.logout_notices import LogoutNotice
from storage.granted import (
    ANA,
    APP,
    BEA,
    MAKER,
    NATIVE,
    add_companies_people_and_apps,
    add_grant,
    add_session,
    code_of,
)

NOTICE = LogoutNotice(sid="sid1", client_id=APP.client_id, person_id=ANA.id, attempts=0)
TOLD_TOO = replace(APP, client_id="app3", name="Third", backchannel_logout_uri="https://third.example/")
# Why an app is not told of the end of a session that it had a grant of.
UNTOLD: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "removed": lambda tx: apps.remove(tx, APP.client_id, at_s=99),
    "suspended": lambda tx: apps.set_state(tx, APP.client_id, was="live", state="suspended", at_s=99),
    "its company suspended": lambda tx: companies.set_suspended(tx, MAKER.id, 99),
    "no address": lambda tx: apps.update(tx, replace(APP, backchannel_logout_uri=None), name_key="m"),
}
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def beginning(database: Database) -> str:
    """Ana's session, in which she connected an app that is told, and another that is not."""
    await add_companies_people_and_apps(database)
    await add_grant(database)
    await add_grant(database, code_of("g2"))
    await add_grant(database, code_of("g3", client_id=NATIVE.client_id))
    return await add_session(database, "sid1")


async def waiting(database: Database, *, now_s: int = 10**6) -> list[LogoutNotice]:
    """What is due, two of each app at most."""
    async with database.transaction() as tx:
        found = [
            await logout_notices.due_of(tx, client_id, now_s=now_s, limit=2)
            for client_id in await logout_notices.clients_due(tx, now_s=now_s, limit=9)
        ]
    assert [] not in found
    return [notice for of_client in found for notice in of_client]


async def end(database: Database, digest: str = "session sid1", *, at_s: int = 200) -> bool:
    """End a session."""
    async with database.transaction() as tx:
        return await sessions.end(tx, digest, at_s=at_s)


async def standing_for(database: Database, sid: str) -> str | None:
    """What the session is called in which whoever is known by this name is signed in."""
    async with database.transaction() as tx:
        found = await sessions.by_sid(tx, sid)
    return found.sid if found is not None else None


class TestWhoIsTold:
    """What the end of a session leaves behind."""

    async def test_each_app_of_the_session_is_noted_once(self, database: Database) -> None:
        """However many grants it has; not those of other sessions, and not a second time."""
        await add_session(database, "sid2")
        await add_grant(database, code_of("g4", session_id="sid2"))
        assert await end(database)
        assert await waiting(database) == [NOTICE]
        assert await waiting(database, now_s=199) == []
        assert not await end(database)
        assert await waiting(database) == [NOTICE]

    async def test_a_revoked_grant_is_told_of_too(self, database: Database) -> None:
        """Another password revokes first, and the app has a session all the same."""
        async with database.transaction() as tx:
            await tx.run("update grants set revoked_at_s = 150")
            await sessions.end(tx, "session sid1", at_s=200)
        assert await waiting(database) == [NOTICE]

    @pytest.mark.parametrize("why", UNTOLD)
    async def test_an_app_that_is_not_told(self, database: Database, why: str) -> None:
        """It has no address, or nobody may use it."""
        async with database.transaction() as tx:
            assert await UNTOLD[why](tx)
        assert await end(database)
        assert await waiting(database) == []

    async def test_every_session_of_a_person_ends_with_a_note(self, database: Database) -> None:
        """And nobody else's."""
        await add_session(database, "sid2")
        await add_session(database, "sid3", person=BEA)
        for sid, subject in (("sid2", ANA.id), ("sid3", BEA.id)):
            await add_grant(database, code_of(f"g of {sid}", session_id=sid, subject=subject))
        async with database.transaction() as tx:
            assert await sessions.end_all(tx, ANA.id, at_s=200) == 2
        assert await waiting(database) == [NOTICE, replace(NOTICE, sid="sid2")]

    async def test_what_is_rolled_back_notes_nothing(self, database: Database) -> None:
        """Session and notes are one: neither is there without the other."""

        async def fail() -> None:
            async with database.transaction() as tx:
                assert await sessions.end(tx, "session sid1", at_s=200)
                raise RuntimeError("killed")

        with pytest.raises(RuntimeError):
            await fail()
        assert await waiting(database) == []
        assert await end(database)

    async def test_a_grant_and_the_end_of_its_session_wait_for_each_other(self, database: Database) -> None:
        """Whichever comes first: no app gets a grant of a session whose end it is not told of."""
        held, go_on = asyncio.Event(), asyncio.Event()

        async def grant() -> bool:
            async with database.transaction() as tx:
                open_still = await sessions.hold(tx, "sid1")
                held.set()
                await go_on.wait()
                if open_still:
                    await tx.run("update grants set sid = 'sid1' where grant_id = 'late'")
            return open_still

        async with database.transaction() as tx:
            await tx.run("delete from grants where client_id = $1", APP.client_id)
        await add_grant(database, code_of("late", session_id="none"))
        granting = asyncio.create_task(grant())
        await held.wait()
        ending = asyncio.create_task(end(database))
        await asyncio.sleep(0.1)
        go_on.set()
        assert await granting
        assert await ending
        assert await waiting(database) == [NOTICE]
        assert not await grant()

    async def test_a_session_in_anothers_place_tells_for_both(self, database: Database) -> None:
        """Through any number of them; while somebody is signed in still, nobody is told."""
        for number in (2, 3):
            await add_session(database, f"sid{number}")
            async with database.transaction() as tx:
                digest = f"session sid{number - 1}"
                assert await sessions.succeed(tx, digest, by_sid=f"sid{number}", at_s=110)
                assert not await sessions.succeed(tx, digest, by_sid="sid9", at_s=111)
        await add_grant(database, code_of("g4", session_id="sid3"))
        assert await waiting(database) == []
        assert [await standing_for(database, f"sid{number}") for number in (1, 2, 3, 4)] == ["sid3"] * 3 + [
            None
        ]
        assert await end(database, "session sid3")
        assert await standing_for(database, "sid1") is None
        assert await waiting(database) == [NOTICE, replace(NOTICE, sid="sid3")]


class TestWhoTells:
    """One at a time, and nothing is lost on the way."""

    async def test_one_of_many_claims_a_row(self, database: Database) -> None:
        """All look at once; the others find nothing until the claim has run out."""
        await end(database)

        async def claim() -> LogoutNotice | None:
            async with database.transaction() as tx:
                return await logout_notices.claim(tx, NOTICE, now_s=200, until_s=230)

        claimed = await asyncio.gather(*(claim() for _ in range(8)))
        assert [one for one in claimed if one is not None] == [replace(NOTICE, attempts=1)]
        assert await waiting(database, now_s=229) == []
        assert await waiting(database, now_s=230) == [replace(NOTICE, attempts=1)]

    async def test_a_row_is_settled_or_tried_again_by_who_has_it(self, database: Database) -> None:
        """An answer that came after the claim ran out changes nothing for who has it now."""
        await end(database)
        async with database.transaction() as tx:
            first = await logout_notices.claim(tx, NOTICE, now_s=200, until_s=230)
            assert first is not None
            assert await logout_notices.postpone(tx, first, until_s=210)
            second = await logout_notices.claim(tx, first, now_s=210, until_s=240)
            assert second == replace(NOTICE, attempts=2)
            assert not await logout_notices.postpone(tx, first, until_s=999)
            assert not await logout_notices.settle(tx, first)
            assert await logout_notices.settle(tx, second)
            assert not await logout_notices.settle(tx, second)
        assert await waiting(database) == []

    async def test_no_app_stands_in_anothers_way(self, database: Database) -> None:
        """Each is found however much another waits for; of each the oldest first."""
        await self.add_backlog(database)
        third = replace(NOTICE, client_id=TOLD_TOO.client_id)
        oldest = [replace(NOTICE, sid="sid5"), replace(NOTICE, sid="sid6")]
        assert await waiting(database) == [*oldest, third]
        async with database.transaction() as tx:
            assert await logout_notices.clients_due(tx, now_s=300, limit=1) == [APP.client_id]
            assert await logout_notices.clients_due(tx, now_s=104, limit=9) == []
            assert await logout_notices.due_of(tx, APP.client_id, now_s=105, limit=9) == oldest[:1]

    async def test_an_app_that_is_left_alone_is_not_found(self, database: Database) -> None:
        """Until then, to the second; a shorter pause does not take the place of a longer one."""
        await self.add_backlog(database)
        async with database.transaction() as tx:
            for until_s in (250, 310, 300):
                await logout_notices.leave_alone(tx, APP.client_id, until_s=until_s)
        third = replace(NOTICE, client_id=TOLD_TOO.client_id)
        assert await waiting(database, now_s=309) == [third]
        assert len(await waiting(database, now_s=310)) == 3

    async def add_backlog(self, database: Database) -> None:
        """Of one app a few, of another one that is younger."""
        async with database.transaction() as tx:
            assert await apps.insert(tx, TOLD_TOO, name_key="third", secret_digest="d")
        for number in range(5, 9):
            await add_session(database, f"sid{number}")
            await add_grant(database, code_of(f"g{number}", session_id=f"sid{number}"))
            await end(database, f"session sid{number}", at_s=100 + number)
        await add_grant(database, code_of("g9", client_id=TOLD_TOO.client_id))
        await end(database)

    async def test_what_nobody_told_in_time_is_forgotten(self, database: Database) -> None:
        """By when the session ended, to the second."""
        await end(database)
        async with database.transaction() as tx:
            assert await logout_notices.forget(tx, before_s=200) == 0
            assert await logout_notices.forget(tx, before_s=201) == 1
        assert await waiting(database) == []


async def test_the_password_and_the_end_are_one_deed(database: Database) -> None:
    """As management does it: all in one transaction, in any order."""
    async with database.transaction() as tx:
        assert await people.set_password(tx, ANA.id, "$argon2id$z", at_s=200)
        assert await sessions.end_all(tx, ANA.id, at_s=200) == 1
    assert await waiting(database) == [NOTICE]
