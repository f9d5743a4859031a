"""A supervisor and its worker processes.

The parent imports and checks everything once, binds the port, then forks: a worker is ready within
milliseconds and shares the parent's memory. The parent holds no thread, no event loop and no database when it
forks. A worker that dies is replaced; a worker whose parent dies stops by itself.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

log = logging.getLogger("keygrove.workers")

CANNOT_START = 3
_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED = {*_STOP, signal.SIGCHLD}
_GRACE_S = 15.0
# What SIGBUS says: a SQLite file is read in place.
_CUT_SHORT = (
    "a file that it was reading was cut short, or its disk failed: "
    "if it is the database, put it aside and run keygrove restore with the latest backup"
)
# A worker that lived for less is replaced after a pause of as long, so that a crash at start is no busy loop.
_SHORT_LIFE_S = 1.0

# What a worker does, with the socket that all listen on and its own place among them, from 0.
Work = Callable[[socket.socket, int], None]


def listen(host: str, port: int, backlog: int = 2048) -> socket.socket:
    """Bind the port. Raises OSError when it is taken or may not be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def in_a_child(work: Callable[[], None]) -> int:
    """Do some work in a process of its own, return its exit code; what it imports and opens goes with it."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        work()
        sys.stdout.flush()
        sys.stderr.flush()
        # Else Python would take apart all that it inherited, which takes longer than the work.
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def aside(work: Callable[[], None]) -> None:
    """Do some work in a process that nobody waits for and nobody hears of: no child of this one."""

    def start() -> None:
        if os.fork() == 0:
            work()

    in_a_child(start)


@dataclass(slots=True)
class Supervisor:
    """Keeps `count` processes doing `work` until it is told to stop by SIGTERM, SIGINT or SIGHUP."""

    work: Work
    listener: socket.socket
    count: int
    _first: frozenset[int] = frozenset()
    _born: dict[int, float] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)
    _lifeline: tuple[int, int] = field(default_factory=os.pipe)

    def run(self) -> int:
        """Start the workers and look after them; the exit code, 0 when told to stop."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        _ended(())
        for place in range(self.count):
            self._start(place)
        self._first = frozenset(self._born)
        code = 0
        while True:
            caught = signal.sigwait(_WATCHED)
            if caught in _STOP:
                log.info("stopping", extra={"signal": signal.Signals(caught).name})
                break
            if not self._replace_the_dead():
                code = 1
                break
        self._stop()
        return code

    def _start(self, place: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            # Never returns: what the parent does next is not the child's business.
            os._exit(self._be_worker(place))
        self._born[pid] = time.monotonic()
        self._places[pid] = place

    def _be_worker(self, place: int) -> int:
        code = 1
        try:
            os.close(self._lifeline[1])
            # Ctrl-C in a terminal reaches the supervisor alone, which then stops the workers in order.
            os.setpgid(0, 0)
            for number in _WATCHED:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            threading.Thread(target=self._stop_when_orphaned, daemon=True).start()
            self.work(self.listener, place)
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            log.exception("worker failed")
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        return code

    def _stop_when_orphaned(self) -> None:
        os.read(self._lifeline[0], 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _replace_the_dead(self) -> bool:
        """False when one of the first workers says that it cannot start: another one could not either.

        One that replaces another is tried again: others serve, and a database that is away comes back.
        """
        # All of them leave the list first: nobody must wait for one that is gone.
        for pid, status, born in [(*ended, self._born.pop(ended[0])) for ended in _ended(list(self._born))]:
            lived = time.monotonic() - born
            code = os.waitstatus_to_exitcode(status)
            why = {"reason": _CUT_SHORT} if code == -signal.SIGBUS else {}
            log.error("worker died", extra={"pid": pid, "exit_code": code, **why})
            if code == CANNOT_START and pid in self._first:
                return False
            if lived < _SHORT_LIFE_S:
                time.sleep(_SHORT_LIFE_S)
            self._start(self._places.pop(pid))
        return True

    def _stop(self) -> None:
        """End every worker: politely, and after a while or at a second signal without asking."""
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        while self._born:
            caught = signal.sigtimedwait(_WATCHED, max(0.0, deadline - time.monotonic()))
            if caught is None or caught.si_signo in _STOP:
                log.warning("workers are stopped before they finished")
                self._signal_all(signal.SIGKILL)
                deadline += _GRACE_S
            for pid, _ in _ended(list(self._born)):
                del self._born[pid]
        self.listener.close()

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._born:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _ended(pids: Sequence[int]) -> list[tuple[int, int]]:
    """Those processes that have ended, with their statuses; one SIGCHLD may stand for several.

    Others are let go too: a process 1 is the parent of all that nobody waits for.
    """
    found = []
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append(ended)
    return [(pid, status) for pid, status in found if pid in pids]
