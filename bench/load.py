"""One load on a token endpoint, by wrk on the same machine."""

import json
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("token.lua")


class LoadFailed(Exception):
    """Not every request was answered with a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk saw. Latencies are in milliseconds; `client_cpu_s` is its own processor time in seconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float

    @property
    def per_second(self) -> float:
        """Tokens a second."""
        return self.requests / self.seconds


def drive(url: str, bodies: Path, *, skip: int, seconds: int, connections: int) -> Load:
    """Ask for tokens as fast as they come, with the bodies of a file after the first `skip` of them.

    Raises LoadFailed when any answer is not a success, or when a connection breaks.
    """
    before = _children_cpu_s()
    wrk = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
    done = subprocess.run(
        [*wrk, "--timeout=10s", f"--script={_SCRIPT}", url, "--", bodies, str(skip)],
        capture_output=True,
        text=True,
        check=True,
    )
    prepared, seen = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    if seen["refused"] or seen["broken"] or not seen["requests"]:
        raise LoadFailed(f"{url}: {seen['refused']} refusals, {seen['broken']} broken, of {seen['requests']}")
    return Load(
        requests=seen["requests"],
        seconds=seen["duration_us"] / 1e6,
        p50_ms=seen["p50_us"] / 1000,
        p99_ms=seen["p99_us"] / 1000,
        client_cpu_s=_children_cpu_s() - before - prepared["prepared_cpu_s"],
    )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
