"""Ports for the servers of a test, out of the way of everything that gets a port from the system.

The system gives ports from its own range to whoever asks for any, and to every connection that is made. One
of those, given back before a server of a test listens there, may go to somebody else meanwhile.
"""

import os
import random
import socket
from itertools import cycle

# Below what Linux gives, 32768 and more, and above what is known by its number.
_FIRST, _LAST = 10_000, 32_000
_WORKERS = 10


def _own() -> range:
    """The ports of this process among those of pytest-xdist that run beside it."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    share = (_LAST - _FIRST) // _WORKERS
    return range(_FIRST + number * share, _FIRST + (number + 1) * share)


def _in_turn() -> "cycle[int]":
    """All of them, again and again. Where it begins is chance: another suite may run on this machine."""
    own = _own()
    begin = random.randrange(len(own))  # noqa: S311 - no secret
    return cycle([*own[begin:], *own[:begin]])


_ports = _in_turn()


def free_port() -> int:
    """A port where nobody listens, and that no other test is given, of up to _WORKERS processes."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
