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


# The part of the processors that other programs may take before the figures bend.
_QUIET = 0.05

_HOW_TO_REPEAT = (
    "## To repeat it",
    "",
    "`make bench` installs wrk, Node.js and the peer when they are missing, runs for some minutes and "
    "rewrites this file. It needs an idle machine. "
    "`.venv/bin/python -m bench.run --help` lists what can be chosen.",
    "",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One load, and the raw signing measured before and after it.

    `others_share` is the part of the machine's processor time that programs not concerned took.
    """

    load: Load
    server_cpu_s: float
    others_share: float
    raw: tuple[Signing, Signing]

    @property
    def ratio(self) -> float:
        """Tokens a second over raw signatures a second."""
        return self.load.per_second / mean(raw.per_second for raw in self.raw)

    @property
    def cpu_ratio(self) -> float:
        """Processor time of a raw signature over that of a token, server and client together."""
        return mean(raw.cpu_us for raw in self.raw) / (self.server_us + self.client_us)

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
    others = median(seen.others_share for one in rounds for seen in one.by_name.values())
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
        "- By processor time: that of one raw signature over that of one token, server and wrk together. On "
        "an idle machine it equals the ratio of the rates.",
        f"- Other programs took {others:.0%} of the processors during the loads. {_warning(others)}".rstrip(),
        "- Every answer was a success; before and after each load a token was verified against the server's "
        "published keys.",
        "",
    ]


def _table(rounds: Sequence[Round], memory_mib: Mapping[str, float], conditions: Conditions) -> list[str]:
    raw = median(
        signing.per_second for one in rounds for seen in one.by_name.values() for signing in seen.raw
    )
    lines = [
        "| | a second | ratio to raw | by processor time | p50 | p99 | worker memory |",
        "|---|---:|---:|---:|---:|---:|---:|",
        f"| raw RSA-2048 signing | {raw:,.0f} | 1.00 | 1.00 | | | |",
    ]
    for name in (ONE_KEY, MANY_KEYS, PEER):
        shown = name.replace("many", f"{conditions.key_count:,}")
        per_second = _median(rounds, name, lambda seen: seen.load.per_second)
        ratio, cpu_ratio = _to_raw(rounds, name)
        p50 = _median(rounds, name, lambda seen: seen.load.p50_ms)
        p99 = _median(rounds, name, lambda seen: seen.load.p99_ms)
        lines.append(
            f"| {shown} | {per_second:,.0f} | {ratio:.2f} | {cpu_ratio:.2f} | {p50:.1f} ms | {p99:.1f} ms "
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
    count = f"{conditions.key_count:,}"
    memory = max(memory_mib[ONE_KEY], memory_mib[MANY_KEYS])
    later_s = median(later_starts_s)
    rows = [
        _at_least(0.60, "raw signing, 1 key", _to_raw(rounds, ONE_KEY)),
        _at_least(0.60, f"raw signing, {count} keys", _to_raw(rounds, MANY_KEYS)),
        _at_least(1.30, "node-oidc-provider", _beside(rounds, ONE_KEY, PEER)),
        _at_least(0.95, f"1 key, with {count} keys", _beside(rounds, MANY_KEYS, ONE_KEY)),
        ("memory of a worker after the load", "below 120 MiB", f"{memory:.0f} MiB", memory < 120),
        ("first start, empty folder, to `/readyz`", "below 2 s", f"{first_start_s:.2f} s", first_start_s < 2),
        ("later start to `/readyz`", "below 2 s", f"{later_s:.2f} s", later_s < 2),
    ]
    return [
        "A ratio is given twice, by rate and by processor time; the smaller counts.",
        "",
        "| goal | reach | measured | |",
        "|---|---|---|---|",
        *(
            f"| {goal} | {reach} | {found} | {'reached' if met else 'missed'} |"
            for goal, reach, found, met in rows
        ),
    ]


def _warning(others: float) -> str:
    if others <= _QUIET:
        return ""
    return (
        "**That is too much**: wrk then gets time that raw signing does not, which lifts the rates; and "
        "switching between programs empties the caches, which lengthens the processor time of everything but "
        "signing. Repeat it on an idle machine."
    )


def _at_least(reach: float, other: str, found: tuple[float, float]) -> tuple[str, str, str, bool]:
    by_rate, by_cpu = found
    return (
        f"token rate over {other}",
        f"{reach:.2f} or more",
        f"{by_rate:.2f} by rate, {by_cpu:.2f} by processor time",
        min(found) >= reach,
    )


def _where_the_time_goes(rounds: Sequence[Round]) -> list[str]:
    raw_us = median(signing.cpu_us for one in rounds for seen in one.by_name.values() for signing in seen.raw)
    lines = [
        f"Processor time for one token in µs, where one raw signature takes {raw_us:.0f}:",
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


def _to_raw(rounds: Sequence[Round], name: str) -> tuple[float, float]:
    """How a server compares with raw signing, by rate and by processor time."""
    return _median(rounds, name, lambda seen: seen.ratio), _median(rounds, name, lambda seen: seen.cpu_ratio)


def _beside(rounds: Sequence[Round], name: str, other: str) -> tuple[float, float]:
    """How two servers compare within each round, by rate and by processor time."""
    pairs = [(one.by_name[name], one.by_name[other]) for one in rounds]
    return (
        median(ours.ratio / theirs.ratio for ours, theirs in pairs),
        median(ours.cpu_ratio / theirs.cpu_ratio for ours, theirs in pairs),
    )
