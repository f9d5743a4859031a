"""What is PostgreSQL's alone: how its connections are used."""

import asyncpg
import pytest

from keygrove.storage import postgres

pytestmark = pytest.mark.anyio
COUNT = "select count(*) as number from companies"


async def test_a_postgres_connection_is_handed_on_as_it_is(postgres_url: str) -> None:
    """Its last statement is ours: a reset after each look-up would cost a second round trip."""
    database = await postgres.connect(f"{postgres_url}?application_name=one_exchange")
    async with database.transaction() as tx:
        await tx.one(COUNT)
    beside = await asyncpg.connect(postgres_url)
    last = "select query from pg_stat_activity where application_name = 'one_exchange'"
    assert await beside.fetchval(last) == COUNT
    await beside.close()
    await database.close()
