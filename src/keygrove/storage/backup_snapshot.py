"""Everything as it stood at one moment, read while others write: what a backup is made of.

The port's transactions see what is committed meanwhile. A snapshot does not: it is one read
transaction on a connection of its own. It is for a process of its own, since SQLite is read inline.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from keygrove.storage.database import DatabaseDamaged, Value
from keygrove.storage.opening import SQLITE
from keygrove.storage.sqlite import translate

BATCH = 1000


class Snapshot(Protocol):
    """The database at one moment."""

    def rows(self, sql: str) -> AsyncIterator[list[dict[str, Value]]]:
        """What a query finds, up to BATCH rows at a time. Raises DatabaseUnavailable."""


def snapshot(url: str) -> AbstractAsyncContextManager[Snapshot]:
    """The database of a URL as it stands now: `async with snapshot(url) as frozen`.

    A SQLite file is looked through for damage first. Raises DatabaseUnavailable.
    """
    return _of_sqlite(Path(url.removeprefix(SQLITE))) if url.startswith(SQLITE) else _of_postgres(url)


class _SqliteSnapshot(Snapshot):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str) -> AsyncIterator[list[dict[str, Value]]]:
        """What a query finds, up to BATCH rows at a time."""
        cursor = self._connection.execute(sql)
        while batch := cursor.fetchmany(BATCH):
            yield [dict(row) for row in batch]


@asynccontextmanager
async def _of_sqlite(path: Path) -> AsyncIterator[Snapshot]:
    try:
        # A file that is not there is not made.
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
        with closing(connection):
            connection.row_factory = sqlite3.Row
            connection.execute("pragma query_only = on")
            connection.execute("begin")
            (found,) = connection.execute("pragma integrity_check(1)").fetchone()
            if found != "ok":
                raise DatabaseDamaged(f"{path}: {found}")
            yield _SqliteSnapshot(connection)
    except sqlite3.Error as error:
        raise translate(error) from error


class _PostgresSnapshot(Snapshot):
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, sql: str) -> AsyncIterator[list[dict[str, Value]]]:
        """What a query finds, up to BATCH rows at a time."""
        from keygrove.storage.postgres import patiently

        cursor = await patiently(self._connection.cursor(sql))

        async def next_batch() -> Any:
            return await cursor.fetch(BATCH)

        while batch := await patiently(next_batch()):
            yield [dict(row) for row in batch]


@asynccontextmanager
async def _of_postgres(url: str) -> AsyncIterator[Snapshot]:
    # Imported only where PostgreSQL is used.
    import asyncpg

    from keygrove.storage.postgres import patiently

    connection = await patiently(asyncpg.connect(url))
    try:
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        await patiently(transaction.start())
        yield _PostgresSnapshot(connection)
    finally:
        # There is nothing to commit.
        connection.terminate()
