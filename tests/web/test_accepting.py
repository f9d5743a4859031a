"""Workers share a port: its clients are shared as well."""

import http.client
from contextlib import ExitStack, closing
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
    places = Path(f"/proc/{pid}/fd")
    return sum(str(place.readlink()).startswith("socket:") for place in places.iterdir())


def test_clients_that_come_together_and_stay_are_shared(tmp_path: Path) -> None:
    """No worker has them all, also when the first one to wake up could take them."""
    with running_server(tmp_path, workers=2) as server, ExitStack() as kept:
        workers = workers_of(server)
        assert len(workers) == 2
        before = {pid: open_sockets(pid) for pid in workers}
        port = int(server.url.rpartition(":")[2])
        clients = [
            kept.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)))
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.connect()
        for client in clients:
            client.request("GET", "/livez")
        assert {client.getresponse().read() for client in clients} == {b'{"status":"ok"}'}
        shares = [open_sockets(pid) - before[pid] for pid in workers]
        assert sum(shares) == CLIENTS
        assert min(shares) >= CLIENTS // 8
