"""Which schema the database has, and the way to the one this version needs."""

import logging
from pathlib import Path
from typing import Any

from keygrove.storage.database import Database, NoSuchTable

VERSION = 6
SQLITE = "sqlite:///"
_LOCK = 0x6B657967726F7665  # "keygrove": the advisory lock that lets one migration run at a time
log = logging.getLogger("keygrove.schema")


class SchemaMismatch(Exception):
    """The database's schema is not one that this version of Keygrove works with."""


async def version(database: Database) -> int | None:
    """The number of a database's schema; None when it is new and empty.

    Raises DatabaseUnavailable. Only a missing table means a new database: a migration hangs on it.
    """
    try:
        async with database.transaction() as tx:
            row = await tx.one("select version_num from alembic_version")
    except NoSuchTable:
        return None
    return int(row["version_num"] or 0) if row is not None else None


async def check(database: Database) -> None:
    """Return when this version works with the schema. Raises SchemaMismatch.

    Steps expand first and contract a version later, so the next version's schema serves this one
    too: while nodes are replaced one by one, both run.
    """
    found = await version(database)
    if found is None or found < VERSION:
        raise SchemaMismatch(
            "the database has an older schema than this version needs; run: keygrove migrate"
        )
    if found > VERSION + 1:
        raise SchemaMismatch(
            f"a newer Keygrove made the database (schema {found}; this one knows {VERSION}): start that one"
        )
    if found > VERSION:
        log.warning("the database has the next version's schema", extra={"found": found, "known": VERSION})


async def migrate(url: str, *, to: int = VERSION) -> None:
    """Bring a database to a version in one transaction: killed at any moment, nothing has happened yet.

    Two that run at once wait for each other, and the second finds nothing to do.
    """
    if url.startswith(SQLITE):
        migrate_sqlite(Path(url.removeprefix(SQLITE)), to=to)
    else:
        await _migrate_postgres(url, to)


def migrate_sqlite(path: Path, *, to: int = VERSION) -> None:
    """As `migrate`, for a SQLite file."""
    # Alembic and SQLAlchemy take half a second to import and are needed for migrations only.
    from sqlalchemy import create_engine, event

    engine = create_engine(f"{SQLITE}{path}", connect_args={"timeout": 30})

    # pysqlite begins transactions late, and never around DDL: SQLAlchemy says to take that over so.
    @event.listens_for(engine, "connect")
    def autocommit(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("pragma journal_mode = wal")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("begin immediate")

    with engine.begin() as connection:
        _upgrade(connection, to)
    engine.dispose()


async def _migrate_postgres(url: str, to: int) -> None:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    # asyncpg reads the URL, as it does for the driver: SQLAlchemy refuses options such as sslmode.
    # Statements without names leave nothing behind on a connection that a pooler passes on.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, statement_cache_size=0),
    )
    async with engine.begin() as connection:
        await connection.exec_driver_sql(f"select pg_advisory_xact_lock({_LOCK})")
        await connection.run_sync(_upgrade, to)
    await engine.dispose()


def _upgrade(connection: Any, to: int) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, f"{to:04}")
