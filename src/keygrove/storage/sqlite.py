"""The embedded driver: SQLite in WAL mode.

Reads run inline on the event loop: a primary-key read takes about 10 µs, a hop to a thread ten
times that. Writes go through one writer per process, on a thread of its own, since they wait for
the disk and for other processes. Writers that queue up share one COMMIT, so one fsync acknowledges
them all (group commit); each is a savepoint, so one may fail without the others.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast

from keygrove.storage.database import (
    DatabaseDamaged,
    DatabaseUnavailable,
    NoSuchTable,
    Row,
    Transaction,
    UniqueViolation,
    Value,
)
from keygrove.storage.rows import batches

_BUSY_MS = 5000
_READ_BUSY_MS = 250
_GROUP = 64
# The write-ahead log grows to 64 MB before it is folded into the file. Last uses touch the same pages each
# second, and a page that was written many times is folded in once.
_LOG_PAGES = 16_000
# So much of the file, its beginning, is read where the system has it, without a call and a copy for each
# page: some 90,000 keys. Workers share that memory, but each counts it as its own. Why no more: ADR 0012.
_MAPPED_BYTES = 32 * 1024 * 1024
_NAMES = tuple(str(number) for number in range(1, 33))
_OUTSIDE_CAUSES = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
)
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
T = TypeVar("T")


def connect(path: Path, *, busy_ms: int) -> sqlite3.Connection:
    """A connection in autocommit mode that syncs each commit to disk. Raises DatabaseUnavailable."""
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute(f"pragma busy_timeout = {busy_ms}")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute(f"pragma wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute("pragma foreign_keys = on")
    except sqlite3.Error as error:
        known = translate(error)
        raise (type(known) if known is not error else DatabaseUnavailable)(f"{path}: {error}") from error
    return connection


def examine(path: Path, *, at_most_s: float = 1.0) -> None:
    """Look through a file for damage, for so long and no longer: a start must not wait for a huge one.

    Raises DatabaseDamaged, DatabaseUnavailable.
    """
    deadline = time.monotonic() + at_most_s
    connection = connect(path, busy_ms=_READ_BUSY_MS)
    try:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        (found,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            return
        raise translate(error) from error
    finally:
        connection.close()
    if found != "ok":
        raise DatabaseDamaged(f"{path}: {found}")


class SqliteDatabase:
    """One SQLite file. Any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        self._reader = connect(path, busy_ms=_READ_BUSY_MS)
        self._reader.execute("pragma query_only = on")
        self._reader.execute(f"pragma mmap_size = {_MAPPED_BYTES}")
        self._writer = _Writer(path)

    def transaction(self) -> "SqliteTransaction":
        """Begin a transaction (see Database.transaction)."""
        return SqliteTransaction(self._reader, self._writer)

    async def check(self) -> None:
        """Return when the file answers. Raises DatabaseUnavailable."""
        async with self.transaction() as tx:
            await tx.one("select 1 as answer")

    async def close(self) -> None:
        """Close both connections."""
        await self._writer.close()
        self._reader.close()


class SqliteTransaction(Transaction):
    """Reads go to the reading connection until the first write, then everything to the writer."""

    __slots__ = ("_reader", "_writer", "_writing")

    def __init__(self, reader: sqlite3.Connection, writer: "_Writer") -> None:
        self._reader = reader
        self._writer = writer
        self._writing = False

    async def __aenter__(self) -> "SqliteTransaction":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing:
            # A caller that is canceled must not leave the writer locked.
            await asyncio.shield(self._writer.end(keep=kind is None))

    async def one(self, sql: str, *values: Value) -> Row | None:
        """The first row, or None."""
        if self._writing:
            return await self._writer.do(lambda connection: _one(connection, sql, values))
        return _one(self._reader, sql, values)

    async def all(self, sql: str, *values: Value) -> list[Row]:
        """Every row."""
        if self._writing:
            return await self._writer.do(lambda connection: _all(connection, sql, values))
        return _all(self._reader, sql, values)

    async def run(self, sql: str, *values: Value) -> int:
        """Execute a write; the number of rows it touched."""
        await self._begin()
        return await self._writer.do(lambda connection: _write(connection, sql, values))

    async def run_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """Insert every row."""
        await self._begin()
        await self._writer.do(lambda connection: _write_many(connection, sql, rows))

    async def _begin(self) -> None:
        if not self._writing:
            await self._writer.begin()
            self._writing = True


class _Writer:
    """The one writing connection of this process, and the queue in front of it."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, busy_ms=_BUSY_MS)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._turn = asyncio.Lock()
        self._queued = 0
        self._uncommitted: list[asyncio.Future[None]] = []

    async def do(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Run one act on the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, self._connection)

    async def begin(self) -> None:
        """Wait for a turn, then open a savepoint. Raises DatabaseUnavailable."""
        self._queued += 1
        try:
            # When the lock is held elsewhere the whole line gives up, not one writer after the other.
            async with asyncio.timeout(_BUSY_MS / 1000):
                await self._turn.acquire()
        except BaseException as error:
            self._queued -= 1
            if self._uncommitted and not self._queued and not self._turn.locked():
                await self._turn.acquire()
                await asyncio.shield(self._finish())
            if isinstance(error, TimeoutError):
                raise DatabaseUnavailable("too many writes wait for their turn") from None
            raise
        self._queued -= 1
        try:
            await asyncio.shield(self.do(_open_savepoint))
        except BaseException:
            await asyncio.shield(self._finish())
            raise

    async def end(self, *, keep: bool) -> None:
        """Close the savepoint, and return once its writes are on disk. Raises DatabaseUnavailable."""
        try:
            await self.do(_release_savepoint if keep else _undo_savepoint)
        except BaseException:
            await self._finish()
            raise
        mine = asyncio.get_running_loop().create_future()
        self._uncommitted.append(mine)
        if self._queued and len(self._uncommitted) < _GROUP:
            self._turn.release()
        else:
            await self._finish()
        await mine

    async def _finish(self) -> None:
        """Commit for everybody who waits, then give up the turn."""
        group, self._uncommitted = self._uncommitted, []
        try:
            await self.do(_commit)
        except BaseException as error:
            for waiting in group:
                waiting.set_exception(DatabaseUnavailable(str(error)))
            if not isinstance(error, DatabaseUnavailable):
                raise
        else:
            for waiting in group:
                waiting.set_result(None)
        finally:
            self._turn.release()

    async def close(self) -> None:
        """Close the connection once the thread is idle."""
        await self.do(sqlite3.Connection.close)
        self._thread.shutdown()


def _named(values: tuple[Value, ...]) -> dict[str, Value]:
    """The values by the names of their places, $1 and on."""
    if len(values) > len(_NAMES):
        return {str(number): value for number, value in enumerate(values, 1)}
    return dict(zip(_NAMES, values, strict=False))


def _one(connection: sqlite3.Connection, sql: str, values: tuple[Value, ...]) -> Row | None:
    try:
        return cast("Row | None", connection.execute(sql, _named(values)).fetchone())
    except sqlite3.Error as error:
        raise translate(error) from error


def _all(connection: sqlite3.Connection, sql: str, values: tuple[Value, ...]) -> list[Row]:
    try:
        return cast("list[Row]", connection.execute(sql, _named(values)).fetchall())
    except sqlite3.Error as error:
        raise translate(error) from error


def _run(connection: sqlite3.Connection, sql: str, values: tuple[Value, ...]) -> int:
    try:
        return connection.execute(sql, _named(values)).rowcount
    except sqlite3.Error as error:
        raise translate(error) from error


def _write(connection: sqlite3.Connection, sql: str, values: tuple[Value, ...]) -> int:
    _still_open(connection)
    return _run(connection, sql, values)


def _write_many(connection: sqlite3.Connection, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
    _still_open(connection)
    try:
        for statement, values in batches(sql, rows, mark="?"):
            connection.execute(statement, values)
    except sqlite3.Error as error:
        raise translate(error) from error


def _open_savepoint(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        _run(connection, "begin immediate", ())
    _run(connection, "savepoint one_of_the_group", ())


def _release_savepoint(connection: sqlite3.Connection) -> None:
    _still_open(connection)
    _run(connection, "release one_of_the_group", ())


def _undo_savepoint(connection: sqlite3.Connection) -> None:
    _still_open(connection)
    _run(connection, "rollback to one_of_the_group", ())
    _run(connection, "release one_of_the_group", ())


def _commit(connection: sqlite3.Connection) -> None:
    _still_open(connection)
    try:
        _run(connection, "commit", ())
    except BaseException:
        if connection.in_transaction:
            _run(connection, "rollback", ())
        raise


def _still_open(connection: sqlite3.Connection) -> None:
    # A full or failing disk makes SQLite undo everything since `begin`, the work of others in the group too.
    if not connection.in_transaction:
        raise DatabaseUnavailable("the database undid this group of writes")


def translate(error: sqlite3.Error) -> Exception:
    """The port's own errors for what the world did to us; anything else is our bug and stays what it is."""
    name = getattr(error, "sqlite_errorname", "")
    if name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"):
        return UniqueViolation(str(error))
    if name.startswith(_DAMAGE):
        return DatabaseDamaged(str(error))
    if name == "SQLITE_ERROR" and str(error).startswith("no such table"):
        return NoSuchTable(str(error))
    return DatabaseUnavailable(str(error)) if name.startswith(_OUTSIDE_CAUSES) else error
