"""Backups made under load and restored elsewhere; processes that share a beginning and no chance."""

import asyncio
import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.inside import Clock, ask, opened
from faults.load import asking
from faults.nodes import KILLS, Host, Node
from keygrove.endpoints import usage as books
from keygrove.endpoints.usage import KEPT_S, UsageBook
from keygrove.management import integrations
from keygrove.management.context import OPERATOR
from keygrove.storage import usage
from keygrove.storage.opening import open_database
from keygrove.storage.usage import DAY_S
from running import Key

KINDS = ["sqlite", "postgres"]


def new_host(request: pytest.FixtureRequest, kind: str, folder: Path, node: Node) -> Host:
    """Another machine, with the master key of the first and a database with no tables."""
    folder.mkdir()
    url = f"sqlite:///{folder / 'restored.db'}"
    if kind == "postgres":
        server = request.getfixturevalue("postgres")
        url = server.url(server.new_database())
    (folder / "data").mkdir(mode=0o700)
    master = folder / "data" / "master.key"
    master.touch(mode=0o600)
    master.write_text((Path(node.environ["KEYGROVE_DATA_DIR"]) / "master.key").read_text())
    return Host({**node.environ, "KEYGROVE_DATABASE": url, "KEYGROVE_DATA_DIR": str(folder / "data")}, folder)


@contextmanager
def making_keys(node: Node) -> Iterator[list[Key]]:
    """Keys that come into being while the block lasts; the list has those that are acknowledged."""
    made: list[Key] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            made.append(node.new_key())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("kind", KINDS, ids=["to sqlite", "to postgres"])
def test_f21_a_backup_under_load_is_whole_on_another_host(
    request: pytest.FixtureRequest, tmp_path: Path, node: Node, kind: str
) -> None:
    """Keys of before are there with their secrets, the key set is the same, and what came back is listed."""
    here, there = Host(dict(node.environ), tmp_path), new_host(request, kind, tmp_path / "there", node)
    kept, removed_later = node.new_key(), node.new_key()
    with asking(node, kept) as load, making_keys(node) as made:
        while len(made) < 2:
            time.sleep(0.05)
        acknowledged = list(made)
        written = here.run("backup", str(tmp_path / "copy"))
    assert all(answer.is_token for answer in load.answers)
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    node.manage(
        lambda m: integrations.remove_key(m, OPERATOR, removed_later.company_id, removed_later.client_id)
    )
    told = there.run(
        "restore", str(tmp_path / "copy"), "--verify", "--compare", node.environ["KEYGROVE_DATABASE"]
    )
    assert told["rows"] == written["rows"]
    assert [(each["action"], each["target_id"]) for each in told["removed_since"]][-1] == (
        "key.removed",
        removed_later.client_id,
    )

    async def works_there() -> None:
        async with opened(node.environ, Clock()) as house, opened(there.environ, Clock()) as copy:
            assert copy.keyring().jwks(0) == house.keyring().jwks(0)
            for key in (kept, removed_later, *acknowledged):
                assert (await ask(copy, key))[0] == 200

    asyncio.run(works_there())


def test_f21_the_copy_holds_no_secret_in_the_clear(tmp_path: Path, node: Node) -> None:
    """Neither a Secret Key, nor a private key, nor the master key, nor a session."""
    key = node.new_key()
    Host(dict(node.environ), tmp_path).run("backup", str(tmp_path / "copy"))
    text = gzip.decompress((tmp_path / "copy").read_bytes()).decode()
    master = (Path(node.environ["KEYGROVE_DATA_DIR"]) / "master.key").read_text().strip()
    assert key.client_id in text
    assert not any(secret in text for secret in (key.client_secret, "PRIVATE KEY", master, '"sessions"'))


FORKS = """
import os, sys, time
from pathlib import Path
from keygrove.cli.workers import Supervisor, listen
from keygrove.crypto.secrets import new_client_id, new_client_secret, new_token_id

def work(listener, place):
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    lines = [new_token_id() for _ in range(number)]
    lines += [new_client_id() for _ in range(number // 10)]
    lines += [new_client_secret().reveal() for _ in range(number // 10)]
    draft = folder / f"{os.getpid()}.draft"
    draft.write_text("\\n".join(lines))
    draft.rename(draft.with_suffix(".done"))
    time.sleep(60)

new_token_id()
sys.exit(Supervisor(work, listen("127.0.0.1", 0), 4).run())
"""


@pytest.mark.timeout(600)
def test_f30_forked_workers_repeat_no_token_id_and_no_secret(tmp_path: Path) -> None:
    """They share their parent's memory, and none of its chance."""
    each = 1_000_000 if KILLS else 30_000
    with subprocess.Popen([sys.executable, "-c", FORKS, str(tmp_path), str(each)]) as process:
        while len(list(tmp_path.glob("*.done"))) < 4:
            time.sleep(0.1)
        process.terminate()
    seen: set[str] = set()
    total = 0
    for path in tmp_path.glob("*.done"):
        lines = path.read_text().split()
        seen.update(lines)
        total += len(lines)
    assert total == len(seen) == 4 * (each + 2 * (each // 10))


def test_f33_the_purge_of_usage_never_deletes_what_is_counted_now(database: str) -> None:
    """It runs beside the flush, on every node at once."""
    now = KEPT_S + 10 * DAY_S

    async def race() -> list[int]:
        first, second = await open_database(database), await open_database(database)
        try:
            old, book = UsageBook(), UsageBook()
            old.issued("c1", now=DAY_S, address="", user_agent="")
            await old.flush(first)
            for _ in range(5):
                book.issued("c1", now=now, address="", user_agent="")
                await asyncio.gather(
                    book.flush(first), books.purge(second, now=now), books.purge(first, now=now)
                )
            async with first.transaction() as tx:
                return [day.issued for day in await usage.days(tx, "c1", (DAY_S, now))]
        finally:
            await first.close()
            await second.close()

    assert asyncio.run(race()) == [5]
