"""One load on a token endpoint, by wrk on the same machine."""

import json
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("token.lua")
# More than any server with many keys answers in a second, so that they are really many.
_MOST_A_SECOND = 6000


class LoadFailed(Exception):
    """Not every request was answered with a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk saw. Latencies are in milliseconds; `client_cpu_s` is its own processor time in seconds.

    What it used to get ready, `prepared_cpu_s`, is no part of the load and not counted in `client_cpu_s`.
    Of a load on several servers at once, the latencies are those of the slowest.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float
    prepared_cpu_s: float

    @property
    def per_second(self) -> float:
        """Tokens a second."""
        return self.requests / self.seconds


def window(seconds: int) -> int:
    """How many different bodies a load of that length asks with on each server, if there are so many."""
    return seconds * _MOST_A_SECOND


def drive(urls: Sequence[str], bodies: Path, *, skip: int, seconds: int, connections: int) -> Load:
    """Ask for tokens as fast as they come, with bodies of a file after the first `skip` of them.

    With several addresses, one wrk asks each of them, and they share the connections. Raises LoadFailed when
    any answer is not a success, or when a connection breaks.
    """
    before, each = _children_cpu_s(), window(seconds)
    running = [
        subprocess.Popen(
            ["wrk", "--threads=1", f"--connections={share}", f"--duration={seconds}s", "--timeout=10s",
             f"--script={_SCRIPT}", url, "--", bodies, str(skip + number * each), str(each)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, (url, share) in enumerate(zip(urls, _shares(connections, len(urls)), strict=True))
    ]  # fmt: skip
    prepared_cpu_s, seen = 0.0, []
    for url, process in zip(urls, running, strict=True):
        output, _ = process.communicate()
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        if process.returncode or len(lines) != 2:
            raise LoadFailed(f"{url}: wrk failed: {output}")
        prepared_cpu_s += lines[0]["prepared_cpu_s"]
        seen.append(lines[1])
        if lines[1]["refused"] or lines[1]["broken"] or not lines[1]["requests"]:
            raise LoadFailed(f"{url}: {lines[1]}")
    return Load(
        requests=sum(one["requests"] for one in seen),
        seconds=max(one["duration_us"] for one in seen) / 1e6,
        p50_ms=max(one["p50_us"] for one in seen) / 1000,
        p99_ms=max(one["p99_us"] for one in seen) / 1000,
        client_cpu_s=_children_cpu_s() - before - prepared_cpu_s,
        prepared_cpu_s=prepared_cpu_s,
    )


def _shares(whole: int, parts: int) -> list[int]:
    return [whole // parts + (number < whole % parts) for number in range(parts)]


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
