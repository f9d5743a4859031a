"""Turns: what two transactions must not do at the same time, on a database that lets both write."""

import asyncio

import pytest

from keygrove.storage import companies
from keygrove.storage.companies import Company
from keygrove.storage.database import Database

pytestmark = pytest.mark.anyio


async def test_a_company_is_held_by_one_at_a_time(database: Database) -> None:
    """Everybody who holds it finds what those before have written."""
    async with database.transaction() as tx:
        await companies.insert(tx, Company(id="c1", slug="acme", name="0", created_at_s=0))

    async def add_one() -> None:
        async with database.transaction() as tx:
            assert await companies.hold(tx, "c1")
            row = await tx.one("select name from companies where company_id = $1", "c1")
            assert row is not None
            await asyncio.sleep(0)
            await tx.run(
                "update companies set name = $1 where company_id = $2", str(int(row["name"]) + 1), "c1"
            )

    await asyncio.gather(*(add_one() for _ in range(8)))
    async with database.transaction() as tx:
        held = await companies.by_id(tx, "c1")
    assert held is not None
    assert held.name == "8"


async def test_a_company_that_is_not_there_is_held_by_nobody(database: Database) -> None:
    """Then there is nothing to wait for."""
    async with database.transaction() as tx:
        assert not await companies.hold(tx, "c1")
