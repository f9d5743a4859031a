"""One node in trouble: no space, a lock that is held, a worker that dies, a start that is not finished."""

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest

from faults.load import SLOWEST_S, asking, wait_for_tokens
from faults.nodes import Node, running_node
from keygrove.storage.database import DatabaseUnavailable
from running import Key, ask_for_token
from waiting import wait_for
from web.visitor import fields_of
from yardstick import in_time


@contextmanager
def held_by_another(node: Node) -> Iterator[None]:
    """Let nobody write, as a hung backup or a disk that does not answer would."""
    url = node.environ["KEYGROVE_DATABASE"]
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute("begin immediate")
            yield
            connection.execute("rollback")
        return
    with asyncio.Runner() as runner:

        async def lock() -> asyncpg.Connection:
            connection = await asyncpg.connect(url)
            await connection.execute("begin; lock table clients, journal, usage_days in exclusive mode")
            return connection

        connection = runner.run(lock())
        yield
        runner.run(connection.close())


def sign_in(node: Node) -> httpx2.Response:
    """Try to sign in, which writes a line whether it succeeds or not."""
    with httpx2.Client(base_url=node.url, verify=False, timeout=15) as browser:
        fields = fields_of(browser.get("/sign-in").text, "/sign-in")
        return browser.post(
            "/sign-in",
            data=fields | {"email": "nobody@example.com", "password": "not the right one"},
            headers={"Origin": node.url, "Sec-Fetch-Site": "same-origin"},
        )


def test_f07_a_full_disk_stops_writes_and_no_token(lite: Node) -> None:
    """Not even when the log has no space either; when there is space again, everything works again."""
    key = lite.new_key()
    with asking(lite, key) as load:
        assert sign_in(lite).status_code < 500
        with lite.full_disk():
            assert sign_in(lite).status_code == 503
            wait_for_tokens(load, 50)
        assert sign_in(lite).status_code < 500
    assert all(answer.is_token for answer in load.answers)


def test_f09_f27_a_writer_that_hangs_delays_no_token(node: Node) -> None:
    """Reads go on at their pace; writes wait to their time-out and say that they were not done."""
    with asking(node, node.new_key()) as load:
        started = time.monotonic()
        wait_for_tokens(load, 100)
        before_s = load.slowest_s(0.99)
        load.answers.clear()
        with held_by_another(node):
            asked = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                node.new_key()
            refused_s = time.monotonic() - asked
        assert time.monotonic() - started < 30
    assert refused_s > 3
    assert in_time(refused_s, 2 * SLOWEST_S)
    assert all(answer.is_token for answer in load.answers)
    # The machine is shared: ten times as slow would still be two hundred times faster than the writer.
    assert in_time(load.slowest_s(0.99), max(0.25, 10 * before_s))
    assert ask_for_token(node, node.new_key()).status_code == 200


def test_f31_a_worker_that_crashes_is_replaced_while_the_other_serves(lite: Node) -> None:
    """Only what that worker was just answering is lost, and clients that connect anew notice nothing."""
    with asking(lite, lite.new_key(), clients=4) as load:
        for _ in range(2):
            wait_for(lambda: len(lite.children()) == 2, 10)
            victim = lite.children()[0]
            os.kill(victim, signal.SIGSEGV)
            wait_for_tokens(load, 20)
            time.sleep(1.2)  # one that lived for less is replaced after a pause
            assert victim not in lite.children()
    lost = [answer for answer in load.answers if not answer.is_token]
    assert all(answer.status == 0 for answer in lost)
    assert len(lost) <= 2 * 4


def test_f23_a_file_cut_short_while_it_is_served_gives_no_wrong_answer(
    tmp_path: Path, sqlite_database: str
) -> None:
    """No key is unknown for it. A worker may die of a missing page, and the log says what to do in any case.

    Once the file is whole, all is well.
    """
    path = Path(sqlite_database.removeprefix("sqlite:///"))
    without_keys = path.stat().st_size
    with running_node(tmp_path / "node", sqlite_database, workers=2) as node:
        keys = [node.new_key() for _ in range(40)]
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        assert {status_for(node, key) for key in keys} == {200}
        shutil.copy(path, tmp_path / "whole")
        os.truncate(path, without_keys)
        assert {status_for(node, key) for key in keys[::20]} <= {None, 200, 503}
        wait_for(lambda: b"keygrove restore" in node.log.read_bytes(), 30)
        shutil.copyfile(tmp_path / "whole", path)
        wait_for(lambda: all(status_for(node, key) == 200 for key in keys), 30)


def status_for(node: Node, key: Key) -> int | None:
    """What a token request is answered with; None when nobody answers."""
    try:
        return ask_for_token(node, key).status_code
    except httpx2.TransportError:
        return None


def test_f35_nothing_is_served_before_the_signing_keys_are_there(lite: Node) -> None:
    """From the first moment on: no answer at all, or ready with keys to show."""
    lite.kill()
    lite.start()
    seen: list[int] = []
    deadline = time.monotonic() + 20
    with httpx2.Client(base_url=lite.url, verify=False, timeout=20) as client:
        while len(seen) < 5 and time.monotonic() < deadline:
            try:
                answers = [client.get("/.well-known/jwks.json"), client.get("/readyz")]
            except httpx2.TransportError:
                time.sleep(0.01)
                continue
            assert [answer.status_code for answer in answers] == [200, 200]
            assert answers[0].json()["keys"]
            seen.append(len(answers[0].json()["keys"]))
    assert len(seen) == 5


def test_f26_a_worker_without_descriptors_recovers(lite: Node) -> None:
    """New connections wait or fail while there are none; then everything is as before."""
    key = lite.new_key()
    workers = lite.children()
    kept = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in workers}
    with asking(lite, key) as load:
        for pid in workers:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, kept[pid][1]))
        with httpx2.Client(base_url=lite.url, verify=False, timeout=0.5) as client:
            for _ in range(3):
                with pytest.raises(httpx2.TransportError):
                    client.get("/livez")
        for pid in workers:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, kept[pid])
        wait_for_tokens(load)
    assert all(answer.is_token for answer in load.answers)
    assert lite.children() == workers
    assert ask_for_token(lite, key).status_code == 200
