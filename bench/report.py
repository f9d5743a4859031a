"""What was found, as the text of RESULTS.md."""

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

from bench import goals
from bench.keys import MOST_ASKED
from bench.plot import Curve, svg
from bench.raw import Rate
from bench.results import (
    ES256,
    KEYGROVE,
    MANY_KEYS,
    MOST_KEYS,
    ONE_KEY,
    PEER,
    POSTGRES,
    Results,
    Verifying,
)

# The part of the processors that other programs may take before the figures bend.
_QUIET = 0.05
# From here on the processors are what limits a load.
_ALL_BUSY = 0.9
_SQLITE_COLOR, _POSTGRES_COLOR, _RAW_COLOR = "#1f6fb2", "#b8540f", "#7a7f87"

_HOW_TO_REPEAT = (
    "## To repeat it",
    "",
    "`make bench` installs wrk, Node.js and the peer when they are missing, runs for about half an hour and "
    "rewrites this file, its pictures and the table in `docs/scaling.md`. It needs an idle machine. "
    "`.venv/bin/python -m bench.run --quick` takes about two minutes, is good for trying only, and writes to "
    "`build/bench`; `--help` lists what can be chosen.",
    "",
)


def render(results: Results) -> str:
    """The whole report."""
    parts = [
        _introduction(results),
        _table(results),
        goals.table(results),
        _where_the_time_goes(results),
        _one_key_and_many(results),
        _against_clients(results),
        _verification(results),
        _nodes(results),
        list(_HOW_TO_REPEAT),
    ]
    return "\n".join("\n".join([*part, ""]) for part in parts).rstrip("\n") + "\n"


def pictures(results: Results) -> dict[str, str]:
    """The plots, by file name."""
    raw = results.curve(MANY_KEYS, lambda seen: seen.raw_per_second)
    both = ((MANY_KEYS, "SQLite", _SQLITE_COLOR), (POSTGRES, "PostgreSQL", _POSTGRES_COLOR))
    rates = [
        Curve(name=short, points=results.curve(name, lambda seen: seen.load.per_second), color=color)
        for name, short, color in both
    ]
    rates.append(Curve(name="raw signing", points=raw, color=_RAW_COLOR, dashed=True))
    latencies = []
    for name, short, color in both:
        p50 = results.curve(name, lambda seen: seen.load.p50_ms)
        p99 = results.curve(name, lambda seen: seen.load.p99_ms)
        latencies.append(Curve(name=f"{short} p50", points=p50, color=color))
        latencies.append(Curve(name=f"{short} p99", points=p99, color=color, dashed=True))
    return {
        "throughput.svg": svg("Tokens a second", rates),
        "latency.svg": svg("Latency of a token, in ms", latencies),
    }


def date() -> str:
    """Today, in UTC."""
    return datetime.now(UTC).date().isoformat()


def _introduction(results: Results) -> list[str]:
    conditions = results.conditions
    lines = [
        "# Speed of the token endpoint",
        "",
        f"Measured on {date()} by `{conditions.command}`. Every number is the median of interleaved rounds "
        f"of one run, {len(results.rounds)} of them unless said otherwise, for each of which the servers "
        f"started anew. wrk ({conditions.connections} "
        f"connections, one thread, {conditions.seconds} s a measurement) runs on the same cores as the "
        "servers, and so does PostgreSQL. The absolute numbers are the machine's, the ratios are ours.",
        "",
        f"- Machine: {conditions.machine}",
        f"- Versions: {conditions.versions}",
        f"- Each server: {conditions.workers} worker processes, `client_credentials` with the secret in the "
        "body, JWT access tokens signed RS256 with an RSA-2048 key (ES256 with P-256 where it is said). "
        "node-oidc-provider has its in-memory adapter. PostgreSQL has its own defaults, durable commits "
        "among them, and 64 MB of shared buffers.",
        f"- With more than one key, a load asks for {MOST_ASKED:,} of them at most, in random order, and for "
        "none twice before it asked for all. Keygrove writes down what they did, last use and the day's "
        "counts, when the first has waited for fifteen seconds: most of it during a load, which slows that "
        "down, the rest after it. Processor time has both.",
        "- Ratio: tokens a second over the raw rate, which is how many RSA-2048 signatures `cryptography` "
        "alone makes on all cores, measured right before and right after each load.",
        "- By processor time: that of one raw signature over that of one token: server, PostgreSQL and wrk "
        "together. On an idle machine whose cores are all used it equals the ratio of the rates.",
        f"- Other programs took {results.others_share():.0%} of the processors during the loads."
        f"{_warning(results.others_share())}",
        "- Every answer was a success; before and after each load a token was verified against the server's "
        "published keys.",
    ]
    if conditions.repeated:
        lines.append(
            f"- {conditions.repeated} loads were repeated, because an answer was not a success or came late."
        )
    return lines


def _warning(others: float) -> str:
    if others <= _QUIET:
        return ""
    return (
        " **That is too much**: wrk then gets time that raw signing does not, which lifts the rates; and "
        "switching between programs empties the caches, which lengthens the processor time of everything but "
        "signing. Repeat it on an idle machine."
    )


def _table(results: Results) -> list[str]:
    lines = [
        "| | a second | ratio to raw | by processor time | p50 | p99 | worker memory |",
        "|---|---:|---:|---:|---:|---:|---:|",
        f"| raw RSA-2048 signing | {results.raw_per_second():,.0f} | 1.00 | 1.00 | | | |",
    ]
    for name in (*KEYGROVE, PEER):
        per_second = results.median(name, lambda seen: seen.load.per_second)
        ratio, cpu_ratio = results.to_raw(name)
        p50 = results.median(name, lambda seen: seen.load.p50_ms)
        p99 = results.median(name, lambda seen: seen.load.p99_ms)
        lines.append(
            f"| {results.conditions.shown(name)} | {per_second:,.0f} | {ratio:.2f} | {cpu_ratio:.2f} "
            f"| {p50:.1f} ms | {p99:.1f} ms | {results.memory_mib[name]:.0f} MiB |"
        )
    return lines


def _where_the_time_goes(results: Results) -> list[str]:
    raw_us = results.raw_us()
    lines = [
        f"Processor time for one token in µs, where one raw RSA signature takes {raw_us:.0f}:",
        "",
        "| | server | of which beyond an RSA signature | PostgreSQL | wrk |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in (*KEYGROVE, PEER):
        server = results.median(name, lambda seen: seen.server_us)
        database = results.median(name, lambda seen: seen.database_us)
        client = results.median(name, lambda seen: seen.client_us)
        beyond = "" if name == ES256 else f"{server - raw_us:.0f}"
        lines.append(
            f"| {results.conditions.shown(name)} | {server:.0f} | {beyond} "
            f"| {f'{database:.0f}' if database else ''} | {client:.0f} |"
        )
    return lines


def _one_key_and_many(results: Results) -> list[str]:
    conditions, turns = results.conditions, results.turns
    lines = [
        "## One key and many",
        "",
        f"Started anew and alone, these servers took turns: {len(turns.rounds)} rounds of loads of "
        f"{conditions.turn_seconds} s. Whatever the machine does meanwhile, each gets its share of, so that "
        "small differences show. Sums over all turns, processor time of server and wrk, with all that was "
        "written down of what the keys did, also between the server's own turns. The error is the standard "
        "error of the ratio by rate.",
        "",
        "| | a second | µs for one token | over 1 key, by rate | by processor time | error |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in (ONE_KEY, MANY_KEYS, MOST_KEYS):
        by_rate, by_cpu = turns.beside(name, ONE_KEY)
        error = "" if name == ONE_KEY else f"{turns.error(name, ONE_KEY):.3f}"
        lines.append(
            f"| {conditions.shown(name)} | {turns.per_second(name):,.0f} | {turns.cpu_us(name):.0f} "
            f"| {by_rate:.3f} | {by_cpu:.3f} | {error} |"
        )
    return lines


def _against_clients(results: Results) -> list[str]:
    conditions = results.conditions
    lines = [
        "## Against the number of clients",
        "",
        f"{conditions.workers} workers, {conditions.many_keys:,} keys, {len(results.curves)} round(s) of "
        f"loads of {conditions.curve_seconds} s. Each client asks for its next token as soon as it has one, "
        "so beyond the point where the processors are busy more clients only wait longer. In so short a load "
        "hardly anything is written down of what the keys did.",
        "",
        "![Tokens a second against clients](throughput.svg)",
        "",
        "![Latency against clients](latency.svg)",
        "",
        "| clients | SQLite | ratio to raw | p50 | p99 | PostgreSQL | ratio to raw | p50 | p99 |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    columns = []
    for name in (MANY_KEYS, POSTGRES):
        columns.append(_texts(results.curve(name, lambda seen: seen.load.per_second), "{:,.0f}"))
        columns.append(_texts(results.curve(name, lambda seen: seen.ratio), "{:.2f}"))
        columns.append(_texts(results.curve(name, lambda seen: seen.load.p50_ms), "{:.1f} ms"))
        columns.append(_texts(results.curve(name, lambda seen: seen.load.p99_ms), "{:.1f} ms"))
    for clients in columns[0]:
        lines.append(f"| {clients} | {' | '.join(column[clients] for column in columns)} |")
    return lines


def _texts(points: dict[int, float], form: str) -> dict[int, str]:
    return {clients: form.format(value) for clients, value in points.items()}


def _verification(results: Results) -> list[str]:
    lines = [
        "## Verification by the SDK",
        "",
        f"In {results.conditions.cores} processes, with the issuer's keys in the cache: "
        "`ResourceServer.verify` of RS256 tokens, all its checks included, beside the check of an "
        "RSA-2048 signature by `cryptography` alone, measured right before and right after. Nothing asks the "
        "issuer. An API sees a token many times in its hour, and the SDK remembers a genuine signature.",
        "",
        "| | a second | µs each | ratio to raw | by processor time |",
        "|---|---:|---:|---:|---:|",
    ]
    kinds: dict[str, Callable[[Verifying], Rate]] = {
        "raw RSA-2048 verification": lambda seen: seen.bare,
        "the SDK, a token that is new to it": lambda seen: seen.new,
        "the SDK, a token that comes again": lambda seen: seen.again,
    }
    for name, get in kinds.items():
        rate = median(get(seen).per_second for seen in results.verifying)
        us = median(get(seen).cpu_us for seen in results.verifying)
        by_rate, by_cpu = results.sdk(get)
        lines.append(f"| {name} | {rate:,.0f} | {us:.0f} | {by_rate:.2f} | {by_cpu:.2f} |")
    return lines


def _nodes(results: Results) -> list[str]:
    conditions = results.conditions
    lines = [
        "## One, two and three nodes on one PostgreSQL",
        "",
        "Nodes of one worker each on this one machine, nothing before them: one wrk asks each node, and "
        f"they share {conditions.connections} connections. {conditions.many_keys:,} keys, "
        f"{len(results.nodes)} round(s). Latencies are the slowest node's. One worker is one process, so one "
        "node can use one core, beside what PostgreSQL and wrk use. Over one node: by ratios to raw signing.",
        "",
        "| nodes | a second | over one node | ratio to raw | p50 | p99 | processors busy "
        "| of which PostgreSQL | of which wrk |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    alone = results.of_nodes(1, lambda seen: seen.ratio)
    whole_us = 1e6 * conditions.cores
    for count in sorted(results.nodes[0]):
        rate = results.of_nodes(count, lambda seen: seen.load.per_second)
        ratio = results.of_nodes(count, lambda seen: seen.ratio)
        p50 = results.of_nodes(count, lambda seen: seen.load.p50_ms)
        p99 = results.of_nodes(count, lambda seen: seen.load.p99_ms)
        busy = results.of_nodes(count, lambda seen: seen.busy_share)
        database = results.of_nodes(count, lambda seen: seen.database_us * seen.load.per_second / whole_us)
        client = results.of_nodes(count, lambda seen: seen.client_us * seen.load.per_second / whole_us)
        lines.append(
            f"| {count} | {rate:,.0f} | {ratio / alone:.2f} | {ratio:.2f} | {p50:.1f} ms | {p99:.1f} ms "
            f"| {busy:.0%} | {database:.0%} | {client:.0%} |"
        )
    lines += ["", _what_limits(results)]
    return lines


def _what_limits(results: Results) -> str:
    cores, most = results.conditions.cores, max(results.nodes[0])
    busy = results.of_nodes(most, lambda seen: seen.busy_share)
    database_us = results.of_nodes(most, lambda seen: seen.database_us)
    others = results.of_nodes(most, lambda seen: seen.others_share)
    arithmetic = (
        f"PostgreSQL took {database_us:.0f} µs of processor time for a token; by arithmetic, one core of its "
        f"own would serve {1e6 / database_us:,.0f} tokens a second."
    )
    if busy + others >= _ALL_BUSY:
        return (
            f"With {most} nodes the {cores} cores were {busy:.0%} busy with this load and {others:.0%} with "
            f"other programs: the processors were the limit, and more nodes need more of them. {arithmetic}"
        )
    return (
        f"With {most} nodes the {cores} cores were only {busy:.0%} busy: something else than the processors "
        f"was the limit. {arithmetic}"
    )
