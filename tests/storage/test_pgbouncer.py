"""The port's promises, kept through a PgBouncer that gives every transaction another connection."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from databases import Databases
from keygrove.storage import postgres
from keygrove.storage.database import Database
from keygrove.storage.opening import open_database
from pgbouncer import STATEMENTS, pgbouncer_to
from storage.test_database import TestCanceled, TestConcurrency, TestLocked, TestReopened, TestTransaction
from stores import PostgresStore, Store

__all__ = ["TestCanceled", "TestConcurrency", "TestLocked", "TestReopened", "TestTransaction"]

# One more than the writers of a process: who only reads is not behind them.
CONNECTIONS = 6

pytestmark = pytest.mark.anyio


class BouncedStore(PostgresStore):
    """A PostgreSQL database that Keygrove reaches through PgBouncer, and the test directly."""

    def __init__(self, url: str, port: int) -> None:
        super().__init__(url)
        self._through = f"postgresql://keygrove@127.0.0.1:{port}{urlsplit(url).path}"
        self.empty()

    async def open(self) -> Database:
        """Open it once more."""
        return await open_database(self._through)


@pytest.fixture(scope="module", params=STATEMENTS)
def port(request: pytest.FixtureRequest, databases: Databases) -> Iterator[int]:
    """The port of a PgBouncer in front of the suite's PostgreSQL."""
    server = urlsplit(databases.kept_postgres().url).port or 0
    with pgbouncer_to(server, connections=CONNECTIONS, statements=request.param) as port:
        yield port


@pytest.fixture
def store(port: int, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The suite's PostgreSQL database, emptied."""
    monkeypatch.setattr(postgres, "PATIENCE_S", PostgresStore.patience_s)
    store = BouncedStore(databases.kept_postgres().url, port)
    yield store
    store.close()


async def test_nothing_is_left_prepared_where_others_come_along(database: Database) -> None:
    """Names of one process would be statements of another. (A PgBouncer that keeps statements names them.)"""
    async with database.transaction() as tx:
        await tx.all("select slug from companies")
        await tx.run("update companies set name = name")
        await tx.all("select name from companies")
    async with database.transaction() as tx:
        for _ in range(CONNECTIONS):
            found = await tx.all("select name from pg_prepared_statements where name not like 'PGBOUNCER%'")
            assert found == []
