"""Medians and ratios, as the text of RESULTS.md."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean, median

from bench.load import Load
from bench.raw_signing import Signing

ONE_KEY = "Keygrove, 1 key"
MANY_KEYS = "Keygrove, many keys"
PEER = "node-oidc-provider"


_HOW_TO_REPEAT = (
    "## To repeat it",
    "",
    "`make bench` installs wrk, Node.js and the peer when they are missing, runs for some minutes and "
    "rewrites this file. An idle machine is best: ratios survive noise, latencies do not. "
    "`.venv/bin/python -m bench.run --help` lists what can be chosen.",
    "",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One load, and the raw signing measured before and after it."""

    load: Load
    server_cpu_s: float
    raw: tuple[Signing, Signing]

    @property
    def ratio(self) -> float:
        """Tokens a second over raw signatures a second."""
        return self.load.per_second / mean(raw.per_second for raw in self.raw)

    @property
    def server_us(self) -> float:
        """Processor time of the server for one token, in microseconds."""
        return self.server_cpu_s / self.load.requests * 1e6

    @property
    def client_us(self) -> float:
        """Processor time of wrk for one token, in microseconds."""
        return self.load.client_cpu_s / self.load.requests * 1e6


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured, by the server's name."""

    by_name: Mapping[str, Measured]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under which the figures hold."""

    key_count: int
    connections: int
    seconds: int
    workers: int
    machine: str
    versions: str


def render(
    rounds: Sequence[Round],
    *,
    memory_mib: Mapping[str, float],
    first_start_s: float,
    later_starts_s: Sequence[float],
    conditions: Conditions,
) -> str:
    """The whole report."""
    return "\n".join(
        [
            *_introduction(rounds, conditions),
            *_table(rounds, memory_mib, conditions),
            "",
            *_goals(rounds, memory_mib, first_start_s, later_starts_s, conditions),
            "",
            *_where_the_time_goes(rounds),
            "",
            *_HOW_TO_REPEAT,
        ]
    )


def _introduction(rounds: Sequence[Round], conditions: Conditions) -> list[str]:
    today = datetime.now(UTC).date().isoformat()
    return [
        "# Speed of the token endpoint",
        "",
        f"Measured on {today} by `make bench`. Every number is the median of {len(rounds)} interleaved "
        f"rounds of one run. wrk ({conditions.connections} connections, one thread, {conditions.seconds} s a "
        "measurement) runs on the same cores as the servers. The absolute numbers are the machine's, the "
        "ratios are ours.",
        "",
        f"- Machine: {conditions.machine}",
        f"- Versions: {conditions.versions}",
        f"- Each server: {conditions.workers} worker processes, `client_credentials` with the secret in the "
        "body, JWT access tokens signed RS256 with an RSA-2048 key. Keygrove on SQLite, node-oidc-provider "
        "with its in-memory adapter.",
        "- Ratio: tokens a second over the raw rate, which is how many RSA-2048 signatures `cryptography` "
        "alone makes on all cores, measured right before and right after each load.",
        "- Every answer was a success; before and after each load a token was verified against the server's "
        "published keys.",
        "",
    ]


def _table(rounds: Sequence[Round], memory_mib: Mapping[str, float], conditions: Conditions) -> list[str]:
    raw = median(
        signing.per_second for one in rounds for seen in one.by_name.values() for signing in seen.raw
    )
    lines = [
        "| | a second | ratio to raw | p50 | p99 | worker memory |",
        "|---|---:|---:|---:|---:|---:|",
        f"| raw RSA-2048 signing | {raw:,.0f} | 1.00 | | | |",
    ]
    for name in (ONE_KEY, MANY_KEYS, PEER):
        shown = name.replace("many", f"{conditions.key_count:,}")
        per_second = _median(rounds, name, lambda seen: seen.load.per_second)
        p50, p99 = (_median(rounds, name, get) for get in (_p50, _p99))
        lines.append(
            f"| {shown} | {per_second:,.0f} | {_ratio(rounds, name):.2f} | {p50:.1f} ms | {p99:.1f} ms "
            f"| {memory_mib[name]:.0f} MiB |"
        )
    return lines


def _goals(
    rounds: Sequence[Round],
    memory_mib: Mapping[str, float],
    first_start_s: float,
    later_starts_s: Sequence[float],
    conditions: Conditions,
) -> list[str]:
    to_raw, many_to_raw = _ratio(rounds, ONE_KEY), _ratio(rounds, MANY_KEYS)
    to_peer = median(_beside(one, ONE_KEY, PEER) for one in rounds)
    many_to_one = median(_beside(one, MANY_KEYS, ONE_KEY) for one in rounds)
    memory = max(memory_mib[ONE_KEY], memory_mib[MANY_KEYS])
    later_s = median(later_starts_s)
    count = f"{conditions.key_count:,}"
    rows = [
        ("rate over raw signing, 1 key", "0.60 or more", f"{to_raw:.2f}", to_raw >= 0.6),
        (f"rate over raw signing, {count} keys", "0.60 or more", f"{many_to_raw:.2f}", many_to_raw >= 0.6),
        ("rate over node-oidc-provider", "1.30 or more", f"{to_peer:.2f}", to_peer >= 1.3),
        (f"rate with {count} keys over 1 key", "0.95 or more", f"{many_to_one:.2f}", many_to_one >= 0.95),
        ("memory of a worker after the load", "below 120 MiB", f"{memory:.0f} MiB", memory < 120),
        ("first start, empty folder, to `/readyz`", "below 2 s", f"{first_start_s:.2f} s", first_start_s < 2),
        ("later start to `/readyz`", "below 2 s", f"{later_s:.2f} s", later_s < 2),
    ]  # fmt: skip
    return [
        "| goal | reach | measured | |",
        "|---|---|---:|---|",
        *(
            f"| {goal} | {reach} | {found} | {'reached' if met else 'missed'} |"
            for goal, reach, found, met in rows
        ),
    ]


def _where_the_time_goes(rounds: Sequence[Round]) -> list[str]:
    raw_us = median(signing.cpu_us for one in rounds for seen in one.by_name.values() for signing in seen.raw)
    lines = [
        f"Processor time for one token in µs, where one raw signature takes {raw_us:.0f}. Other "
        "programs on the machine hardly move these:",
        "",
        "| | server | of which beyond the signature | wrk |",
        "|---|---:|---:|---:|",
    ]
    for name in (ONE_KEY, MANY_KEYS, PEER):
        server = _median(rounds, name, lambda seen: seen.server_us)
        client = _median(rounds, name, lambda seen: seen.client_us)
        lines.append(f"| {name} | {server:.0f} | {server - raw_us:.0f} | {client:.0f} |")
    return lines


def _median(rounds: Sequence[Round], name: str, get: Callable[[Measured], float]) -> float:
    return median(get(one.by_name[name]) for one in rounds)


def _ratio(rounds: Sequence[Round], name: str) -> float:
    return _median(rounds, name, lambda seen: seen.ratio)


def _beside(one: Round, name: str, other: str) -> float:
    """How the ratios of two servers compare within one round."""
    return one.by_name[name].ratio / one.by_name[other].ratio


def _p50(seen: Measured) -> float:
    return seen.load.p50_ms


def _p99(seen: Measured) -> float:
    return seen.load.p99_ms
