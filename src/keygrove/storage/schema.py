"""Which schema the database has, and the way to the one this version needs."""

from pathlib import Path
from typing import Any

from keygrove.storage.database import Database, DatabaseUnavailable

VERSION = "0001"


class SchemaMismatch(Exception):
    """The database's schema is not the one this version of Keygrove works with."""


async def version(database: Database) -> str | None:
    """The schema version of a database; None when it is new and empty."""
    try:
        async with database.transaction() as tx:
            row = await tx.one("select version_num from alembic_version")
    except DatabaseUnavailable:
        raise
    except Exception:  # the table does not exist: each driver says so in its own way
        return None
    return row["version_num"] if row is not None else None


async def check(database: Database) -> None:
    """Return when the schema is the one this version needs. Raises SchemaMismatch."""
    found = await version(database)
    if found is None or found < VERSION:
        raise SchemaMismatch(
            "the database has an older schema than this version needs; run: keygrove migrate"
        )
    if found > VERSION:
        raise SchemaMismatch(
            f"a newer Keygrove made the database (schema {found}; this one knows {VERSION}): start that one"
        )


def migrate_sqlite(path: Path) -> None:
    """Bring a SQLite file to VERSION; each step is one transaction, and done steps are skipped."""
    # Alembic and SQLAlchemy take half a second to import and are needed here only.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    # pysqlite begins transactions late, and never around DDL: SQLAlchemy says to take that over so.
    @event.listens_for(engine, "connect")
    def autocommit(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("pragma journal_mode = wal")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("begin immediate")

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()
