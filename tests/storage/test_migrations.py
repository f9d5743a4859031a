"""The schema, step by step, and what is said when it does not fit."""

import asyncio
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from keygrove.storage import schema
from keygrove.storage.schema import SchemaMismatch
from keygrove.storage.sqlite import SqliteDatabase

STORAGE = Path(schema.__file__).parent
pytestmark = pytest.mark.anyio


def steps() -> ScriptDirectory:
    """The folder of steps, as Alembic sees it."""
    config = Config()
    config.set_main_option("script_location", str(STORAGE / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def tables(path: Path) -> list[str]:
    """Every table and index with its text."""
    with closing(sqlite3.connect(path)) as connection:
        return [
            row[0]
            for row in connection.execute("select sql from sqlite_master where sql is not null order by 1")
        ]


def set_version(path: Path, version: str) -> None:
    """Pretend that another Keygrove made the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update alembic_version set version_num = ?", (version,))
        connection.commit()


async def found(path: Path) -> int | None:
    """The version of a file."""
    database = SqliteDatabase(path)
    try:
        return await schema.version(database)
    finally:
        await database.close()


async def check(path: Path) -> None:
    """Whether this Keygrove works with the file."""
    database = SqliteDatabase(path)
    try:
        await schema.check(database)
    finally:
        await database.close()


async def test_a_fresh_file_gets_the_newest_schema(tmp_path: Path) -> None:
    """Before: no version; after: the one this code needs."""
    path = tmp_path / "k.db"
    assert await found(path) is None
    schema.migrate_sqlite(path)
    assert await found(path) == schema.VERSION
    await check(path)


async def test_running_the_steps_again_changes_nothing(tmp_path: Path) -> None:
    """Done steps are skipped, and rows stay."""
    path = tmp_path / "k.db"
    schema.migrate_sqlite(path)
    before = tables(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("insert into companies values ('c', 's', 'n', 0, null)")
        connection.commit()
    schema.migrate_sqlite(path)
    assert tables(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select company_id from companies").fetchall() == [("c",)]


async def test_processes_that_migrate_at_once_end_with_one_schema(tmp_path: Path) -> None:
    """The second waits for the first and finds nothing to do."""
    path = tmp_path / "k.db"
    program = f"import pathlib, keygrove.storage.schema as s; s.migrate_sqlite(pathlib.Path({str(path)!r}))"
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", program) for _ in range(3)]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    await check(path)


async def test_a_postgres_url_may_have_options(postgres_url: str) -> None:
    """The steps take every URL that the driver takes: hosted databases ask for `sslmode`."""
    await schema.migrate(f"{postgres_url}?sslmode=prefer&application_name=keygrove")


def test_the_newest_step_is_the_version_that_the_code_needs() -> None:
    """One line of steps with one end."""
    assert steps().get_heads() == [f"{schema.VERSION:04}"]


def test_versions_sort_as_text() -> None:
    """Older and newer are told apart by comparing them."""
    line = [step.revision for step in steps().walk_revisions()]
    assert line == sorted(line, reverse=True)
    assert {len(revision) for revision in line} == {4}


async def test_no_failure_but_a_missing_table_means_a_new_database(tmp_path: Path) -> None:
    """Whoever takes a database that cannot be read for an empty one migrates it."""
    path = tmp_path / "k.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table alembic_version (somebody_elses text)")
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        await found(path)


@pytest.mark.parametrize("version", ["0000", ""])
async def test_an_older_schema_is_refused_with_the_way_out(tmp_path: Path, version: str) -> None:
    """The message names the command."""
    path = tmp_path / "k.db"
    schema.migrate_sqlite(path)
    set_version(path, version)
    with pytest.raises(SchemaMismatch, match="keygrove migrate"):
        await check(path)


async def test_an_empty_file_is_an_older_schema(tmp_path: Path) -> None:
    """Nothing is created in silence."""
    with pytest.raises(SchemaMismatch, match="keygrove migrate"):
        await check(tmp_path / "k.db")


async def test_the_next_versions_schema_is_accepted(tmp_path: Path) -> None:
    """While nodes are replaced one by one, the old ones go on beside the new ones."""
    path = tmp_path / "k.db"
    schema.migrate_sqlite(path)
    set_version(path, f"{schema.VERSION + 1:04}")
    await check(path)
    set_version(path, f"{schema.VERSION + 2:04}")
    with pytest.raises(SchemaMismatch, match="newer Keygrove"):
        await check(path)


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older program never touches what a newer one made."""
    path = tmp_path / "k.db"
    schema.migrate_sqlite(path)
    set_version(path, "9999")
    with pytest.raises(SchemaMismatch, match="newer Keygrove"):
        await check(path)


async def test_a_step_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is one transaction: after a crash in the middle it simply runs again."""
    path = tmp_path / "k.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table journal (in_the_way text)")
    with pytest.raises(Exception, match="journal"):
        schema.migrate_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_master where name = 'companies'").fetchall() == []
        connection.execute("drop table journal")
    schema.migrate_sqlite(path)
    await check(path)


def test_no_statement_changes_the_journal() -> None:
    """Its rows are only ever added: no update, no delete, anywhere on this floor."""
    tampering = re.compile(
        r"\b(update|delete\s+from|replace\s+into|truncate(\s+table)?)\s+journal\b", re.IGNORECASE
    )
    texts = [path.read_text() for path in STORAGE.rglob("*.py")]
    assert any("insert into journal" in text for text in texts)
    assert [text for text in texts if tampering.search(text)] == []
