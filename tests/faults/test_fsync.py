"""A disk that reports errors when it is asked to keep what was written (the fsync lesson of 2018)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from faults.nodes import Node, new_node, rows
from running import Key

# From some moment on the kernel answers fsync and fdatasync of this process with EIO: a seccomp filter.
PROGRAM = """
import asyncio, ctypes, json, os, platform, struct, sys
from faults.inside import Clock, ask, opened
from keygrove.management import integrations
from keygrove.management.context import OPERATOR
from keygrove.storage.database import DatabaseUnavailable
from running import Key

SECCOMP, CALLS = {"x86_64": (317, (74, 75)), "aarch64": (277, (82, 83))}[platform.machine()]
LOAD, EQUAL, RETURN, EIO, ALLOW = 0x20, 0x15, 0x06, 0x00050005, 0x7FFF0000

class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

def break_the_disk():
    steps = [(LOAD, 0, 0, 0), (EQUAL, 1, 0, CALLS[0]), (EQUAL, 0, 1, CALLS[1]), (RETURN, 0, 0, EIO),
             (RETURN, 0, 0, ALLOW)]
    text = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    program = Program(len(steps), text)
    every_thread = 1
    assert libc.syscall(SECCOMP, 1, every_thread, ctypes.byref(program)) == 0, ctypes.get_errno()

async def run():
    said = []
    async with opened(os.environ, Clock()) as house:
        key = Key(*sys.argv[2:5])
        async def make(name):
            try:
                made = await integrations.create_key(
                    house.management, OPERATOR, sys.argv[1], name=name, permissions=("marketing.read",))
                said.append(made.key.client_id)
            except DatabaseUnavailable as error:
                said.append("unavailable")
        await make("before")
        break_the_disk()
        await make("while the disk fails")
        said.append((await ask(house, key))[0])
        await make("once more")
    print(json.dumps(said), flush=True)
    os._exit(0)

asyncio.run(run())
"""


@pytest.fixture
def site(tmp_path: Path, sqlite_database: str) -> Node:
    """A SQLite file with a company."""
    return new_node(tmp_path / "node", sqlite_database)


def test_f06_no_success_is_told_when_the_disk_fails_to_keep_it(site: Node) -> None:
    """Tokens go on, since they need no write; what was acknowledged before is there afterwards."""
    key: Key = site.new_key()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, site.company_id, key.client_id, key.client_secret, key.company_id],
        env={**site.environ, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, failed, status, again = json.loads(done.stdout)
    assert (failed, status, again) == ("unavailable", 200, "unavailable")
    assert before in {row["client_id"] for row in rows(site, "select client_id from clients")}
    # After a restart it is absent or listed, as after any lost answer; a new one can be made.
    assert site.new_key(name="after the repair").client_id
