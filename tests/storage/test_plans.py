"""How statements are executed: none on a hot path reads a whole table."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from keygrove.protocol.scope import Scope
from keygrove.storage import clients, people, sessions
from keygrove.storage.clients import ClientListing
from keygrove.storage.database import Database, Row, Transaction, Value
from stores import Store

LISTING = ClientListing(
    client_id="c",
    client_name="n",
    scope=Scope(),
    audience="a",
    company_id="o",
    created_at_s=0,
    created_by="p",
    updated_at_s=0,
)
TOKEN_PATH: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "clients.by_id": lambda tx: clients.by_id(tx, "c"),
}
OTHERS: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "clients.active": lambda tx: clients.active(tx, "o", "c"),
    "clients.page": lambda tx: clients.page(tx, "o", search="x", after=("n", "c"), limit=50),
    "clients.count_active": lambda tx: clients.count_active(tx, "o"),
    "clients.update": lambda tx: clients.update(tx, LISTING, name_key="n", was=LISTING),
    "clients.remove": lambda tx: clients.remove(tx, "o", "c", at_s=0),
    "clients.created_by_form": lambda tx: clients.created_by_form(tx, "o", "d"),
    "people.by_email": lambda tx: people.by_email(tx, "e"),
    "people.by_id": lambda tx: people.by_id(tx, "p"),
    "people.memberships": lambda tx: people.memberships(tx, "p"),
    "sessions.by_digest": lambda tx: sessions.by_digest(tx, "d"),
    "sessions.touch": lambda tx: sessions.touch(tx, "d", seen_at_s=0),
    "sessions.end": lambda tx: sessions.end(tx, "d", at_s=0),
    "sessions.failures_of_account": lambda tx: sessions.failures_of_account(tx, "a", since_s=0, besides=""),
    "sessions.failures_of_address": lambda tx: sessions.failures_of_address(tx, "a", since_s=0, besides=""),
    "sessions.forget_attempts": lambda tx: sessions.forget_attempts(tx, before_s=0),
    "sessions.use_setup_link": lambda tx: sessions.use_setup_link(tx, "d", now_s=0),
}
pytestmark = pytest.mark.anyio


class Recorder(Transaction):
    """Notes each statement and passes it on."""

    def __init__(self, transaction: Transaction) -> None:
        self.statements: list[tuple[str, tuple[Value, ...]]] = []
        self._transaction = transaction

    async def one(self, sql: str, *values: Value) -> Row | None:
        """The first row."""
        self.statements.append((sql, values))
        return await self._transaction.one(sql, *values)

    async def all(self, sql: str, *values: Value) -> list[Row]:
        """Every row."""
        self.statements.append((sql, values))
        return await self._transaction.all(sql, *values)

    async def run_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """Execute a write for each row."""
        self.statements += [(sql, values) for values in rows]
        await self._transaction.run_many(sql, rows)

    async def run(self, sql: str, *values: Value) -> int:
        """Execute a write."""
        self.statements.append((sql, values))
        return await self._transaction.run(sql, *values)


@pytest.mark.parametrize("name", [*TOKEN_PATH, *OTHERS])
async def test_no_statement_scans_a_table(database: Database, store: Store, name: str) -> None:
    """Each is answered from an index, so that a hundred thousand keys cost what one key costs."""
    async with database.transaction() as tx:
        recorder = Recorder(tx)
        await (TOKEN_PATH | OTHERS)[name](recorder)
    assert recorder.statements
    for sql, values in recorder.statements:
        assert store.full_scans(sql, values) == []


async def test_a_token_costs_one_statement(database: Database) -> None:
    """The only read on the token path."""
    async with database.transaction() as tx:
        recorder = Recorder(tx)
        await clients.by_id(recorder, "c")
    assert len(recorder.statements) == 1
