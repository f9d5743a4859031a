"""storage/reset_links.py, and what is read of one's own sessions."""

import pytest

from keygrove.storage import people, reset_links, sessions
from keygrove.storage.database import Database
from keygrove.storage.people import Account
from storage.granted import ANA, BEA, add_companies_people_and_apps, add_session

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def somebody(database: Database) -> None:
    """Ana and Bea."""
    await add_companies_people_and_apps(database)


async def test_a_person_has_one_link_at_most(database: Database) -> None:
    """The later one takes the place of the earlier; it is open until its time, and spent by the first."""
    async with database.transaction() as tx:
        await reset_links.put(tx, ANA.id, "l1", expires_at_s=100)
        await reset_links.put(tx, BEA.id, "l2", expires_at_s=100)
        await reset_links.put(tx, ANA.id, "l3", expires_at_s=200)
        assert await reset_links.account_of(tx, "l1", now_s=1) is None
        assert await reset_links.account_of(tx, "l3", now_s=199) == Account(ANA, "$argon2id$x")
        assert await reset_links.account_of(tx, "l3", now_s=200) is None
        assert not await reset_links.spend(tx, "l3", now_s=200)
        assert await reset_links.spend(tx, "l3", now_s=199)
        assert not await reset_links.spend(tx, "l3", now_s=199)
        assert await people.set_disabled(tx, BEA.id, 5)
        assert await reset_links.account_of(tx, "l2", now_s=1) is None
        assert await reset_links.forget(tx, before_s=100) == 0
        await reset_links.drop(tx, ANA.id)
        assert await reset_links.forget(tx, before_s=101) == 1


async def test_a_session_is_given_another_token_until_it_ends(database: Database) -> None:
    """It keeps its name, and begins anew; all others of the person can be ended, and it is listed first."""
    here, other = await add_session(database, "here"), await add_session(database, "other", at_s=99)
    await add_session(database, "beas", person=BEA)
    async with database.transaction() as tx:
        assert await sessions.is_of(tx, "other", ANA.id)
        assert not await sessions.is_of(tx, "beas", ANA.id)
        assert await sessions.renew(tx, here, "renewed", at_s=97)
        assert not await sessions.renew(tx, here, "again", at_s=98)
        wanted = {"begun_after_s": 0, "seen_after_s": 0, "limit": 9}
        found = await sessions.open_of(tx, ANA.id, first="renewed", **wanted)
        assert [(each.digest, each.sid) for each in found] == [("renewed", "here"), (other, "other")]
        assert (found[0].created_at_s, found[0].seen_at_s) == (97, 97)
        assert await sessions.end_all(tx, ANA.id, at_s=100, besides="renewed") == 1
        assert [each.sid for each in await sessions.open_of(tx, ANA.id, first="", **wanted)] == ["here"]
        assert await sessions.is_of(tx, "other", ANA.id)
        assert await sessions.end(tx, "renewed", at_s=101)
        assert not await sessions.renew(tx, "renewed", "again", at_s=102)
