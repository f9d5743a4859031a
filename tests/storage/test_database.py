"""The port's promises, kept by every driver."""

import asyncio
import time

import pytest

from keygrove.storage.database import Database, DatabaseUnavailable, NoSuchTable, Row, UniqueViolation
from stores import Store
from yardstick import in_time

INSERT = "insert into companies (company_id, slug, name, created_at_s) values ($1, $2, $3, $4)"
COUNT = "select count(*) as number from companies"
pytestmark = pytest.mark.anyio


class Refusal(Exception):
    """What a caller raises in the middle of a transaction."""


async def add(database: Database, company_id: str, slug: str = "") -> None:
    """Write one row."""
    async with database.transaction() as tx:
        await tx.run(INSERT, company_id, slug or company_id, "A name", 0)


async def count(database: Database) -> int:
    """How many rows there are."""
    async with database.transaction() as tx:
        row = await tx.one(COUNT)
        assert row is not None
        return int(row["number"])


class TestTransaction:
    """Statements that take effect together or not at all."""

    async def test_what_is_written_is_read_back_as_it_was(self, database: Database) -> None:
        """Text of any script, 64-bit numbers, and null."""
        texts = ["é\u0301\U0001d518 \u202e'\";--", "", "x" * 100_000]
        async with database.transaction() as tx:
            for number, text in enumerate(texts):
                await tx.run(INSERT, f"c{number}", f"s{number}", text, 2**63 - 1)
        async with database.transaction() as tx:
            rows = await tx.all(
                "select name, created_at_s, suspended_at_s from companies order by company_id"
            )
        assert [(row["name"], row["created_at_s"], row["suspended_at_s"]) for row in rows] == [
            (text, 2**63 - 1, None) for text in texts
        ]

    async def test_one_is_the_first_row_or_none(self, database: Database) -> None:
        """And `all` may be empty."""
        async with database.transaction() as tx:
            assert await tx.one("select * from companies") is None
            assert await tx.all("select * from companies") == []

    async def test_a_missing_table_is_told_from_other_mistakes(self, database: Database) -> None:
        """A missing column is none of the port's errors."""
        async with database.transaction() as tx:
            with pytest.raises(NoSuchTable):
                await tx.one("select 1 as one from nothing_here")
            with pytest.raises(Exception, match="nothing_here") as mistake:
                await tx.one("select nothing_here from companies")
        assert not isinstance(mistake.value, NoSuchTable)

    async def test_a_value_may_be_used_twice(self, database: Database) -> None:
        """`$1` is the same wherever it stands."""
        async with database.transaction() as tx:
            row = await tx.one(
                "select cast($1 as text) as one, cast($2 as text) as two, $1 as again", "a", "b"
            )
        assert row is not None
        assert (row["one"], row["two"], row["again"]) == ("a", "b", "a")

    async def test_an_error_rolls_everything_back(self, database: Database) -> None:
        """The error itself comes out unchanged."""

        async def write_and_fail() -> None:
            async with database.transaction() as tx:
                await tx.run(INSERT, "c1", "c1", "n", 0)
                await tx.run(INSERT, "c2", "c2", "n", 0)
                raise Refusal

        with pytest.raises(Refusal):
            await write_and_fail()
        assert await count(database) == 0
        await add(database, "c3")
        assert await count(database) == 1

    async def test_own_writes_are_seen_and_nobody_elses_view_changes_before_the_end(
        self, database: Database, store: Store
    ) -> None:
        """Inside: at once. Outside: when the block has ended."""
        async with database.transaction() as tx:
            await tx.run(INSERT, "c1", "c1", "n", 0)
            assert len(await tx.all("select * from companies")) == 1
            assert store.query("select * from companies") == []
            assert await count(database) == 0
        assert len(store.query("select * from companies")) == 1
        assert await count(database) == 1

    async def test_run_tells_how_many_rows_it_touched(self, database: Database) -> None:
        """That is our compare-and-set: none means that a rival was faster."""
        spend = "update companies set suspended_at_s = $1 where suspended_at_s is null"
        async with database.transaction() as tx:
            assert await tx.run(INSERT, "c1", "c1", "n", 0) == 1
            assert await tx.run(INSERT, "c2", "c2", "n", 0) == 1
            assert await tx.run(f"{INSERT} on conflict (slug) do nothing", "c3", "c2", "n", 0) == 0
            assert await tx.run(spend, 1) == 2
            assert await tx.run(spend, 2) == 0
            assert await tx.run("delete from companies where company_id = $1", "c2") == 1

    @pytest.mark.parametrize(("company_id", "slug"), [("c1", "other"), ("other", "c1")])
    async def test_a_second_row_where_one_is_allowed_is_a_unique_violation(
        self, database: Database, company_id: str, slug: str
    ) -> None:
        """In a unique index and in a primary key; the whole transaction is lost."""
        await add(database, "c1")

        async def write_twice() -> None:
            async with database.transaction() as tx:
                await tx.run(INSERT, "c2", "c2", "n", 0)
                await tx.run(INSERT, company_id, slug, "n", 0)

        with pytest.raises(UniqueViolation):
            await write_twice()
        assert await count(database) == 1

    async def test_many_rows_are_written_by_one_call(self, database: Database) -> None:
        """All of them, or none when one is refused; no rows are no write."""
        async with database.transaction() as tx:
            await tx.run_many(INSERT, [(f"c{number}", f"s{number}", "n", number) for number in range(100)])
            await tx.run_many(INSERT, [])
        assert await count(database) == 100

        async def write_twice() -> None:
            async with database.transaction() as tx:
                await tx.run_many(INSERT, [("c100", "s100", "n", 0), ("c7", "s101", "n", 0)])

        with pytest.raises(UniqueViolation):
            await write_twice()
        assert await count(database) == 100

    async def test_a_mistake_of_ours_is_neither_of_the_two_errors(self, database: Database) -> None:
        """It stays what it is, and the database goes on."""
        for sql in ("select * from nothing", "not sql"):
            with pytest.raises(Exception, match=r"nothing|syntax") as failed:
                async with database.transaction() as tx:
                    await tx.run(sql)
            assert not isinstance(failed.value, DatabaseUnavailable | UniqueViolation)
        await add(database, "c1")

    async def test_values_are_never_read_as_sql(self, database: Database) -> None:
        """Quotes and semicolons are letters like any others."""
        hostile = "'; drop table companies; --"
        await add(database, hostile)
        async with database.transaction() as tx:
            assert await tx.one("select 1 as one from companies where company_id = $1", hostile) is not None

    async def test_foreign_keys_hold(self, database: Database, store: Store) -> None:
        """A member of no company cannot be written."""
        sql = "insert into members (person_id, company_id, role, created_at_s) values ('p', 'c', 'admin', 0)"
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            async with database.transaction() as tx:
                await tx.run(sql)
        assert store.query("select * from members") == []


class TestConcurrency:
    """Many at once, in one process and in several."""

    async def test_many_writers_at_once_all_persist_but_the_one_that_fails(
        self, database: Database, store: Store
    ) -> None:
        """Writers that share a commit do not share their errors."""

        async def write(number: int) -> None:
            async with database.transaction() as tx:
                await tx.run(INSERT, f"c{number}", f"c{number}", "n", 0)
                if number % 50 == 7:
                    raise Refusal

        answers = await asyncio.gather(*(write(number) for number in range(200)), return_exceptions=True)
        failed = [number for number, answer in enumerate(answers) if isinstance(answer, Refusal)]
        assert failed == [7, 57, 107, 157]
        assert [answer for answer in answers if answer is not None and not isinstance(answer, Refusal)] == []
        assert len(store.query("select * from companies")) == 196

    async def test_what_is_acknowledged_is_on_disk(self, database: Database, store: Store) -> None:
        """The moment a writer returns, every other connection sees its row, even amid a crowd."""

        async def write(number: int) -> None:
            await add(database, f"c{number}")
            assert (f"c{number}",) in store.query("select company_id from companies")

        await asyncio.gather(*(write(number) for number in range(30)))

    async def test_a_compare_and_set_is_won_once(self, database: Database, store: Store) -> None:
        """By two connections with twenty rivals each, all at the same moment."""
        await add(database, "c1")
        second = await store.open()
        spend = "update companies set suspended_at_s = $1 where company_id = 'c1' and suspended_at_s is null"

        async def try_it(database: Database, number: int) -> int:
            async with database.transaction() as tx:
                await tx.one(COUNT)
                return await tx.run(spend, number)

        rivals = [try_it(one, number) for number in range(20) for one in (database, second)]
        assert sum(await asyncio.gather(*rivals)) == 1
        await second.close()

    async def test_a_transaction_that_has_read_sees_what_was_committed_since(
        self, database: Database, store: Store
    ) -> None:
        """It does not freeze the world: a count after the first write includes the rival's row."""
        second = await store.open()
        async with database.transaction() as tx:
            assert await tx.all("select * from companies") == []
            await add(second, "rival")
            await tx.run(INSERT, "own", "own", "n", 0)
            assert len(await tx.all("select * from companies")) == 2
        await second.close()
        assert await count(database) == 2

    async def test_a_writer_that_goes_wrong_between_others_is_undone_alone(self, database: Database) -> None:
        """A unique violation in the middle of a queue."""
        await add(database, "taken")
        slugs = ["a", "taken", "b", "taken", "c"]
        writes = [add(database, f"c{number}", slug) for number, slug in enumerate(slugs)]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(answer) for answer in answers] == [
            type(None),
            UniqueViolation,
            type(None),
            UniqueViolation,
            type(None),
        ]
        assert await count(database) == 4


class TestCanceled:
    """A caller that goes away leaves nothing locked and nothing half-written."""

    async def test_canceled_in_the_middle_of_a_transaction(self, database: Database) -> None:
        """Its writes are undone, and the next writer gets its turn."""
        wrote = asyncio.Event()

        async def write() -> None:
            async with database.transaction() as tx:
                await tx.run(INSERT, "c1", "c1", "n", 0)
                wrote.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(write())
        await wrote.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(add(database, "c2"), 5)
        assert await count(database) == 1

    async def test_canceled_while_it_waits_for_its_turn(self, database: Database) -> None:
        """Those before and behind it are served. (Where nobody waits for a turn, it may be done already.)"""
        async with database.transaction() as tx:
            await tx.run(INSERT, "first", "first", "n", 0)
            waiting = [asyncio.create_task(add(database, f"c{number}")) for number in range(3)]
            await asyncio.sleep(0.01)
            waiting[1].cancel()
        before, canceled, behind = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        assert (before, behind) == (None, None)
        # One that is canceled as it commits cannot know how that ended.
        assert await count(database) in ((4,) if canceled is None else (3, 4))

    async def test_the_last_in_line_canceled_as_the_one_before_hands_over(self, database: Database) -> None:
        """The one before had left its commit to it, and is acknowledged all the same."""

        async def write_first(wrote: asyncio.Event) -> None:
            async with database.transaction() as tx:
                await tx.run(INSERT, "first", "first", "n", 0)
                wrote.set()
                await asyncio.sleep(0.01)
            # The block ends here, with one writer in line.

        for moment in range(12):
            wrote = asyncio.Event()
            writing = asyncio.create_task(write_first(wrote))
            await wrote.wait()
            waiting = asyncio.create_task(add(database, "second"))
            await asyncio.sleep(0.009)
            for _ in range(moment * 3):
                await asyncio.sleep(0.0002)
            waiting.cancel()
            await asyncio.wait_for(asyncio.gather(writing, waiting, return_exceptions=True), 5)
            assert writing.exception() is None
            async with database.transaction() as tx:
                await tx.run("delete from companies")

    async def test_canceled_at_any_moment_at_all(self, database: Database, store: Store) -> None:
        """Crowds of writers, some canceled: who was acknowledged is on disk, and nobody hangs."""
        for turn in range(25):
            tasks = [asyncio.create_task(add(database, f"c{turn}_{number}")) for number in range(8)]
            for step in range(turn):
                await asyncio.sleep(0.0001 * (step % 4))
            for task in tasks[turn % 3 :: 3]:
                task.cancel()
            answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
            kept = {row[0] for row in store.query("select company_id from companies")}
            for number, answer in enumerate(answers):
                assert answer is None or isinstance(answer, asyncio.CancelledError)
                assert answer is not None or f"c{turn}_{number}" in kept
        await asyncio.wait_for(add(database, "last"), 5)


class TestLocked:
    """Another process holds the write lock."""

    async def test_reads_go_on_and_writes_fail_in_time(self, database: Database, store: Store) -> None:
        """After the busy time, not before and not much later; then everything works again."""
        await add(database, "before")
        with store.locked():
            assert await count(database) == 1
            started = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                await add(database, "during")
            waited = time.monotonic() - started
            assert store.patience_s * 0.8 < waited
            assert in_time(waited, store.patience_s + 2)
            assert await count(database) == 1
            await database.check()
        await add(database, "after")
        assert store.query("select company_id from companies order by 1") == [("after",), ("before",)]

    async def test_everybody_in_line_is_told(self, database: Database, store: Store) -> None:
        """Together, not one busy time after the other, and nothing is written later behind their backs."""
        started = time.monotonic()
        with store.locked():
            writes = [add(database, f"c{number}") for number in range(10)]
            answers = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 10)
        assert time.monotonic() - started < 4 * store.patience_s
        assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)
        assert await count(database) == 0

    async def test_readers_do_not_stand_in_the_writers_line(self, database: Database, store: Store) -> None:
        """However many writers wait."""
        with store.locked():
            writers = [asyncio.create_task(add(database, f"c{number}")) for number in range(20)]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(store.patience_s / 2):
                assert await count(database) == 0
        await asyncio.gather(*writers)
        assert await count(database) == 20

    async def test_a_lock_that_is_given_back_in_time_costs_only_time(
        self, database: Database, store: Store
    ) -> None:
        """The writer waits for it."""
        with store.locked():
            writing = asyncio.create_task(add(database, "c1"))
            await asyncio.sleep(store.patience_s / 4)
            assert not writing.done()
        await asyncio.wait_for(writing, 5)
        assert await count(database) == 1


class TestReopened:
    """What was written is there the next time."""

    async def test_a_closed_database_keeps_everything(self, store: Store) -> None:
        """Open, write, close, open."""
        database = await store.open()
        await add(database, "c1")
        await database.close()
        database = await store.open()
        assert await count(database) == 1
        await database.close()


async def test_a_key_that_the_database_refuses_fails_alone(database: Database) -> None:
    """Look-ups that share a round trip do not share a fault."""

    async def look_up(key: str) -> Row | None:
        async with database.transaction() as tx:
            return await tx.one("select slug from companies where company_id = $1", key)

    found = await asyncio.gather(*(look_up(key) for key in ("a", "\ud800", "b")), return_exceptions=True)
    assert found[0] is None
    assert isinstance(found[1], Exception)
    assert found[2] is None
