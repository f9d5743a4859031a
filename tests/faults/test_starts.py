"""What a start must notice: another master key, a damaged file, a schema half changed, a database at risk."""

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import warm
from altered import altered
from faults.nodes import KILLS, Node, execute, new_node, rows
from keygrove.storage import schema, usage
from keygrove.storage.opening import open_database
from keygrove.storage.postgres import PostgresDatabase
from keygrove.storage.sqlite import SqliteDatabase
from keygrove.storage.usage import DAY_S, Day
from ports import free_port
from running import ask_for_token, wait_until_ready

# Each order is a step to die at; a fork carries it out, so that nothing is loaded twice.
MIGRATE = """
import asyncio, os, signal, sys
import alembic.command, asyncpg, sqlalchemy.ext.asyncio
from sqlalchemy import Engine, event
from keygrove.storage import schema

def migrate(left):
    def step(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, moment, step)
    asyncio.run(schema.migrate(sys.argv[1]))

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        migrate(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def serve(node: Node, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Start a node that is not to come up."""
    command = ["serve", "--port", str(free_port())]
    environ = {**node.environ, **settings}
    return warm.run(command, environ=environ, folder=node.log.parent, timeout_s=30)


@pytest.mark.parametrize("how", ["missing", "wrong"])
def test_f22_another_master_key_refuses_to_start(tmp_path: Path, sqlite_database: str, how: str) -> None:
    """In words that say what to do; no new signing key is made in silence."""
    node = new_node(tmp_path / "node", sqlite_database)
    if how == "missing":
        (Path(node.environ["KEYGROVE_DATA_DIR"]) / "master.key").unlink()
    done = serve(node, **({"KEYGROVE_MASTER_KEY": "ab" * 32} if how == "wrong" else {}))
    assert done.returncode == 1
    assert "master key" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len(rows(node, "select kid from signing_keys")) == 1


def cut_in_half(path: Path) -> None:
    """A file that was not copied to its end."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def overwrite_pages(path: Path) -> None:
    """Pages of something else in the middle of the file."""
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * 4096 * 8)


def become_something_else(path: Path) -> None:
    """No database at all."""
    path.write_bytes(b"once upon a time " * 1000)


def flip_one_bit_of_a_signing_key(path: Path) -> None:
    """A sealed key that is not what was sealed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        ((sealed,),) = connection.execute("select private_sealed from signing_keys").fetchall()
        changed = altered(sealed, 100)
        connection.execute("update signing_keys set private_sealed = ?", (changed,))


DAMAGES = [cut_in_half, overwrite_pages, become_something_else, flip_one_bit_of_a_signing_key]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_f23_a_damaged_file_is_noticed_at_start(
    tmp_path: Path, sqlite_database: str, damage: Callable[[Path], None]
) -> None:
    """It refuses to sign, changes nothing, and names the way back."""
    path = Path(sqlite_database.removeprefix("sqlite:///"))
    node = new_node(tmp_path / "node", sqlite_database)
    for _ in range(5):
        node.new_key()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    damage(path)
    shutil.copy(path, tmp_path / "kept")
    done = serve(node)
    assert done.returncode == 1
    assert "restore" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert path.read_bytes() == (tmp_path / "kept").read_bytes()


def found(url: str) -> int | None:
    """The version of a database."""

    async def look() -> int | None:
        database = await open_database(url)
        try:
            return await schema.version(database)
        finally:
            await database.close()

    return asyncio.run(look())


@pytest.fixture
def bare(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> str:
    """The URL of a database of each kind without any table."""
    if database.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'bare.db'}"
    server = request.getfixturevalue("postgres")
    url: str = server.url(server.new_database())
    return url


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("begin", [0, schema.VERSION - 1], ids=["from nothing", "from the version before"])
def test_f17_a_migration_killed_at_every_statement_can_run_again(bare: str, begin: int) -> None:
    """After each death the schema is the one before or the one after, nothing in between."""
    if begin:
        asyncio.run(schema.migrate(bare, to=begin))
    command = [sys.executable, "-c", MIGRATE, bare]
    step, deaths = 1, 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        while True:
            print(step, file=program.stdin, flush=True)
            code = int(program.stdout.readline())
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert found(bare) in (begin or None, schema.VERSION)
            deaths += 1
            step += 1 if KILLS or begin else 7
        program.stdin.close()
    assert deaths >= 3
    asyncio.run(schema.migrate(bare))
    assert found(bare) == schema.VERSION


def test_f17_hours_become_days(bare: str) -> None:
    """The step to version 6 takes along what version 5 counted."""
    insert = "insert into usage_hours (client_id, hour_s, issued, refused) values ($1, $2, $3, $4)"
    hours = [("a", 0, 3, 1), ("a", DAY_S - 3600, 4, 0), ("a", DAY_S, 5, 2), ("b", 7200, 0, 6)]

    async def days_of(*client_ids: str) -> list[list[Day]]:
        await schema.migrate(bare, to=5)
        database = await open_database(bare)
        try:
            async with database.transaction() as tx:
                await tx.run_many(insert, hours)
            await schema.migrate(bare)
            async with database.transaction() as tx:
                return [await usage.days(tx, client_id, (0, DAY_S, 2 * DAY_S)) for client_id in client_ids]
        finally:
            await database.close()

    assert asyncio.run(days_of("a", "b")) == [[Day(0, 7, 1), Day(DAY_S, 5, 2)], [Day(0, 0, 6)]]


def test_f18_a_node_goes_on_when_the_next_version_has_changed_the_schema(node: Node) -> None:
    """Expand, then contract: it serves, writes and starts on the schema of the version after its own."""
    url, before = node.environ["KEYGROVE_DATABASE"], node.new_key()
    execute(
        url,
        "alter table clients add column next_version_s bigint",
        "alter table companies add column next_version text not null default ''",
        "create table next_version (id text primary key)",
        f"update alembic_version set version_num = '{schema.VERSION + 1:04}'",  # noqa: S608 - our number
    )
    try:
        after = node.new_key()
        assert [ask_for_token(node, key).status_code for key in (before, after)] == [200, 200]
        node.stop()
        node.start()
        wait_until_ready(node)
        later = node.new_key()
        assert [ask_for_token(node, key).status_code for key in (before, later)] == [200, 200]
    finally:
        execute(
            url,
            "alter table clients drop column next_version_s",
            "alter table companies drop column next_version",
            "drop table next_version",
            f"update alembic_version set version_num = '{schema.VERSION:04}'",  # noqa: S608 - our number
        )
    assert ask_for_token(node, before).status_code == 200


def test_f05_commits_are_synced_to_the_disk(calm: Node) -> None:
    """On SQLite because we say so, on PostgreSQL because it is asked."""

    async def durability() -> list[object]:
        database = await open_database(calm.environ["KEYGROVE_DATABASE"])
        try:
            if isinstance(database, SqliteDatabase):
                pragma = "select synchronous from pragma_synchronous"
                return await database._writer.do(lambda writer: list(writer.execute(pragma).fetchone()))
            assert isinstance(database, PostgresDatabase)
            async with database.transaction() as tx:
                rows = await tx.all(
                    "select setting from pg_settings where name in ('fsync', 'synchronous_commit')"
                )
            return [row["setting"] for row in rows]
        finally:
            await database.close()

    assert asyncio.run(durability()) in ([2], ["on", "on"])


def test_f05_a_postgres_that_may_lose_what_it_acknowledged_is_named_at_start(
    postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the operator's to decide; they are told."""

    async def open_and_close() -> None:
        await (await open_database(postgres_database)).close()

    name = postgres_database.rpartition("/")[2]
    execute(postgres_database, f"alter database {name} set synchronous_commit = off")
    asyncio.run(open_and_close())
    assert [getattr(record, "switched_off", "") for record in caplog.records] == ["synchronous_commit"]
