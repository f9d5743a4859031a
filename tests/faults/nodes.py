"""Keygrove as an operator runs it: nodes on a database, started, killed without warning, started again."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

import warm
from keygrove.config.loading import load
from keygrove.house import prepare
from keygrove.storage.database import Row
from keygrove.storage.opening import open_database
from ports import free_port
from running import RunningServer, wait_until_ready

# What a test does many times: a few times in `make test`, this often in `make faults`.
KILLS = int(os.environ.get("KEYGROVE_TEST_KILLS", "0"))


@dataclass(slots=True)
class Node(RunningServer):
    """One `keygrove serve`."""

    workers: int = 1

    def start(self, *, program: Sequence[str] = ()) -> None:
        """Start its processes (`program` as in `warm.start`); its address is the same each time."""
        command = ["serve", "--workers", str(self.workers)]
        with self.log.open("ab") as output:
            self.process = warm.start(
                command, environ=self.environ, folder=self.log.parent, output=output, program=program
            )

    def kill(self) -> None:
        """Take every process away at once, as a power cut does."""
        children = self.children()
        if self.process.poll() is None:
            self.process.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop it in order."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def children(self) -> list[int]:
        """The processes of its workers."""
        try:
            text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in text.split()]

    def processor_s(self) -> float:
        """The processor time that its processes have used so far."""
        used = 0.0
        for pid in (self.process.pid, *self.children()):
            with contextlib.suppress(FileNotFoundError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                used += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        return used

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """No file of its workers grows any more, the log included."""
        workers = self.children()
        for pid in workers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            for pid in workers:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with Keygrove's command line and settings."""

    environ: dict[str, str]
    folder: Path

    def run(self, *arguments: str) -> Any:
        """The JSON object that a command prints. Raises AssertionError when it fails."""
        done = warm.run([*arguments, "--json"], environ=self.environ, folder=self.folder)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout)


def restart(node: Node) -> float:
    """Start a node as people do, wait until it is ready; the seconds it took.

    The machine has others to serve: what counts is the clock, or the processor time if that is less.
    """
    started = time.monotonic()
    node.start(program=warm.COLD)
    wait_until_ready(node)
    return min(time.monotonic() - started, node.processor_s())


@contextmanager
def running_node(
    folder: Path,
    database: str,
    *,
    workers: int = 1,
    beside: Node | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Node]:
    """A node that serves from a database; `beside` names one that it shares issuer, data and company with."""
    node = new_node(folder, database, workers=workers, beside=beside, settings=settings)
    node.start()
    wait_until_ready(node)
    try:
        yield node
    finally:
        node.kill()


def new_node(
    folder: Path,
    database: str,
    *,
    workers: int = 1,
    beside: Node | None = None,
    settings: Mapping[str, str] | None = None,
) -> Node:
    """As `running_node`, not started: its database is ready, with one company."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("KEYGROVE_")}
    environ = {
        **own,
        "KEYGROVE_DATABASE": database,
        "KEYGROVE_DATA_DIR": str(folder / "data"),
        "KEYGROVE_ISSUER": url,
        "KEYGROVE_FAILURES_PER_CLIENT": "0",
        "KEYGROVE_FAILURES_PER_ADDRESS": "0",
        **(settings or {}),
    }
    if beside is not None:
        shared = ("KEYGROVE_DATA_DIR", "KEYGROVE_ISSUER")
        environ |= {name: beside.environ[name] for name in shared}
    node = Node(
        url, {**environ, "KEYGROVE_PORT": str(port)}, folder / f"{port}.log", NOTHING, workers=workers
    )
    if beside is None:
        asyncio.run(prepare(load(environ=node.environ, folder=folder)))
        company = node.new_company("Acme")
        node.company_id, node.slug = company.id, company.slug
    else:
        node.company_id, node.slug = beside.company_id, beside.slug
    return node


class _Nothing(subprocess.Popen[bytes]):
    """Stands for a process before there is one."""

    def __init__(self) -> None:
        super().__init__(["true"])
        self.wait()


NOTHING = _Nothing()


def execute(url: str, *statements: str) -> None:
    """Change a database from beside Keygrove."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            for sql in statements:
                connection.execute(sql)
        return

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for sql in statements:
                await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(run())


def rows(node: Node, sql: str) -> list[Row]:
    """What the database holds, on a connection of our own."""

    async def read() -> list[Row]:
        database = await open_database(node.environ["KEYGROVE_DATABASE"])
        try:
            async with database.transaction() as tx:
                return await tx.all(sql)
        finally:
            await database.close()

    return asyncio.run(read())
