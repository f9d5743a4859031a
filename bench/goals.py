"""The reaches, and whether this run shows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from bench.results import (
    ES256,
    KEYGROVE,
    MANY_KEYS,
    MOST_KEYS,
    ONE_KEY,
    PEER,
    POSTGRES,
    POSTGRES_ONE_KEY,
    Results,
)

_MOST_MIB = 120
_LONGEST_START_S = 2


@dataclass(frozen=True, slots=True)
class Goal:
    """One row: since which issue, what, how far, what was found, whether that is enough."""

    issue: int
    what: str
    reach: str
    found: str
    met: bool

    def row(self) -> str:
        """As a row of the table."""
        verdict = "reached" if self.met else "**not reached**"
        return f"| {self.issue} | {self.what} | {self.reach} | {self.found} | {verdict} |"


def table(results: Results) -> list[str]:
    """Every goal, as lines of Markdown."""
    return [
        "A ratio is given twice, by rate and by processor time; the smaller counts.",
        "",
        "| issue | goal | reach | measured | |",
        "|---:|---|---|---|---|",
        *(goal.row() for goal in _goals(results)),
    ]


def _goals(results: Results) -> Iterator[Goal]:
    shown = results.conditions.shown
    yield _at_least(2, 0.60, f"raw signing: {shown(ONE_KEY)}", results.to_raw(ONE_KEY))
    yield _at_least(2, 0.60, f"raw signing: {shown(MANY_KEYS)}", results.to_raw(MANY_KEYS))
    yield _at_least(2, 1.30, f"node-oidc-provider: {shown(ONE_KEY)}", results.beside(ONE_KEY, PEER))
    yield _at_least(2, 0.95, f"1 key: {shown(MANY_KEYS)}", results.turns.beside(MANY_KEYS, ONE_KEY))
    memory = max(results.memory_mib[name] for name in KEYGROVE)
    yield Goal(
        2, "memory of a worker after the load", f"below {_MOST_MIB} MiB", f"{memory:.0f} MiB",
        memory < _MOST_MIB,
    )  # fmt: skip
    yield _start("first start, empty folder, to `/readyz`", results.first_start_s)
    yield _start("later start to `/readyz`", median(results.later_starts_s))
    yield _at_least(3, 0.75, f"raw signing: {shown(ONE_KEY)}", results.to_raw(ONE_KEY))
    yield _at_least(3, 0.60, f"raw signing: {shown(POSTGRES_ONE_KEY)}", results.to_raw(POSTGRES_ONE_KEY))
    yield _at_least(3, 0.60, f"raw signing: {shown(POSTGRES)}", results.to_raw(POSTGRES))
    yield _at_least(3, 0.95, f"1 key: {shown(MOST_KEYS)}", results.turns.beside(MOST_KEYS, ONE_KEY))
    yield _at_least(3, 2.50, f"RS256: {shown(ES256)}", results.beside(ES256, ONE_KEY))
    yield _at_least(3, 0.70, "raw RSA verification: the SDK, a token new to it", results.sdk(lambda s: s.new))
    yield _at_least(3, 0.70, "raw RSA verification: the SDK, a token again", results.sdk(lambda s: s.again))


def _start(what: str, seconds: float) -> Goal:
    return Goal(2, what, f"below {_LONGEST_START_S} s", f"{seconds:.2f} s", seconds < _LONGEST_START_S)


def _at_least(issue: int, reach: float, what: str, found: tuple[float, float]) -> Goal:
    by_rate, by_cpu = found
    return Goal(
        issue,
        f"rate over {what}",
        f"{reach:.2f} or more",
        f"{by_rate:.2f} by rate, {by_cpu:.2f} by processor time",
        min(found) >= reach,
    )
