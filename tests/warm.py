"""Commands of Keygrove without the second that Python takes to load it: forked from a process that has.

A command is a process of its own with its own arguments, environment, folder and streams, as the installed
one is. What is about starting itself (`serve`, `demo`, how quick help is) starts the program as people do.
"""

import atexit
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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

_ENOUGH = 256 * 1024  # for the arguments and the environment of a command
_DESCRIPTORS = 4
# What a command loads only when it is needed, most of it elsewhere than in Keygrove.
_LOADED_LATE = (
    "typer._adapters",
    "pydantic.plugin._loader",
    "rich.console",
    "rich.table",
    "keygrove.house",
    "keygrove.management.apps",
    "keygrove.management.signing_keys",
    "keygrove.storage.migrations.statements",
    "alembic.command",
    "alembic.config",
    "sqlalchemy.dialects.sqlite",
)


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

    def fork(self, order: Mapping[str, object], streams: Sequence[int]) -> socket.socket:
        """Start a command; its process id and its exit status come through the socket."""
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there, self._turn:
            socket.send_fds(self._ours, [json.dumps(order).encode()], [*streams, there.fileno()])
        return here


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
    with TemporaryFile() as read, TemporaryFile() as out, TemporaryFile() as err:
        read.write(text.encode())
        read.seek(0)
        streams = (read.fileno() if stdin is None else stdin, out.fileno(), err.fileno())
        order = {"arguments": list(arguments), "environ": dict(environ), "folder": str(folder)}
        with _loaded().fork(order, streams) as command:
            command.settimeout(timeout_s)
            pid = int(command.recv(64))
            try:
                status = int(command.recv(64))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["keygrove", *arguments], timeout_s) from None
        for stream in (out, err):
            stream.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return subprocess.CompletedProcess(
            ["keygrove", *arguments], code, out.read().decode(), err.read().decode()
        )


@dataclass(frozen=True, slots=True)
class _Order:
    """What to be: one command."""

    arguments: list[str]
    environ: dict[str, str]
    folder: str


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
