"""Opens the database that a URL names, and makes room for a new one."""

from pathlib import Path

from keygrove.storage.database import Database
from keygrove.storage.schema import SQLITE
from keygrove.storage.sqlite import SqliteDatabase, examine

__all__ = ["POSTGRES", "SQLITE", "look_for_damage", "make_place", "open_database"]

POSTGRES = ("postgresql://", "postgres://")


def make_place(url: str) -> None:
    """Make the folder and the file of a new SQLite database, which only its owner can read."""
    if url.startswith(SQLITE):
        path = Path(url.removeprefix(SQLITE))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)


def look_for_damage(url: str) -> None:
    """Look through a SQLite file; PostgreSQL has checks of its own. Raises DatabaseDamaged."""
    if url.startswith(SQLITE):
        examine(Path(url.removeprefix(SQLITE)))


async def open_database(url: str) -> Database:
    """The database at `sqlite:///path` or `postgresql://…`. Raises DatabaseUnavailable."""
    if url.startswith(SQLITE):
        return SqliteDatabase(Path(url.removeprefix(SQLITE)))
    # asyncpg is imported only where PostgreSQL is used.
    from keygrove.storage.postgres import connect

    return await connect(url)
