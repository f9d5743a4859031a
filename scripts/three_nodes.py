"""Three nodes on one PostgreSQL behind a proxy: a key is removed on one, the database restarts under load.

    python scripts/three_nodes.py

It prints what was lost (nothing is to be) and what was refused (only what should be), and exits with 1 if
that is not so. It needs what the tests need, see CONTRIBUTING.md.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from faults.load import Answer, Load, asking, wait_for_tokens  # noqa: E402
from faults.nodes import Node, running_node  # noqa: E402
from keygrove.management import integrations  # noqa: E402
from keygrove.management.context import OPERATOR, Management  # noqa: E402
from keygrove.storage.database import DatabaseUnavailable  # noqa: E402
from ports import free_port  # noqa: E402
from postgres import PostgresServer  # noqa: E402


@contextmanager
def proxy_before(nodes: list[Node]) -> Iterator[str]:
    """A proxy that gives each connection to the next node; its address."""
    port, turn, loop = free_port(), itertools.cycle(nodes), asyncio.new_event_loop()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(next(turn).url)
        far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
        await asyncio.gather(forward(reader, far_writer), forward(far_reader, writer))

    async def serve() -> None:
        await asyncio.start_server(accept, "127.0.0.1", port)

    loop.run_until_complete(serve())
    threading.Thread(target=loop.run_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)


class Writers:
    """Makes keys one after the other, and remembers which were acknowledged and which were not."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list[str] = []
        self.unavailable = 0

    def __enter__(self) -> "Writers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.acknowledged.append(self._node.new_key().client_id)
            except DatabaseUnavailable:
                self.unavailable += 1
                time.sleep(0.2)


def told(answers: list[Answer]) -> str:
    """How many answers there were of each kind."""
    kinds = Counter(f"{answer.status} {answer.error}".strip() for answer in answers)
    return ", ".join(f"{number} of {kind}" for kind, number in sorted(kinds.items()))


def listed(node: Node) -> set[str]:
    """The keys that the company sees."""

    async def read(m: Management) -> set[str]:
        page = await integrations.list_keys(m, node.company_id, limit=100_000)
        return {key.client_id for key in page.keys}

    return node.manage(read)


def remove_under_load(node: Node, client: Node) -> bool:
    """Remove a key on one node while all are asked for tokens of it."""
    key = node.new_key()
    with asking(client, key, clients=6) as load:
        node.manage(lambda m: integrations.remove_key(m, OPERATOR, key.company_id, key.client_id))
        removed = time.monotonic()
        time.sleep(2)
    after = load.since(removed)
    print(f"A key was removed on one node. From all three, after the acknowledgement: {told(after)}")
    return bool(after) and all(answer.status == 401 for answer in after)


def restart_under_load(server: PostgresServer, node: Node, client: Node) -> bool:
    """Restart PostgreSQL while tokens are asked for and keys are made."""
    key = node.new_key()
    with asking(client, key, clients=6) as load, Writers(node) as writers:
        stopped = time.monotonic()
        server.stop()
        time.sleep(2)
        server.start()
        healed_s = wait_for_tokens(load)
        time.sleep(2)
    lost = set(writers.acknowledged) - listed(node)
    print(f"PostgreSQL was away for 2 s. Token requests meanwhile and after: {told(load.since(stopped))}")
    print(
        f"Tokens again {healed_s:.2f} s after its return; the slowest answer took {load.slowest_s():.2f} s."
    )
    print(f"Keys acknowledged: {len(writers.acknowledged)}, refused as unavailable: {writers.unavailable}.")
    print(f"Lost: {len(lost) or 'nothing'}. Refused wrongly: {wrongly_refused(load) or 'nobody'}.")
    return not lost and not wrongly_refused(load)


def wrongly_refused(load: Load) -> int:
    """Answers that no client may get while the database is away."""
    return len(load.dishonest())


def main() -> int:
    """Show it; 0 when all is as it should be."""
    server = PostgresServer.create()
    with ExitStack() as held:
        held.callback(server.remove)
        server.start()
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        url = server.url(server.new_database())
        first = held.enter_context(running_node(folder / "1", url))
        others = [held.enter_context(running_node(folder / n, url, beside=first)) for n in ("2", "3")]
        address = held.enter_context(proxy_before([first, *others]))
        client = Node(address, first.environ, first.log, first.process)
        print(f"Three nodes serve {address} from one PostgreSQL.")
        good = [remove_under_load(first, client), restart_under_load(server, first, client)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
