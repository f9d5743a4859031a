"""Backup and restore: every row that matters, from either database, into either database.

The signing keys stay sealed, and the master key is never part of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keygrove.storage import journal, schema
from keygrove.storage.backup_file import BackupReader, BackupUnusable, Head, TableStart, reading, writing
from keygrove.storage.backup_snapshot import BATCH, Snapshot, snapshot
from keygrove.storage.database import Database, Transaction, Value
from keygrove.storage.schema import SchemaMismatch

# In an order in which rows find what they refer to; each with the schema that brought it.
# The other tables have lives of minutes or days, which must not begin again: who signed out stays signed out.
KEPT = {
    "companies": 1,
    "people": 1,
    "members": 1,
    "clients": 1,
    "apps": 3,
    "creations": 1,
    "signing_keys": 1,
    "key_use": 2,
    "usage_hours": 2,
    "usage_days": 6,
    "consents": 3,
    "grants": 3,
    "api_credentials": 3,
    "journal": 1,
}


class NotEmpty(Exception):
    """The database that a backup was to be restored into has rows already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a backup. `signing_keys` are the sealed private keys by kid."""

    head: Head
    counts: Mapping[str, int]
    checksum: str
    signing_keys: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Something that was taken away after a backup was made, and comes back with it."""

    at_us: int
    action: str
    target_id: str
    company_id: str | None
    actor_name: str


async def back_up(url: str, path: Path, head: Head) -> tuple[Mapping[str, int], str]:
    """Write everything as it stands at one moment into a new file; the rows by table, and the checksum.

    Others may read and write meanwhile. Raises DatabaseUnavailable, SchemaMismatch, FileExistsError, OSError.
    """
    async with snapshot(url) as frozen:
        await _refuse_other_schema(frozen)
        with writing(path) as file:
            file.head(head)
            for table in KEPT:
                async for batch in frozen.rows(f"select * from {table}"):  # noqa: S608 - a constant
                    if table not in file.counts:
                        file.table(table, list(batch[0]))
                    for row in batch:
                        file.row(list(row.values()))
            checksum = file.end()
    return file.counts, checksum


async def _refuse_other_schema(frozen: Snapshot) -> None:
    async for batch in frozen.rows("select version_num from alembic_version"):
        found = int(str(batch[0]["version_num"]))
        if found != schema.VERSION:
            raise SchemaMismatch(
                f"the database has schema {found} and this version knows {schema.VERSION}: "
                "make the backup with the Keygrove that fits"
            )


def examine(path: Path) -> Contents:
    """Read a backup to its end and restore nothing. Raises BackupUnusable, OSError."""
    keys: dict[str, str] = {}
    with reading(path) as file:
        _refuse_newer_schema(path, file.head)
        for table, rows in _tables(path, file):
            for row in rows:
                if table.name == "signing_keys":
                    named = dict(zip(table.columns, row, strict=True))
                    keys[str(named["kid"])] = str(named["private_sealed"])
        return Contents(head=file.head, counts=file.counts, checksum=file.checksum, signing_keys=keys)


async def restore(url: str, database: Database, path: Path, note: journal.Event) -> None:
    """Fill an empty database from a backup, all of it or nothing, and note it in the journal.

    A backup with an older schema is restored into that schema, which is then brought up to date. Raises
    NotEmpty, BackupUnusable, SchemaMismatch, DatabaseUnavailable, UniqueViolation when somebody else
    fills the database at the same time, OSError. The file has been through `examine` before.
    """
    with reading(path) as file:
        found = await schema.version(database)
        if found is None:
            await schema.migrate(url, to=file.head.schema)
        elif found != file.head.schema:
            raise SchemaMismatch(
                f"the database has schema {found} and the backup {file.head.schema}: "
                "restore it into a database that has no tables yet"
            )
        async with database.transaction() as tx:
            await _refuse_rows(tx, file.head.schema)
            for table, rows in _tables(path, file):
                await _insert(tx, table, rows)
            await _refuse_other_counts(tx, file)
            await journal.append(tx, note)
    if file.head.schema < schema.VERSION:
        await schema.migrate(url)


async def removals_since(database: Database, made_at_s: int) -> list[Removal]:
    """What the journal of a database says was taken away, suspended, revoked or replaced since."""
    async with database.transaction() as tx:
        rows = await tx.all(
            """
            select at_us, action, target_id, company_id, actor_name from journal
            where at_us >= $1 and outcome = 'done'
              and (action like '%.removed' or action like '%.suspended' or action like '%.disabled'
                   or action like '%.revoked' or action like '%.disconnected'
                   or action in ('person.password_set', 'app.secret_renewed'))
            order by at_us, event_id
            """,
            made_at_s * 1_000_000,
        )
    return [
        Removal(
            at_us=row["at_us"],
            action=row["action"],
            target_id=row["target_id"],
            company_id=row["company_id"],
            actor_name=row["actor_name"],
        )
        for row in rows
    ]


def _refuse_newer_schema(path: Path, head: Head) -> None:
    if head.schema > schema.VERSION:
        raise BackupUnusable(
            f"{path} has schema {head.schema} and this version knows {schema.VERSION}: "
            f"restore it with Keygrove {head.keygrove} or newer"
        )


def _tables(path: Path, file: BackupReader) -> Iterator[tuple[TableStart, Iterator[list[Value]]]]:
    """Each table with its rows, which are to be read before the next table is asked for."""
    lines = file.rows()
    start = next(lines, None)
    while isinstance(start, TableStart):
        if start.name not in KEPT:
            raise BackupUnusable(f"{path} cannot be used: it has a table that no backup has")
        rows = _Rows(lines)
        yield start, iter(rows)
        for _ in rows:
            pass
        start = rows.next_start


class _Rows:
    """The rows up to the next table's start, which it keeps."""

    def __init__(self, lines: Iterator[TableStart | list[Value]]) -> None:
        self._lines = lines
        self.next_start: TableStart | None = None
        self._ended = False

    def __iter__(self) -> Iterator[list[Value]]:
        while not self._ended:
            line = next(self._lines, None)
            if isinstance(line, list):
                yield line
            else:
                self.next_start, self._ended = line, True


async def _insert(tx: Transaction, table: TableStart, rows: Iterator[list[Value]]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(table.columns) + 1))
    sql = f"insert into {table.name} ({', '.join(table.columns)}) values ({places})"  # noqa: S608 - checked names
    batch: list[tuple[Value, ...]] = []
    for row in rows:
        batch.append(tuple(row))
        if len(batch) == BATCH:
            await tx.run_many(sql, batch)
            batch = []
    if batch:
        await tx.run_many(sql, batch)


async def _refuse_rows(tx: Transaction, version: int) -> None:
    for table, since in KEPT.items():
        sql = f"select 1 as found from {table} limit 1"  # noqa: S608 - a constant
        if since <= version and await tx.one(sql) is not None:
            raise NotEmpty("the database is not empty: restore into a new one; nothing is ever overwritten")


async def _refuse_other_counts(tx: Transaction, file: BackupReader) -> None:
    for table, since in KEPT.items():
        sql = f"select count(*) as number from {table}"  # noqa: S608 - a constant
        row = await tx.one(sql) if since <= file.head.schema else None
        if row is not None and row["number"] != file.counts.get(table, 0):
            raise NotEmpty("somebody else writes into the database: stop every Keygrove, then restore again")
