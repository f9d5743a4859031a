"""What SQLite does when the disk is full: nothing is acknowledged that is not on the disk."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keygrove.storage import schema
from keygrove.storage.database import DatabaseUnavailable
from keygrove.storage.sqlite import SqliteDatabase

INSERT = "insert into companies (company_id, slug, name, created_at_s) values ($1, $1, $2, 0)"
pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with its tables."""
    schema.migrate_sqlite(tmp_path / "keygrove.db")
    return tmp_path / "keygrove.db"


@pytest.fixture
async def database(path: Path, anyio_backend: str) -> AsyncIterator[SqliteDatabase]:
    """The file, opened."""
    opened = SqliteDatabase(path)
    yield opened
    await opened.close()


def companies(path: Path) -> set[str]:
    """What is on the disk, as another connection sees it."""
    with sqlite3.connect(path) as connection:
        found = {row[0] for row in connection.execute("select company_id from companies")}
    connection.close()
    return found


async def add(database: SqliteDatabase, company_id: str, size: int = 10) -> None:
    """Write one row of that many characters."""
    async with database.transaction() as tx:
        await tx.run(INSERT, company_id, "x" * size)


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Let the disk be full: writes of this process beyond that offset of any file fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def acknowledged(*writes: asyncio.Task[None]) -> list[bool]:
    """Which of the writes succeeded; the others must have failed as unavailable."""
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert all(answer is None or isinstance(answer, DatabaseUnavailable) for answer in answers), answers
    return [answer is None for answer in answers]


async def test_a_statement_that_fills_the_disk_takes_nobody_with_it_in_silence(
    database: SqliteDatabase, path: Path
) -> None:
    """SQLite may undo the whole group for one member; then every member is told."""
    await add(database, "before")
    await database._writer.do(lambda connection: connection.execute("pragma max_page_count = 1"))
    sizes = {"small": 10, "huge": 3_000_000, "late": 10}
    writes = [asyncio.create_task(add(database, name, size)) for name, size in sizes.items()]
    told = dict(zip(sizes, await asyncio.wait_for(acknowledged(*writes), 10), strict=True))
    assert {name for name, succeeded in told.items() if succeeded} | {"before"} == companies(path)
    assert not told["huge"]


async def test_a_commit_that_fails_is_reported_to_every_member_of_the_group(
    database: SqliteDatabase, path: Path
) -> None:
    """No success is told, nobody waits forever, and the writer goes on when there is space again."""
    await add(database, "before")
    with no_file_grows_beyond(path.with_name("keygrove.db-wal").stat().st_size):
        writes = [asyncio.create_task(add(database, name)) for name in ("a", "b", "c")]
        assert await asyncio.wait_for(acknowledged(*writes), 10) == [False] * 3
    assert companies(path) == {"before"}
    await asyncio.wait_for(add(database, "after"), 10)
    assert companies(path) == {"before", "after"}


async def test_reads_go_on_while_the_disk_is_full(database: SqliteDatabase, path: Path) -> None:
    """Token issue needs no write, so it does not stop."""
    await add(database, "before")
    with no_file_grows_beyond(path.with_name("keygrove.db-wal").stat().st_size):
        async with database.transaction() as tx:
            assert await tx.all("select company_id from companies") != []
