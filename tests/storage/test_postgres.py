"""What is PostgreSQL's alone: how its connections are used, and how it undoes one of two rivals."""

import asyncio

import asyncpg
import pytest

from keygrove.storage import postgres
from keygrove.storage.database import Database, DatabaseUnavailable, Transaction

pytestmark = pytest.mark.anyio
COUNT = "select count(*) as number from companies"
INSERT = "insert into companies (company_id, slug, name, created_at_s) values ($1, $1, 'before', 0)"
RENAME = "update companies set name = $1 where company_id = $2"


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


@pytest.mark.parametrize("then", ["read", "write", "commit"])
async def test_a_connection_that_ends_between_two_statements_is_no_fault_of_ours(
    postgres_url: str, then: str
) -> None:
    """Where an operator lets PostgreSQL end a transaction that does nothing for a while."""
    database = await two_companies(postgres_url)
    slow = await postgres.connect(postgres_url)

    async def dawdle() -> None:
        async with slow.transaction() as tx:
            await tx.run(RENAME, "late", "one")
            await dawdled(tx, database)
            if then == "read":
                await tx.one(COUNT)
            elif then == "write":
                await tx.run(RENAME, "late", "two")

    with pytest.raises(DatabaseUnavailable):
        await dawdle()
    assert await names(slow) == ["before", "before"]
    await rename_alone(slow, "after")
    assert await names(database) == ["after", "after"]
    await slow.close()
    await database.close()


class TestRivals:
    """Where it undoes a transaction for the sake of another, the database is unavailable: ask again."""

    async def test_of_two_that_wait_for_each_other_one_is_undone(self, postgres_url: str) -> None:
        """A deadlock, which PostgreSQL looks for after a second. The other goes on as if it were alone."""
        nodes = [await two_companies(postgres_url), await postgres.connect(postgres_url)]
        both_wrote = asyncio.Barrier(2)

        async def rename(database: Database, name: str, first: str, then: str) -> None:
            async with database.transaction() as tx:
                await tx.run(RENAME, name, first)
                await both_wrote.wait()
                await tx.run(RENAME, name, then)

        answers = await asyncio.gather(
            rename(nodes[0], "here", "one", "two"),
            rename(nodes[1], "there", "two", "one"),
            return_exceptions=True,
        )
        undone = [answer for answer in answers if answer is not None]
        assert [type(answer) for answer in undone] == [DatabaseUnavailable], answers
        assert "deadlock" in str(undone[0])
        winner = "here" if answers[0] is None else "there"
        assert await names(nodes[0]) == await names(nodes[1]) == [winner, winner]
        for database in nodes:
            await rename_alone(database, "after")
            assert await names(database) == ["after", "after"]
            await database.close()

    async def test_one_that_may_not_wait_for_a_row_is_undone(self, postgres_url: str) -> None:
        """Where an operator has set a `lock_timeout` that is shorter than our patience."""
        database = await two_companies(postgres_url)
        hasty = await postgres.connect(f"{postgres_url}?lock_timeout=50")
        async with database.transaction() as tx:
            await tx.run(RENAME, "held", "one")
            with pytest.raises(DatabaseUnavailable, match="lock timeout"):
                await rename_alone(hasty, "late")
        assert await names(database) == ["held", "before"]
        await rename_alone(hasty, "after")
        assert await names(database) == ["after", "after"]
        await hasty.close()
        await database.close()

    async def test_one_that_finds_the_world_changed_is_undone(self, postgres_url: str) -> None:
        """Where an operator has set transactions to be serializable."""
        database = await two_companies(postgres_url)
        strict = await postgres.connect(f"{postgres_url}?default_transaction_isolation=serializable")

        async def overtaken() -> None:
            async with strict.transaction() as tx:
                await tx.run(RENAME, "late", "one")
                async with database.transaction() as rival:
                    await rival.run(RENAME, "early", "two")
                await tx.run(RENAME, "late", "two")

        with pytest.raises(DatabaseUnavailable, match="serialize"):
            await overtaken()
        assert await names(database) == ["before", "early"]
        await rename_alone(strict, "after")
        assert await names(database) == ["after", "after"]
        await strict.close()
        await database.close()


async def two_companies(url: str) -> Database:
    """The database, with something in it to write to."""
    database = await postgres.connect(url)
    async with database.transaction() as tx:
        await tx.run(INSERT, "one")
        await tx.run(INSERT, "two")
    return database


async def dawdled(tx: Transaction, beside: Database) -> None:
    """Do nothing until PostgreSQL has ended the transaction, this one alone."""
    backend = await tx.one("select pg_backend_pid() as pid")
    assert backend is not None
    await tx.one("select set_config('idle_in_transaction_session_timeout', '50', true) as is_local")
    async with asyncio.timeout(20), beside.transaction() as looking:
        while await looking.all("select pg_sleep(0.01) from pg_stat_activity where pid = $1", backend["pid"]):
            pass
    await asyncio.sleep(0.1)  # it says good-bye before it is gone, and hangs up after


async def rename_alone(database: Database, name: str) -> None:
    """Give both companies a name."""
    async with database.transaction() as tx:
        await tx.run(RENAME, name, "one")
        await tx.run(RENAME, name, "two")


async def names(database: Database) -> list[str]:
    """How both companies are called."""
    async with database.transaction() as tx:
        return [row["name"] for row in await tx.all("select name from companies order by company_id")]
