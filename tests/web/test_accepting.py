"""Workers share a port: its clients are shared as well."""

import http.client
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from running import RunningServer, running_server
from stores import ONLY_SQLITE

pytestmark = ONLY_SQLITE
CLIENTS = 40


def workers_of(server: RunningServer) -> list[int]:
    """The process ids of its workers."""
    supervisor = server.process.pid
    text = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii")
    return [int(pid) for pid in text.split()]


def open_sockets(pid: int) -> int:
    """How many sockets a process has open."""
    number = 0
    for place in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # a file that was closed meanwhile
            number += str(place.readlink()).startswith("socket:")
    return number


def shares_of(server: RunningServer, workers: list[int]) -> list[int]:
    """How many of CLIENTS that come together each worker gets; every one of them is answered."""
    before = [open_sockets(pid) for pid in workers]
    port = int(server.url.rpartition(":")[2])
    with ExitStack() as kept:
        clients = [
            kept.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)))
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.connect()
        for client in clients:
            client.request("GET", "/livez")
        assert {client.getresponse().status for client in clients} == {200}
        return [open_sockets(pid) - had for pid, had in zip(workers, before, strict=True)]


def test_clients_that_come_together_and_stay_are_shared(tmp_path: Path) -> None:
    """No worker has them all, also when the first one to wake up could take them."""
    with running_server(tmp_path, workers=2) as server:
        workers = workers_of(server)
        assert len(workers) == 2
        shares, deadline = [0, 0], time.monotonic() + 20
        # Ready is who answers first: the other worker may not have begun yet.
        while min(shares) < CLIENTS // 4 and time.monotonic() < deadline:
            shares = shares_of(server, workers)
        assert min(shares) >= CLIENTS // 4
