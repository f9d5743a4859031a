"""The port that every database driver implements.

A transaction reads what is committed, and sees its own writes; it does not freeze the world. What
must happen once is therefore written as a compare-and-set (`update … where consumed_at_s is null`)
or rests on a unique index (`insert … on conflict do nothing`): `run` tells how many rows it
touched, and zero means that a rival was faster. When `transaction()` ends without an error, its
writes are on disk.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Value = str | int | None
Row = Mapping[str, Any]


class DatabaseUnavailable(Exception):
    """The database cannot serve now: locked for too long, undone for a rival, out of space, closed, gone."""


class DatabaseDamaged(DatabaseUnavailable):
    """What the database holds cannot be read: it is damaged, and a backup must take its place."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"it is damaged ({reason}): put it aside and run keygrove restore with the latest backup"
        )


class UniqueViolation(Exception):
    """A write would have made a second row where a unique index allows one. The transaction is lost."""


class NoSuchTable(Exception):
    """A statement names a table that the database does not have."""


class Transaction(Protocol):
    """Statements that take effect together or not at all."""

    async def one(self, sql: str, *values: Value) -> Row | None:
        """The first row, or None. Raises DatabaseUnavailable, NoSuchTable."""

    async def all(self, sql: str, *values: Value) -> list[Row]:
        """Every row. Raises DatabaseUnavailable."""

    async def run_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """Execute an insert of one row, `values ($1, $2, …)`, for many rows, no two of them the same.

        Raises DatabaseUnavailable, UniqueViolation.
        """

    async def run(self, sql: str, *values: Value) -> int:
        """Execute a write; the number of rows it touched. Raises DatabaseUnavailable, UniqueViolation."""


class Database(Protocol):
    """Where everything is kept."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction; commit when the block ends, roll back when it raises."""

    async def check(self) -> None:
        """Return when the database answers. Raises DatabaseUnavailable."""

    async def close(self) -> None:
        """Close every connection. Nothing may be under way."""
