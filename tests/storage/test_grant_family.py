"""A family of refresh tokens, however long it lives."""

from collections.abc import Callable

import pytest

from keygrove.storage import grants
from keygrove.storage.database import Database
from storage.granted import GRANT, add_companies_people_and_apps, add_grant
from stores import SqliteStore, Store

ROTATIONS = 10_000
# Within one transaction, for a commit of each would wait for the disk ten thousand times.
TOGETHER = {"sqlite": 500, "postgres": 20}
PAGES = 8 * 8192
pytestmark = pytest.mark.anyio


def size_of(store: Store) -> Callable[[], int]:
    """What measures the room that grants and their indexes take, in bytes."""
    sql = (
        "select page_count * page_size from pragma_page_count, pragma_page_size"
        if isinstance(store, SqliteStore)
        else "select pg_total_relation_size('grants')"
    )

    def measure() -> int:
        size = store.query(sql)[0][0]
        assert isinstance(size, int)
        return size

    return measure


async def test_r18_ten_thousand_rotations_of_one_family_are_one_row(
    database: Database, store: Store, database_kind: str
) -> None:
    """Its room does not grow, also while nobody cleans up, and it is found by its id as on the first day."""
    await add_companies_people_and_apps(database)
    await add_grant(database)
    measure, before = size_of(store), size_of(store)()
    for begin in range(0, ROTATIONS, TOGETHER[database_kind]):
        async with database.transaction() as tx:
            for generation in range(begin, begin + TOGETHER[database_kind]):
                assert await grants.rotate(tx, "g1", generation=generation, at_s=1000 + generation)
    assert store.query("select count(*) from grants") == [(1,)]
    assert measure() - before <= PAGES
    async with database.transaction() as tx:
        found = await grants.by_id(tx, "g1")
        assert found is not None
        assert (found.grant, found.refresh_generation) == (GRANT, ROTATIONS)
        assert found.refreshed_at_s == 1000 + ROTATIONS - 1
        assert not await grants.rotate(tx, "g1", generation=ROTATIONS - 1, at_s=20_000)
