"""The PostgreSQL driver, over an asyncpg pool.

A transaction takes a connection only with its first write; what it reads before that is read as
committed, as the port says, and concurrent reads of one kind by one key share a round trip. So the
token endpoint asks the database anew for every request, and still asks it seldom: nothing is
cached, and a key removed on one node is refused by all nodes with the next request.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar, cast

import asyncpg

from keygrove.storage.database import (
    DatabaseUnavailable,
    NoSuchTable,
    Row,
    Transaction,
    UniqueViolation,
    Value,
)
from keygrove.storage.rows import batches

CONNECTIONS = 8
PATIENCE_S = 4.0
MAX_WAITING = 2048
# Writers may all wait for one lock: the rest of the connections is for those who only read.
_WRITERS = CONNECTIONS - 3
_AT_ONCE = 2
log = logging.getLogger("keygrove.postgres")
T = TypeVar("T")
# The event loop forgets tasks that nobody holds.
_releasing: set["asyncio.Future[Any]"] = set()

# The database is away, shutting down, starting, full, or too slow, or it undid a transaction because
# of a rival (a deadlock, say); not a fault of the statement.
_OUTSIDE_CAUSES = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)


async def connect(url: str) -> "PostgresDatabase":
    """Open a pool of connections to `postgresql://user@host/name`. Raises DatabaseUnavailable."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            try:
                pool = await _open_pool(url, init=_look_whether_statements_are_kept)
            except _StatementsNotKept:
                pool = await _open_pool(url, connection_class=_PassedAround, statement_cache_size=0)
            await _warn_of_loss(pool)
    except _OUTSIDE_CAUSES as error:
        raise DatabaseUnavailable(_words(error)) from error
    return PostgresDatabase(pool)


async def _open_pool(url: str, **options: Any) -> "asyncpg.Pool[asyncpg.Record]":
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=CONNECTIONS,
        command_timeout=PATIENCE_S,
        timeout=PATIENCE_S,
        reset=_leave_as_it_is,
        **options,
    )


class _StatementsNotKept(asyncpg.InterfaceError):  # type: ignore[misc]
    """A pooler in between knows no prepared statements: a name may stand for another client's."""


async def _look_whether_statements_are_kept(connection: Any) -> None:
    """Prepare one. Raises _StatementsNotKept.

    A pooler such as PgBouncer, which may pass each transaction to another server process, makes up
    the process id that it greets with. One that keeps statements gives them names of its own.
    """
    name = f"keygrove_{secrets.token_hex(8)}"
    async with connection.transaction():
        look = "select pg_backend_pid() as pid from pg_prepared_statements where name = $1"
        statement = await connection.prepare(look, name=name)
        found = await statement.fetchrow(name)
        if found is None or found["pid"] == connection.get_server_pid():
            return
        await connection.execute(f"deallocate {name}")
    raise _StatementsNotKept("PgBouncer keeps no prepared statements any more: start keygrove again")


class _PassedAround(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose every transaction may run elsewhere: preparing and executing become one."""

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        """See asyncpg.Connection."""
        return await self._at_one_place(super().fetch, arguments, options)

    async def fetchrow(self, *arguments: Any, **options: Any) -> Any:
        """See asyncpg.Connection."""
        return await self._at_one_place(super().fetchrow, arguments, options)

    async def _at_one_place(self, ask: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self.is_in_transaction():
            return await ask(*arguments, **options)
        transaction = self.transaction()
        await transaction.start()
        try:
            answer = await ask(*arguments, **options)
        except asyncpg.PostgresError:
            await transaction.rollback()
            raise
        # Whoever gives up meanwhile does not wait for a rollback: the connection is not used again.
        await transaction.commit()
        return answer


async def _leave_as_it_is(_connection: Any) -> None:
    """Spare a round trip after each use: a transaction has ended, and nothing else of ours outlasts it."""


async def _warn_of_loss(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Say so when this database may forget, after a power cut, what it has acknowledged."""
    risks = await pool.fetch(
        """
        select name from pg_settings
        where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
        """
    )
    for risk in risks:
        log.warning("a removed key may come back after a power cut", extra={"switched_off": risk["name"]})


class PostgresDatabase:
    """One PostgreSQL database. Any number of nodes may have it open."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._gatherer = _Gatherer(pool)
        self._writers = asyncio.Semaphore(_WRITERS)

    def transaction(self) -> "PostgresTransaction":
        """Begin a transaction (see Database.transaction)."""
        return PostgresTransaction(self._pool, self._gatherer, self._writers)

    async def check(self) -> None:
        """Return when the database answers. Raises DatabaseUnavailable."""
        await _read(self._pool, lambda connection: connection.fetchrow("select 1 as answer"))

    async def close(self) -> None:
        """Close the pool, waiting a moment for what is under way."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


class PostgresTransaction(Transaction):
    """Reads go through the pool until the first write; from then on one connection serves everything."""

    __slots__ = ("_connection", "_gatherer", "_pool", "_transaction", "_writers")

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", gatherer: "_Gatherer", writers: asyncio.Semaphore
    ) -> None:
        self._pool = pool
        self._gatherer = gatherer
        self._writers = writers
        self._connection: Any = None
        self._transaction: Any = None

    async def __aenter__(self) -> "PostgresTransaction":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            # A caller that is canceled must not leave a connection in the middle of a transaction.
            await asyncio.shield(self._end(keep=kind is None, lost=isinstance(error, DatabaseUnavailable)))

    async def one(self, sql: str, *values: Value) -> Row | None:
        """The first row, or None."""
        if self._connection is None and len(values) == 1 and isinstance(values[0], str):
            return await self._gatherer.one(sql, values[0])
        return cast("Row | None", await self._ask(lambda connection: connection.fetchrow(sql, *values)))

    async def all(self, sql: str, *values: Value) -> list[Row]:
        """Every row."""
        return cast("list[Row]", await self._ask(lambda connection: connection.fetch(sql, *values)))

    async def run(self, sql: str, *values: Value) -> int:
        """Execute a write; the number of rows it touched."""
        await self._begin()
        status = cast(str, await self._ask(lambda connection: connection.execute(sql, *values)))
        return int(status.rpartition(" ")[2])

    async def run_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """Insert every row."""
        for statement, values in batches(sql, rows):
            await self.run(statement, *values)

    async def _ask(self, act: Any) -> Any:
        if self._connection is None:
            return await _read(self._pool, act)

        async def there() -> Any:
            # One that has ended meanwhile says so at once, before there is anything to wait for.
            return await act(self._connection)

        return await patiently(there())

    async def _begin(self) -> None:
        if self._connection is None:
            await patiently(self._take_turn())

    async def _take_turn(self) -> None:
        await self._writers.acquire()
        try:
            await self._take_connection()
        except BaseException:
            self._writers.release()
            raise

    async def _take_connection(self) -> None:
        connection = await _acquire(self._pool)
        try:
            transaction = connection.transaction()
            await transaction.start()
        except BaseException:
            await _hand_back(self._pool, connection, broken=True)
            raise
        self._connection, self._transaction = connection, transaction

    async def _end(self, *, keep: bool, lost: bool) -> None:
        async def finish() -> None:
            await (self._transaction.commit() if keep else self._transaction.rollback())

        broken = lost
        try:
            if not lost:  # a connection that is ended has rolled back by itself
                await patiently(finish())
        except BaseException:
            broken = True
            if keep:
                raise
        finally:
            try:
                await _hand_back(self._pool, self._connection, broken=broken)
            finally:
                self._writers.release()


class _Gatherer:
    """Gathers look-ups by one key: those that arrive while others are under way share the next round trip."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._waiting: dict[str, list[tuple[str, asyncio.Future[Row | None]]]] = {}
        self._under_way: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def one(self, sql: str, key: str) -> Row | None:
        """The first row of `sql` with the key as `$1`."""
        waiting = self._waiting.setdefault(sql, [])
        if len(waiting) >= MAX_WAITING:
            raise DatabaseUnavailable("too many look-ups wait for the database")
        future: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        waiting.append((key, future))
        if self._under_way.get(sql, 0) < _AT_ONCE:
            self._start(sql)
        # The time in the queue counts too.
        return await patiently(future)

    def _start(self, sql: str) -> None:
        self._under_way[sql] = self._under_way.get(sql, 0) + 1
        task = asyncio.get_running_loop().create_task(self._work(sql))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, sql: str) -> None:
        # Everything that is ready to ask now gets the chance to come along.
        await asyncio.sleep(0)
        while batch := self._waiting.pop(sql, []):
            await self._ask(sql, [(key, future) for key, future in batch if not future.done()])
        self._under_way[sql] -= 1

    async def _ask(self, sql: str, batch: list[tuple[str, asyncio.Future[Row | None]]]) -> None:
        keys = list(dict.fromkeys(key for key, _ in batch))
        try:
            rows = await _read(self._pool, lambda connection: connection.fetch(_for_every_key(sql), keys))
        except Exception as error:
            if isinstance(error, DatabaseUnavailable) or len(batch) == 1:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                # One key that the database refuses must not fail its neighbors.
                for alone in batch:
                    await self._ask(sql, [alone])
            return
        found: dict[str, Row] = {}
        for row in rows:
            found.setdefault(row["asked_key"], row)
        for key, future in batch:
            if not future.done():
                future.set_result(found.get(key))


def _for_every_key(sql: str) -> str:
    """The query for many keys at once: its `$1` becomes a column of the keys asked for."""
    one = sql.replace("$1", "asked.key")
    return f"""
        select asked.key as asked_key, found.*
        from unnest($1::text[]) as asked (key) cross join lateral ({one}) found
    """  # noqa: S608 - made of our own statements only


async def _read(pool: "asyncpg.Pool[asyncpg.Record]", act: Any) -> Any:
    """Read on any connection; once more when the one used turned out to be dead."""

    async def attempt() -> Any:
        connection = await _acquire(pool)
        broken = True
        try:
            answer = await act(connection)
            broken = False
        except asyncpg.PostgresError as error:
            broken = isinstance(error, _OUTSIDE_CAUSES)
            raise
        finally:
            await _hand_back(pool, connection, broken=broken)
        return answer

    async def twice() -> Any:
        try:
            return await attempt()
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError):
            await pool.expire_connections()
            return await attempt()

    return await patiently(twice())


async def _acquire(pool: "asyncpg.Pool[asyncpg.Record]") -> Any:
    """A connection of the pool. When the caller gives up, one half made is finished and given back."""
    taking = asyncio.ensure_future(pool.acquire(timeout=PATIENCE_S))
    try:
        return await asyncio.shield(taking)
    except asyncio.CancelledError:
        taking.add_done_callback(lambda taken: _give_back(pool, taken))
        raise


def _give_back(pool: "asyncpg.Pool[asyncpg.Record]", taken: "asyncio.Future[Any]") -> None:
    if not taken.cancelled() and taken.exception() is None:
        task = asyncio.ensure_future(pool.release(taken.result()))
        _releasing.add(task)
        task.add_done_callback(_releasing.discard)


async def _hand_back(pool: "asyncpg.Pool[asyncpg.Record]", connection: Any, *, broken: bool) -> None:
    """Return a connection. One that broke, or was left in the middle of an exchange, is not used again."""
    if broken:
        with suppress(asyncpg.InterfaceError):  # it has ended already, and the pool has seen it
            connection.terminate()
    await pool.release(connection)


async def patiently(work: Awaitable[T]) -> T:
    """Wait for the database for so long and no longer, and speak of errors in the port's words."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await work
    except asyncpg.UniqueViolationError as error:
        raise UniqueViolation(str(error)) from error
    except asyncpg.UndefinedTableError as error:
        raise NoSuchTable(str(error)) from error
    except _OUTSIDE_CAUSES as error:
        raise DatabaseUnavailable(_words(error)) from error


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
