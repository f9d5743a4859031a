"""What is SQLite's alone: its file, its settings, and what is in the file after a crash."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from databases import Databases
from keygrove.storage.database import DatabaseUnavailable
from keygrove.storage.sqlite import SqliteDatabase
from stores import SqliteStore

INSERT = "insert into companies (company_id, slug, name, created_at_s) values ($1, $2, $3, $4)"
PROGRAM = f"""
import asyncio, os, sys
from pathlib import Path
from keygrove.storage.sqlite import SqliteDatabase
async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    async with database.transaction() as tx:
        await tx.run({INSERT!r}, "acknowledged", "a", "n", 0)
    async with database.transaction() as tx:
        await tx.run({INSERT!r}, "open", "b", "n", 0)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""
pytestmark = pytest.mark.anyio


async def test_a_killed_process_leaves_what_it_acknowledged(tmp_path: Path, databases: Databases) -> None:
    """And nothing of the transaction it was in."""
    store = SqliteStore(databases.file(tmp_path))
    command = [sys.executable, "-c", PROGRAM, str(store.path)]
    killed = await asyncio.to_thread(subprocess.run, command, check=False)
    assert killed.returncode == -9
    assert store.query("select company_id from companies") == [("acknowledged",)]


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    """No folder, a folder, or something that is no database."""
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database" * 1000)
    for path in (tmp_path / "missing" / "k.db", tmp_path, garbage):
        with pytest.raises(DatabaseUnavailable, match=path.name):
            SqliteDatabase(path)


async def test_each_commit_is_synced(tmp_path: Path, databases: Databases) -> None:
    """WAL, synchronous FULL, foreign keys on, and a reader that cannot write."""
    database = SqliteDatabase(databases.file(tmp_path))

    async def pragmas(name: str) -> tuple[object, object]:
        written = await database._writer.do(lambda one: one.execute(f"pragma {name}").fetchone()[0])
        return database._reader.execute(f"pragma {name}").fetchone()[0], written

    assert await pragmas("journal_mode") == ("wal", "wal")
    assert await pragmas("synchronous") == (2, 2)
    assert await pragmas("foreign_keys") == (1, 1)
    assert await pragmas("query_only") == (1, 0)
    await database.close()
