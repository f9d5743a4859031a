"""Every database that the suite runs against, each behind the same few handles."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import pytest

from keygrove.storage import postgres, schema, sqlite
from keygrove.storage.database import Database
from keygrove.storage.opening import open_database
from postgres import PostgresServer

T = TypeVar("T")


class Store(Protocol):
    """One database, empty but for its tables, and ways to reach it from beside Keygrove."""

    patience_s: float
    """How long a writer waits when another process holds the lock."""

    async def open(self) -> Database:
        """Open it once more."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody write, from another connection, as a hung backup would."""

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""

    def full_scans(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """The steps of a statement that would read a whole table."""


class SqliteStore:
    """A SQLite file."""

    patience_s = 1.0

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keygrove.db"
        schema.migrate_sqlite(self.path)

    async def open(self) -> Database:
        """Open it once more."""
        return await open_database(f"sqlite:///{self.path}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody write, from another connection, as a hung backup would."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            yield
            connection.execute("rollback")

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def full_scans(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """The steps of a statement that would read a whole table."""
        named = {str(number): value for number, value in enumerate(values, start=1)}
        with closing(sqlite3.connect(self.path)) as connection:
            plan = [row[3] for row in connection.execute(f"explain query plan {sql}", named)]
        return [step for step in plan if "SCAN" in step]


class PostgresStore:
    """A PostgreSQL database, and an event loop on a thread of its own to look at it from beside."""

    patience_s = 2.0

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection = self._beside(self._connect())
        tables = self.query("select tablename from pg_tables where schemaname = 'public'")
        names = ", ".join(str(name) for (name,) in tables if name != "alembic_version")
        self._beside(self._connection.execute(f"truncate {names}"))

    async def open(self) -> Database:
        """Open it once more."""
        return await open_database(self.url)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let nobody write, from another connection, as a hung backup would."""
        self._beside(
            self._connection.execute("begin; lock table companies, usage_hours, failures in exclusive mode")
        )
        yield
        self._beside(self._connection.execute("rollback"))

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""
        return [tuple(row) for row in self._beside(self._connection.fetch(sql))]

    def full_scans(self, sql: str, values: tuple[object, ...]) -> list[str]:
        """The steps of a statement that would read a whole table, even if everything else were dear."""
        self._beside(self._connection.execute("set enable_seqscan = off"))
        plan = self._beside(self._connection.fetch(f"explain {sql}", *values))
        return [row[0] for row in plan if "Seq Scan" in row[0]]

    def close(self) -> None:
        """End the connection and the thread."""
        self._beside(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> Any:
        return await asyncpg.connect(self.url)

    def _beside(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop we run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database with the tables, on a server that lives as long as the suite."""
    server = PostgresServer.create()
    try:
        server.start()
        url = server.url(server.new_database())
        asyncio.run(schema.migrate(url))
        yield url
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store of each kind."""
    monkeypatch.setattr(sqlite, "_BUSY_MS", int(SqliteStore.patience_s * 1000))
    monkeypatch.setattr(postgres, "PATIENCE_S", PostgresStore.patience_s)
    if request.param == "sqlite":
        yield SqliteStore(tmp_path)
        return
    store = PostgresStore(request.getfixturevalue("postgres_url"))
    yield store
    store.close()


@pytest.fixture
async def database(store: Store, anyio_backend: str) -> AsyncIterator[Database]:
    """The store, opened once."""
    opened = await store.open()
    yield opened
    await opened.close()
