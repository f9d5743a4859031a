"""One run of the benchmark: interleaved rounds on one machine, then the report.

    python -m bench.run [--rounds 5] [--seconds 5] [--connections 32] [--keys 100000] [--port 18440]

Each round measures raw signing, then each server in turn between two such measurements; the order of the
servers turns from round to round. What other programs do on the machine meanwhile bends the rates, and
not both sides of a ratio alike: wrk competes as one program more. So the report also compares processor
time, which is the same on an idle machine, lets the less favorable count, and says how busy others were.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import keys, machine, raw_signing, report, tokens
from bench.load import Load, drive
from bench.servers import PEER, WORKERS, Plan, Server, keygrove, node_oidc_provider, start

RESULTS = Path(__file__).with_name("RESULTS.md")
_STARTS = 5
_WARM_UP_S = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen."""

    rounds: int
    seconds: int
    connections: int
    keys: int
    port: int


def main() -> int:
    """Measure, print the report and write RESULTS.md."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="keygrove-bench-") as folder:
        _say(f"preparing databases with 1 and {options.keys:,} keys")
        one, first_start_s = keygrove(report.ONE_KEY, Path(folder, "one"), options.port, 1)
        many, _ = keygrove(report.MANY_KEYS, Path(folder, "many"), options.port + 1, options.keys)
        peer = node_oidc_provider(report.PEER, Path(folder, "peer"), options.port + 2)
        later_starts_s = [_time_start(one) for _ in range(_STARTS)]
        with _running([one, many, peer]) as running:
            rounds = [_round(number, running, options) for number in range(options.rounds)]
            memory_mib = {server.plan.name: server.worker_mib() for server in running}
    text = report.render(
        rounds,
        memory_mib=memory_mib,
        first_start_s=first_start_s,
        later_starts_s=later_starts_s,
        conditions=report.Conditions(
            key_count=options.keys,
            connections=options.connections,
            seconds=options.seconds,
            workers=WORKERS,
            machine=machine.described(),
            versions=machine.versions(PEER),
        ),
    )
    RESULTS.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description="Measure Keygrove's token endpoint beside a peer.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of each measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--port", type=int, default=18440, help="the first of three free ports")
    return Options(**vars(parser.parse_args()))


def _time_start(plan: Plan) -> float:
    server = start(plan)
    server.stop()
    return server.ready_s


@contextlib.contextmanager
def _running(plans: list[Plan]) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        running = []
        for plan in plans:
            server = start(plan)
            stack.callback(server.stop)
            running.append(server)
        yield running


def _round(number: int, running: list[Server], options: Options) -> report.Round:
    turn = number % len(running)
    measured = {}
    before = _raw(options)
    for server in running[turn:] + running[:turn]:
        seen, server_cpu_s, others_cpu_s = _load(server, number, options)
        after = _raw(options)
        found = report.Measured(
            load=seen,
            server_cpu_s=server_cpu_s,
            others_share=others_cpu_s / (seen.seconds * machine.cores()),
            raw=(before, after),
        )
        measured[server.plan.name] = found
        before = after
        _say(
            f"round {number + 1}: {server.plan.name}: {seen.per_second:,.0f} a second, "
            f"{found.ratio:.2f} of raw signing ({found.cpu_ratio:.2f} by processor time)"
        )
    return report.Round(measured)


def _raw(options: Options) -> raw_signing.Signing:
    return raw_signing.measure(options.seconds / 2, machine.cores())


def _load(server: Server, number: int, options: Options) -> tuple[Load, float, float]:
    """One load on one server; the processor time in seconds of the server and of programs not concerned."""
    plan = server.plan
    # Each round begins elsewhere in the file, so that many keys are really many.
    skip = number * options.keys // options.rounds
    request = tokens.sample(plan.bodies, skip)
    drive(plan.token_url, plan.bodies, skip=skip, seconds=_WARM_UP_S, connections=options.connections)
    tokens.check(plan.token_url, plan.jwks_url, request, keys.AUDIENCE)
    busy_s, cpu_s = machine.busy_s(), server.cpu_s()
    seen = drive(
        plan.token_url, plan.bodies, skip=skip, seconds=options.seconds, connections=options.connections
    )
    busy_s, cpu_s = machine.busy_s() - busy_s, server.cpu_s() - cpu_s
    tokens.check(plan.token_url, plan.jwks_url, request, keys.AUDIENCE)
    return seen, cpu_s, max(0.0, busy_s - cpu_s - seen.client_cpu_s)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
