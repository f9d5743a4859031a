"""The supervisor alone, with workers that misbehave."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keygrove.cli import workers

PROGRAM = """
import os, signal, sys, time
from keygrove.cli.workers import Supervisor, listen

BEGAN = time.monotonic()

def work(listener, place):
    {work}

sys.exit(Supervisor(work, listen("127.0.0.1", 0), 2).run())
"""


def wait_until_supervising(process: "subprocess.Popen[str]") -> None:
    """Return once it has workers, or has ended: before that a signal would end it as any other program."""
    children, deadline = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.monotonic() + 20
    while process.poll() is None and not children.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run(work: str, *signals: signal.Signals, after_s: float = 0) -> "subprocess.CompletedProcess[str]":
    """A process that supervises two workers which do this; it gets the signals, each after a while."""
    command = [sys.executable, "-c", PROGRAM.format(work=work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until_supervising(process)
        for number in signals:
            time.sleep(after_s)
            process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def test_workers_that_cannot_start_end_the_supervisor() -> None:
    """Another one could not start either: uvicorn says so with exit code 3."""
    assert run("sys.exit(3)").returncode == 1


def test_workers_that_all_end_at_one_instant_are_no_longer_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first says that it cannot start: the others of the same signal are gone as well."""
    supervisor = workers.Supervisor(lambda _, __: None, workers.listen("127.0.0.1", 0), 2)
    supervisor._born = {1: 0.0, 2: 0.0}
    supervisor._first = frozenset(supervisor._born)
    monkeypatch.setattr(workers, "_ended", lambda pids: [(pid, workers.CANNOT_START << 8) for pid in pids])
    assert not supervisor._replace_the_dead()
    assert supervisor._born == {}
    supervisor.listener.close()


def test_a_replacement_that_cannot_start_yet_is_tried_again() -> None:
    """The database may be away for a moment: the workers that are left go on."""
    once_served = "sys.exit(3) if time.monotonic() - BEGAN > 2 else (time.sleep(2.5), os._exit(1))"
    done = run(once_served, signal.SIGTERM, after_s=6)
    assert done.returncode == 0
    assert done.stderr.count("worker died") > 2


def test_workers_that_crash_at_once_are_replaced_without_haste() -> None:
    """One or two a second, not thousands; a slow machine has more time for it."""
    done = run('print("born", flush=True); os._exit(1)', signal.SIGTERM, after_s=4)
    assert done.returncode == 0
    assert 3 <= done.stdout.count("born") < 50


def test_a_worker_that_fails_says_why() -> None:
    """Its error is logged whole, since it is a fault of ours."""
    done = run("time.sleep(0.1); raise RuntimeError('broken on purpose')", signal.SIGTERM, after_s=3)
    assert done.returncode == 0
    assert "broken on purpose" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_wait_for_stubborn_workers(number: signal.Signals) -> None:
    """The first one asks them, and has their patience."""
    started = time.monotonic()
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert run(stubborn, number, number, after_s=2).returncode == 0
    assert time.monotonic() - started < 15


def test_a_process_that_nobody_waits_for_leaves_no_zombie() -> None:
    """As process 1 of a container the supervisor is the parent of what went aside."""
    program = """
import ctypes, os, signal, sys, time
from keygrove.cli.workers import Supervisor, aside, listen

PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
there, here = os.pipe()

def end():
    os.write(here, str(os.getpid()).encode())
    os._exit(0)

aside(end)
place = f"/proc/{int(os.read(there, 20))}"

def work(listener, _):
    deadline = time.monotonic() + 30
    while os.path.exists(place) and time.monotonic() < deadline:
        time.sleep(0.05)
    print(os.path.exists(place), flush=True)
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(60)

sys.exit(Supervisor(work, listen("127.0.0.1", 0), 1).run())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_a_child_does_its_work_apart_and_hands_back_its_exit_code() -> None:
    """What it imports is gone with it."""
    program = """
import sys
from keygrove.cli.workers import in_a_child
assert in_a_child(lambda: __import__("decimal")) == 0
assert in_a_child(lambda: sys.exit(7)) == 7
assert "decimal" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
