"""What Linux tells about processes and about the machine itself."""

import json
import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl.backend import backend

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that still run."""
    found = (_PROC / str(pid) / "task" / str(pid) / "children").read_text()
    return [int(child) for child in found.split()]


def cpu_s(parent: int) -> float:
    """Processor time that a process and its children have used so far, user and kernel, in seconds."""
    ticks = 0
    for pid in [parent, *children(parent)]:
        try:
            # The name of the program may hold blanks and brackets; the numbers follow its last bracket.
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:  # ended a moment ago; its parent's line has its time
            continue
        # Its own, and that of its children that have ended.
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS_PER_S


def busy_s() -> float:
    """Processor time that all programs and the kernel have used since the machine started, in seconds."""
    user, nice, system, _idle, _iowait, irq, softirq = map(
        int, (_PROC / "stat").read_text().splitlines()[0].split()[1:8]
    )
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


def resident_mib(pid: int) -> float:
    """Resident memory, pages shared with other processes counted in full, in MiB."""
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def described() -> str:
    """The machine in a line: processor, cores, memory, system."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in (_PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor() or platform.machine(),
    )
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{processor}, {cores()} cores, {memory_gib:.0f} GiB, Linux {platform.release()}, {system}"


def versions(peer: Path, postgres: str) -> str:
    """Everything whose version matters, in a line. `peer` is the folder of node-oidc-provider."""
    packages = ("keygrove", "cryptography", "joserfc", "uvicorn", "uvloop", "httptools", "asyncpg")
    ours = [f"{name} {version(name)}" for name in packages]
    # wrk prints its version together with its usage, and fails.
    wrk = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout.split()
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    oidc = json.loads((peer / "node_modules/oidc-provider/package.json").read_text())["version"]
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            *ours,
            backend.openssl_version_text(),
            f"SQLite {sqlite3.sqlite_version}",
            postgres,
            f"Node.js {node.removeprefix('v')}",
            f"oidc-provider {oidc}",
            f"wrk {wrk[1]}",
        ]
    )
