"""Every database that the suite runs against, each behind the same few handles."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from keygrove.storage import schema, sqlite
from keygrove.storage.database import Database
from keygrove.storage.sqlite import SqliteDatabase

# A writer gives up after this long when another process holds the lock.
BUSY_MS = 200


class Store(Protocol):
    """One database, empty but for its tables, and ways to reach it from beside Keygrove."""

    def __init__(self, folder: Path) -> None:
        """Create it, with the newest schema."""

    def open(self) -> Database:
        """Open it once more."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold its write lock from another connection, as a hung backup would."""

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""

    def plan(self, sql: str, values: tuple[object, ...]) -> str:
        """How it would execute a statement."""


class SqliteStore:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keygrove.db"
        schema.migrate_sqlite(self.path)

    def open(self) -> Database:
        """Open it once more."""
        return SqliteDatabase(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold its write lock from another connection, as a hung backup would."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            yield
            connection.execute("rollback")

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """What another connection reads."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def plan(self, sql: str, values: tuple[object, ...]) -> str:
        """How it would execute a statement."""
        named = {str(number): value for number, value in enumerate(values, start=1)}
        with closing(sqlite3.connect(self.path)) as connection:
            return "\n".join(row[3] for row in connection.execute(f"explain query plan {sql}", named))


# Another database joins the whole suite with one line here.
STORES: dict[str, type[Store]] = {
    "sqlite": SqliteStore,
}


@pytest.fixture
def anyio_backend() -> str:
    """The event loop we run on."""
    return "asyncio"


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store of each kind."""
    monkeypatch.setattr(sqlite, "_BUSY_MS", BUSY_MS)
    return STORES[request.param](tmp_path)


@pytest.fixture
async def database(store: Store, anyio_backend: str) -> AsyncIterator[Database]:
    """The store, opened once."""
    opened = store.open()
    yield opened
    await opened.close()
