"""Table D, when the machine itself is short of something: the database, memory, processors."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from hostile_rules import Rules
from running import PASSWORD, RunningServer, ask_for_token, running_server
from stores import ONLY_SQLITE, store_at
from web.people import Member, join
from web.test_denial import workers_of
from web.visitor import Visitor
from yardstick import in_time

LOCK_S = 5


@contextmanager
def hung_writer(server: RunningServer) -> Iterator[None]:
    """Another program that has begun to write to the database, and stops there."""
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store, store.locked():
        yield


def test_d14_a_hung_writer_delays_nobody_for_long(server: RunningServer, rules: Rules, ana: Member) -> None:
    """Tokens and pages go on; whoever must write gets a 503 page, all at about one time; then all is well."""
    source = Visitor(server, rules)
    form = source.fill("/sign-in", password=PASSWORD)

    def sign_in(number: int) -> tuple[int, float]:
        visitor = Visitor(server, rules)
        visitor.cookies = dict(source.cookies)
        started = time.monotonic()
        fields = {**form, "email": f"waiting{number}@example.com"}
        status = visitor.post("/sign-in", fields, slow=True, busy=True).status_code
        return status, time.monotonic() - started

    with hung_writer(server), ThreadPoolExecutor(20) as pool:
        writers = [pool.submit(sign_in, number) for number in range(20)]
        while not all(one.done() for one in writers):
            started = time.perf_counter()
            assert ask_for_token(server, rules.good_key).status_code == 200
            assert in_time(time.perf_counter() - started, 1)
            assert ana.browser.get(ana.keys_url).status_code == 200
        answers = [one.result() for one in writers]
    assert {status for status, _ in answers} == {503}
    assert in_time(max(waited for _, waited in answers), 2 * LOCK_S + 1)
    assert Visitor(server, rules).sign_in(ana.person.email).status_code == 303


def test_f09_a_page_is_read_by_who_was_away_for_a_while(server: RunningServer, ana: Member) -> None:
    """It waits for no note of when they came back; that is made when it can be."""
    seen = f"select seen_at_s from sessions where person_id = '{ana.person.id}'"  # noqa: S608 - of ours
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        store.execute(
            f"update sessions set seen_at_s = seen_at_s - 600 where person_id = '{ana.person.id}'"  # noqa: S608
        )
        before = store.query(seen)
        with hung_writer(server):
            for _ in range(5):
                assert ana.browser.get(ana.keys_url).status_code == 200
            assert store.query(seen) == before
        deadline = time.monotonic() + 2 * LOCK_S
        while store.query(seen) == before and time.monotonic() < deadline:
            ana.browser.get(ana.keys_url)
            time.sleep(0.05)
        assert store.query(seen) != before


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    """A server with two workers, to be hurt. Its log may tell of it."""
    with (
        running_server(tmp_path_factory.mktemp("mortal"), workers=2) as server,
        httpx2.Client(base_url=server.url, trust_env=False, timeout=30) as http,
    ):
        yield Rules(server, server.new_key(), http)


# What these three take away, memory and processors, is the server's own: the database has no part in it.
@ONLY_SQLITE
def test_d17_a_killed_worker_is_replaced(mortal: Rules) -> None:
    """As the kernel does when memory runs out: others serve, and within two seconds there is a new one."""
    before = workers_of(mortal.server)
    os.kill(before[0], signal.SIGKILL)
    started, missed, replaced_s = time.monotonic(), 0, 0.0
    while not replaced_s or time.monotonic() - started < 2:
        assert time.monotonic() - started < 20
        try:
            assert ask_for_token(mortal.server, mortal.good_key).status_code == 200
        except httpx2.TransportError:
            missed += 1
        time.sleep(0.02)
        after = workers_of(mortal.server)
        if not replaced_s and len(after) == 2 and before[0] not in after:
            replaced_s = time.monotonic() - started
    assert in_time(replaced_s, 2)
    after = workers_of(mortal.server)
    assert len(after) == 2
    assert before[0] not in after
    # What the dead one had accepted is lost, nothing else.
    assert missed <= 2


@ONLY_SQLITE
def test_d17_a_worker_without_memory_lives(mortal: Rules) -> None:
    """Its address space is full: a sign-in may fail, but nobody is told that a right password is wrong."""
    member = join(mortal.server, mortal)
    for pid in workers_of(mortal.server):
        size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(pid, resource.RLIMIT_AS, (size + 4 * 1024 * 1024, resource.RLIM_INFINITY))
    visitor = Visitor(mortal.server, mortal)
    form = visitor.fill("/sign-in", email=member.person.email, password=PASSWORD)
    answer = httpx2.post(
        f"{mortal.server.url}/sign-in",
        data=form,
        headers={"Cookie": f"keygrove_form={visitor.cookies['keygrove_form']}"},
    )
    assert answer.status_code in (303, 500, 503)
    assert ask_for_token(mortal.server, mortal.good_key).status_code == 200
    for pid in workers_of(mortal.server):
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert visitor.sign_in(member.person.email).status_code == 303


@ONLY_SQLITE
def test_d18_busy_processors_break_nothing(server: RunningServer, rules: Rules, ana: Member) -> None:
    """As many spinning programs as there are processors: every request succeeds within the second."""
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(len(os.sched_getaffinity(0)))]
    try:
        deadline, waits = time.monotonic() + 3, []
        while time.monotonic() < deadline:
            started = time.perf_counter()
            assert ask_for_token(server, rules.good_key).status_code == 200
            waits.append(time.perf_counter() - started)
            assert ana.browser.get(ana.keys_url).status_code == 200
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert in_time(sorted(waits)[int(len(waits) * 0.99)], 1)
