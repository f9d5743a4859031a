"""Commands of Keygrove without the second that Python takes to load it: forked from a process that has.

A command is a process of its own with its own arguments, environment, folder and streams, as the installed
one is. What is about starting itself (how quick, how large) starts it as people do.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

_ENOUGH = 256 * 1024  # for the arguments and the environment of a command
_DESCRIPTORS = 4
# As people start it.
COLD = ("-m", "keygrove.cli.main")
# What a command loads only when it is needed, most of it elsewhere than in Keygrove.
_LOADED_LATE = (
    "typer._adapters",
    "pydantic.plugin._loader",
    "rich.console",
    "rich.table",
    "keygrove.app",
    "keygrove.house",
    "keygrove.management.apps",
    "keygrove.management.signing_keys",
    "keygrove.web.connection",
    "keygrove.storage.migrations.statements",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "alembic.command",
    "alembic.config",
    "sqlalchemy.dialects.sqlite",
)


@dataclass(frozen=True, slots=True)
class _Order:
    """What to be: one command."""

    arguments: list[str]
    environ: dict[str, str]
    folder: str
    own_group: bool = False


class _Loaded:
    """The process that has everything loaded; it ends when it is closed, or with this one."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
        theirs.close()

    def close(self) -> None:
        """Let it end."""
        self._ours.close()
        self._process.wait()

    def fork(self, order: _Order, streams: Sequence[int]) -> socket.socket:
        """Start a command; its process id and its exit status come through the socket."""
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there, self._turn:
            socket.send_fds(self._ours, [json.dumps(asdict(order)).encode()], [*streams, there.fileno()])
        return here


class Process:
    """A command that was started, to be handled as subprocess.Popen is."""

    def __init__(self, command: socket.socket) -> None:
        self._command = command
        self._ended: int | None = None
        self.pid = int(command.recv(64))

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises TimeoutExpired when that takes over `timeout` seconds."""
        if self._ended is None:
            self._command.settimeout(timeout)
            try:
                self._ended = os.waitstatus_to_exitcode(int(self._command.recv(64)))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("keygrove", timeout or 0) from None
            self._command.close()
        return self._ended

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Take it away."""
        self.send_signal(signal.SIGKILL)


Started = Process | subprocess.Popen[bytes]


@cache
def _loaded() -> _Loaded:
    loaded = _Loaded()
    atexit.register(loaded.close)
    return loaded


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    text: str = "",
    stdin: int | None = None,
    timeout_s: float = 60,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, with `text` on its standard input unless that is a descriptor, `stdin`.

    Raises TimeoutExpired when it takes too long, and kills it.
    """
    order = _Order(list(arguments), dict(environ), str(folder))
    with TemporaryFile() as read, TemporaryFile() as out, TemporaryFile() as err:
        read.write(text.encode())
        read.seek(0)
        streams = (read.fileno() if stdin is None else stdin, out.fileno(), err.fileno())
        command = Process(_loaded().fork(order, streams))
        try:
            code = command.wait(timeout_s)
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
            raise
        for stream in (out, err):
            stream.seek(0)
        return subprocess.CompletedProcess(
            ["keygrove", *arguments], code, out.read().decode(), err.read().decode()
        )


def start(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    folder: Path,
    output: BinaryIO,
    own_group: bool = False,
    program: Sequence[str] = (),
) -> Started:
    """Start a command that goes on, in a process group of its own if asked; it prints to `output`.

    `program` is what Python runs, with nothing loaded: COLD, or a test's own start with other limits.
    """
    with Path(os.devnull).open("rb") as nothing:
        if program:
            return subprocess.Popen(
                [sys.executable, *program, *arguments],
                cwd=folder,
                env=environ,
                stdin=nothing,
                stdout=output,
                stderr=output,
                process_group=0 if own_group else None,
            )
        order = _Order(list(arguments), dict(environ), str(folder), own_group)
        return Process(_loaded().fork(order, (nothing.fileno(), output.fileno(), output.fileno())))


def _be_told(control: socket.socket) -> _Order:
    """Fork for each order, forever; return in the process that carries one out."""
    while True:
        told, streams, _, _ = socket.recv_fds(control, _ENOUGH, _DESCRIPTORS)
        if not told:
            sys.exit(0)
        # A keeper waits for the command, so that this process can go on.
        keeper = os.fork()
        if keeper == 0:
            control.close()
            reply = socket.socket(fileno=streams.pop())
            pid = os.fork()
            if pid == 0:
                reply.close()
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                    os.close(stream)
                return _Order(**json.loads(told))
            reply.send(str(pid).encode())
            reply.send(str(os.waitpid(pid, 0)[1]).encode())
            os._exit(0)
        for stream in streams:
            os.close(stream)
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _main() -> None:
    for name in _LOADED_LATE:
        importlib.import_module(name)
    from keygrove.cli.main import main

    gc.freeze()
    order = _be_told(socket.socket(fileno=int(sys.argv[1])))
    if order.own_group:
        os.setpgid(0, 0)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environ)
    sys.argv = ["keygrove", *order.arguments]
    try:
        main()
    except SystemExit as leaving:
        sys.stdout.flush()
        sys.stderr.flush()
        # Taking down what was loaded before the fork would take longer than the command.
        os._exit(leaving.code if isinstance(leaving.code, int) else leaving.code is not None)


if __name__ == "__main__":
    _main()
