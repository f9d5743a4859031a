"""Every database that the suite runs against, each behind the same few handles."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest

from beside import Beside
from keygrove.storage.database import Database
from keygrove.storage.opening import SQLITE, open_database

KINDS = ("sqlite", "postgres")
# For tests of what has no database behind it, or of what only a file has: the reason stands beside it.
ONLY_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


class Store(Protocol):
    """One database with its tables, and ways to reach it from beside Keygrove."""

    patience_s: float
    """How long a writer waits in the storage suite when another process holds the lock."""

    in_order: str
    """What to order by for the order in which rows were written, in a table that only grows."""

    @property
    def url(self) -> str:
        """How Keygrove is told of it."""

    async def open(self) -> Database:
        """Open it once more."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody write, from another connection, as a hung backup would."""

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""

    def execute(self, sql: str) -> None:
        """Write from another connection."""

    def tables(self) -> list[str]:
        """The names of its tables, Alembic's own aside."""

    def plan(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """How a statement would be executed, step by step."""

    def full_scans(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """The steps of a statement that would read a whole table."""


@contextmanager
def store_at(url: str) -> Iterator[Store]:
    """The database of a server, by its URL."""
    if url.startswith(SQLITE):
        yield SqliteStore(Path(url.removeprefix(SQLITE)))
        return
    store = PostgresStore(url)
    try:
        yield store
    finally:
        store.close()


def everything_in(store: Store) -> str:
    """Each value of each table, a row a line."""
    return "\n".join(
        f"{table}: " + " | ".join(map(str, row))
        for table in store.tables()
        for row in store.query(f"select * from {table}")  # noqa: S608 - a table of ours
    )


class SqliteStore:
    """A SQLite file."""

    patience_s = 2.0
    in_order = "rowid"

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """How Keygrove is told of it."""
        return f"{SQLITE}{self.path}"

    async def open(self) -> Database:
        """Open it once more."""
        return await open_database(self.url)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody write, from another connection, as a hung backup would."""
        with self._connection() as connection:
            connection.execute("begin immediate")
            yield
            connection.execute("rollback")

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""
        with self._connection() as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Write from another connection."""
        with self._connection() as connection:
            connection.execute(sql)

    def tables(self) -> list[str]:
        """The names of its tables, Alembic's own aside."""
        rows = self.query("select name from sqlite_master where type = 'table' order by name")
        return [str(name) for (name,) in rows if name != "alembic_version"]

    def plan(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """How a statement would be executed, step by step."""
        named = {str(number): value for number, value in enumerate(values, start=1)}
        with self._connection() as connection:
            return [str(row[3]) for row in connection.execute(f"explain query plan {sql}", named)]

    def full_scans(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """The steps of a statement that would read a whole table."""
        return [step for step in self.plan(sql, values) if "SCAN" in step]

    def _connection(self) -> "closing[sqlite3.Connection]":
        return closing(sqlite3.connect(self.path, isolation_level=None, timeout=10))


class PostgresStore:
    """A PostgreSQL database, and a connection beside the tests that looks at it."""

    patience_s = 4.0
    # The place of a row tells nothing: each connection goes on in a page of its own.
    in_order = "xmin::text::bigint, cmin::text::bigint"

    def __init__(self, url: str) -> None:
        self._url = url
        self._beside = Beside()
        self._connection = self._beside.run(_connect(url))

    @property
    def url(self) -> str:
        """How Keygrove is told of it."""
        return self._url

    async def open(self) -> Database:
        """Open it once more."""
        return await open_database(self.url)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody write, from another connection, as a hung backup would."""
        self.execute(f"begin; lock table {', '.join(self.tables())} in exclusive mode")
        try:
            yield
        finally:
            self.execute("rollback")

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""
        return [tuple(row) for row in self._beside.run(self._connection.fetch(sql))]

    def execute(self, sql: str) -> None:
        """Write from another connection."""
        self._beside.run(self._connection.execute(sql))

    def tables(self) -> list[str]:
        """The names of its tables, Alembic's own aside."""
        rows = self.query("select tablename from pg_tables where schemaname = 'public' order by tablename")
        return [str(name) for (name,) in rows if name != "alembic_version"]

    def plan(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """How a statement would be executed, step by step, if reading a whole table were dear."""
        self.execute("set enable_seqscan = off")
        return [str(row[0]) for row in self._beside.run(self._connection.fetch(f"explain {sql}", *values))]

    def full_scans(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """The steps of a statement that would read a whole table, even if everything else were dear."""
        return [step for step in self.plan(sql, values) if "Seq Scan" in step]

    def empty(self) -> None:
        """Take every row away. `truncate` would write new files: it takes a hundred times as long."""
        deletes = "; ".join(f"delete from {table}" for table in self.tables())  # noqa: S608 - tables of ours
        # In this role foreign keys are not looked at, so the order of the tables does not matter.
        self.execute(f"begin; set local session_replication_role = replica; {deletes}; commit")

    def grow_only(self) -> None:
        """Never use the place of a row that is gone again: `in_order` holds from now on."""
        for table in self.tables():
            self.execute(f"alter table {table} set (autovacuum_enabled = off)")

    def close(self) -> None:
        """End the connection."""
        self._beside.run(self._connection.close())
        self._beside.close()


async def _connect(url: str) -> Any:
    return await asyncpg.connect(url)
