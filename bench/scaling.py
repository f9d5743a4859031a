"""The table of docs/scaling.md: measured costs of a token, and what follows from them by arithmetic."""

from math import ceil

from bench.report import date
from bench.results import MANY_KEYS, POSTGRES, Results

BEGIN = "<!-- Written by `make bench`, from here -->"
END = "<!-- to here -->"
# What the guide's formulas assume; it says the same.
PEAK_FACTOR = 10
HIGHEST_USE = 0.6
DAY_S = 86_400
_MILLIONS_A_DAY = (1, 10, 100, 1_000)


def renewed(guide: str, results: Results) -> str:
    """The guide with its table written anew. Raises ValueError when it has no place for it."""
    before, begin, rest = guide.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("docs/scaling.md has no place for its table")
    return f"{before}{BEGIN}\n\n{_table(results)}\n\n{END}{after}"


def _table(results: Results) -> str:
    conditions = results.conditions
    sqlite_us = results.median(MANY_KEYS, lambda seen: seen.server_us)
    postgres_us = results.median(POSTGRES, lambda seen: seen.server_us)
    database_us = results.median(POSTGRES, lambda seen: seen.database_us)
    lines = [
        f"Measured on {date()} by `{conditions.command}`, {conditions.machine}, {conditions.many_keys:,} "
        f"keys, RS256; other programs took {results.others_share():.0%} of the processors:",
        "",
        "| | tokens a second, all on one machine | `server_us` | `database_us` |",
        "|---|---:|---:|---:|",
        f"| SQLite | {_rate(results, MANY_KEYS):,.0f} | {sqlite_us:.0f} | |",
        f"| PostgreSQL | {_rate(results, POSTGRES):,.0f} | {postgres_us:.0f} | {database_us:.0f} |",
        "",
        f"Arithmetic, with `peak_factor` {PEAK_FACTOR} and `use` {HIGHEST_USE:.0%}:",
        "",
        "| million tokens a day | average a second | peak a second | cores with SQLite | cores of nodes with "
        "PostgreSQL | cores of PostgreSQL |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for millions in _MILLIONS_A_DAY:
        average = millions * 1e6 / DAY_S
        peak = average * PEAK_FACTOR
        cores = (_cores(peak, us) for us in (sqlite_us, postgres_us, database_us))
        lines.append(f"| {millions:,} | {average:,.0f} | {peak:,.0f} | {' | '.join(cores)} |")
    return "\n".join(lines)


def _rate(results: Results, name: str) -> float:
    return results.median(name, lambda seen: seen.load.per_second)


def _cores(peak: float, cost_us: float) -> str:
    """Cores needed, upwards to the next tenth below ten and to the next whole one above."""
    cores = peak * cost_us / 1e6 / HIGHEST_USE
    return f"{ceil(cores * 10) / 10:.1f}" if cores < 10 else f"{ceil(cores):,}"
