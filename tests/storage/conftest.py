"""Every database that the suite runs against, with less patience than in earnest."""

from collections.abc import AsyncIterator

import pytest

from databases import Databases
from keygrove.storage import postgres, sqlite
from keygrove.storage.database import Database
from stores import PostgresStore, SqliteStore, Store


@pytest.fixture
def postgres_url(databases: Databases) -> str:
    """A PostgreSQL database with its tables and no rows."""
    return databases.kept_postgres().url


@pytest.fixture
def store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store of each kind, whose writers do not wait for long."""
    monkeypatch.setattr(sqlite, "_BUSY_MS", int(SqliteStore.patience_s * 1000))
    monkeypatch.setattr(postgres, "PATIENCE_S", PostgresStore.patience_s)
    return store


@pytest.fixture
async def database(store: Store, anyio_backend: str) -> AsyncIterator[Database]:
    """The store, opened once."""
    opened = await store.open()
    yield opened
    await opened.close()
