"""A real PgBouncer in transaction mode: few connections to PostgreSQL, and many clients that share them.

The program is the `pgbouncer` of the PATH, or the one that KEYGROVE_TEST_PGBOUNCER names.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from postgres import as_nobody

# Debian has it in /usr/sbin, which is not on everybody's PATH.
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_PROGRAM = shutil.which(os.environ.get("KEYGROVE_TEST_PGBOUNCER", "pgbouncer"), path=_PATH)


@contextmanager
def pgbouncer_to(postgres_port: int, *, connections: int, statements: int) -> Iterator[int]:
    """The port of a PgBouncer in front of a server.

    Every transaction gets the connection that rested longest, so that none has the same one twice
    in a row. `connections` is how many there are, `statements` how many prepared statements it keeps.
    """
    assert _PROGRAM is not None, "there is no pgbouncer: apt-get install pgbouncer"
    folder = Path(tempfile.mkdtemp(prefix="keygrove-pgbouncer-"))
    folder.chmod(0o755)
    (folder / "users").write_text('"keygrove" ""\n')
    port = free_port()
    settings: dict[str, object] = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": folder / "users",
        "pool_mode": "transaction",
        "default_pool_size": connections,
        "server_round_robin": 1,
        "server_login_retry": 1,
    }
    if len(STATEMENTS) > 1:
        settings["max_prepared_statements"] = statements
    lines = ["[databases]", f"* = host=127.0.0.1 port={postgres_port}", "[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in settings.items()]
    (folder / "ini").write_text("\n".join(lines))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([_PROGRAM, folder / "ini"], stdout=output, stderr=output, **as_nobody())
    try:
        _wait_for(port, log)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def _keeps_statements() -> bool:
    if _PROGRAM is None:
        return False
    told = subprocess.run([_PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"PgBouncer (\d+)\.(\d+)", told)
    assert version is not None, told
    return (int(version[1]), int(version[2])) >= (1, 21)


# How many prepared statements PgBouncer keeps: 1.21 and newer can.
STATEMENTS = [0, 200] if _keeps_statements() else [0]


def _wait_for(port: int, log: Path) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        signal.sigtimedwait([], 0.05)
    raise AssertionError(log.read_text())
