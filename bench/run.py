"""One run of the benchmark: interleaved rounds on one machine, then the report.

    python -m bench.run [--quick] [--rounds 5] [--seconds 20] [--connections 32] [--port 18440] …

Each round starts the servers anew and measures raw signing, then each server in turn between two such
measurements; the order of the servers turns from round to round. What other programs do on the machine
meanwhile bends the rates, and not both sides of a ratio alike: wrk competes as one program more. So the
report also compares processor time, which is the same on an idle machine, lets the less favorable count,
and says how busy others were. What many keys cost is a small difference: for that, the servers take turns.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import database, machine, report, results, scaling, servers, turns, verifying
from bench.load import LoadFailed
from bench.measuring import MOST_RAW_S, Measured, Stopwatch
from bench.results import MANY_KEYS, MOST_KEYS, ONE_KEY, POSTGRES, Conditions, Results, Verifying
from bench.servers import Place, Plan, Server

HERE = Path(__file__).parent
SCALING = HERE.parent / "docs" / "scaling.md"
QUICK_FOLDER = HERE.parent / "build" / "bench"
CLIENTS = (8, 16, 32, 64, 128)
MOST_NODES = 3
_STARTS = 5
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be chosen. Seconds are those of one load."""

    quick: bool
    rounds: int
    seconds: int
    turns: int
    turn_seconds: int
    curve_rounds: int
    curve_seconds: int
    connections: int
    many_keys: int
    most_keys: int
    port: int


@dataclass(slots=True)
class Bench:
    """A run under way."""

    options: Options
    repeated: int = field(default=0)

    def run(self, folder: Path) -> Results:
        """Measure everything. Raises ServerFailed, LoadFailed, NotGenuine."""
        options = self.options
        with database.postgres(options.port + 10) as postgres:
            plans, first_start_s = self._prepare(folder, postgres)
            of = {plan.name: plan for plan in plans}
            version = database.settle(of[POSTGRES].environment["KEYGROVE_DATABASE"])
            later_starts_s = [servers.time_start(of[ONE_KEY]) for _ in range(_STARTS)]
            rounds, verifications, memory_mib = self._rounds(plans)
            with servers.running([of[ONE_KEY], of[MANY_KEYS], of[MOST_KEYS]]) as running:
                taken = self._turns(running)
            with servers.running([of[MANY_KEYS], of[POSTGRES]]) as running:
                curves = self._curves(running)
            nodes = self._nodes(of[POSTGRES])
        return Results(
            rounds=rounds,
            turns=taken,
            nodes=nodes,
            curves=curves,
            verifying=verifications,
            memory_mib=memory_mib,
            first_start_s=first_start_s,
            later_starts_s=later_starts_s,
            conditions=Conditions(
                command="python -m bench.run --quick" if options.quick else "make bench",
                many_keys=options.many_keys,
                most_keys=options.most_keys,
                connections=options.connections,
                seconds=options.seconds,
                turn_seconds=options.turn_seconds,
                curve_seconds=options.curve_seconds,
                workers=servers.WORKERS,
                cores=machine.cores(),
                machine=machine.described(),
                versions=machine.versions(servers.PEER, version),
                repeated=self.repeated,
            ),
        )

    def _prepare(self, folder: Path, postgres: database.PostgresServer) -> tuple[list[Plan], float]:
        """Every server with its keys, and how long the very first start of one took, in seconds."""
        many, most, port = self.options.many_keys, self.options.most_keys, self.options.port
        _say(f"preparing databases with 1, {many:,} and {most:,} keys")
        one, first_start_s = servers.keygrove(ONE_KEY, Place(folder / "one", port), key_count=1)
        plans = [
            one,
            servers.keygrove(MANY_KEYS, Place(folder / "many", port + 1), key_count=many)[0],
            servers.keygrove(MOST_KEYS, Place(folder / "most", port + 2), key_count=most)[0],
            servers.keygrove(
                results.POSTGRES_ONE_KEY, Place(folder / "pg1", port + 3), key_count=1, postgres=postgres
            )[0],
            servers.keygrove(POSTGRES, Place(folder / "pg", port + 4), key_count=many, postgres=postgres)[0],
            servers.keygrove(
                results.ES256, Place(folder / "es256", port + 5), key_count=1, algorithm="ES256"
            )[0],
            servers.node_oidc_provider(results.PEER, Place(folder / "peer", port + 6)),
        ]
        return plans, first_start_s

    def _rounds(
        self, plans: Sequence[Plan]
    ) -> tuple[list[Mapping[str, Measured]], list[Verifying], dict[str, float]]:
        """Every server in turn, then the SDK; so many rounds. And the most memory of a worker of each, MiB.

        Servers start anew for each round: how a process happens to lie in memory lasts as long as it lives.
        """
        stopwatch = Stopwatch(self.options.seconds, to_the_end=True)
        rounds: list[Mapping[str, Measured]] = []
        verifications = []
        memory_mib = dict.fromkeys((plan.name for plan in plans), 0.0)
        for number in range(self.options.rounds):
            turn = number % len(plans)
            seen = {}
            stopwatch.begin_anew()
            with servers.running(plans) as running:
                for server in [*running[turn:], *running[:turn]]:
                    name = server.plan.name
                    what = f"round {number + 1}: {name}"
                    seen[name] = self._measure(stopwatch, [server], self.options.connections, what)
                    memory_mib[name] = max(memory_mib[name], server.worker_mib())
                rs256 = next(server for server in running if server.plan.name == ONE_KEY)
                verifications.append(verifying.measure(rs256, min(self.options.seconds / 2, MOST_RAW_S)))
            rounds.append(seen)
        return rounds, verifications, memory_mib

    def _turns(self, running: Sequence[Server]) -> turns.Turns:
        """One key and many, in turns."""
        options = self.options
        taken = turns.take(
            running, rounds=options.turns, seconds=options.turn_seconds, connections=options.connections
        )
        for name in (MANY_KEYS, MOST_KEYS):
            by_rate, by_cpu = taken.beside(name, ONE_KEY)
            error = taken.error(name, ONE_KEY)
            _say(
                f"turns: {name}: {by_rate:.3f} of one key, {by_cpu:.3f} by processor time, error {error:.3f}"
            )
        return taken

    def _curves(self, running: Sequence[Server]) -> list[Mapping[tuple[str, int], Measured]]:
        """Both databases with ever more clients."""
        stopwatch = Stopwatch(self.options.curve_seconds)
        rounds: list[Mapping[tuple[str, int], Measured]] = []
        for number in range(self.options.curve_rounds):
            seen = {}
            for clients in CLIENTS:
                for server in running[:: -1 if number % 2 else 1]:
                    name = server.plan.name
                    what = f"round {number + 1}: {name}, {clients} clients"
                    seen[name, clients] = self._measure(stopwatch, [server], clients, what)
            rounds.append(seen)
        return rounds

    def _nodes(self, plan: Plan) -> list[Mapping[int, Measured]]:
        """One, two and three nodes on the database of a plan."""
        nodes = [
            servers.node(plan, number, self.options.port + 10 + number) for number in range(1, MOST_NODES + 1)
        ]
        stopwatch = Stopwatch(self.options.seconds)
        rounds: list[Mapping[int, Measured]] = []
        with servers.running(nodes) as running:
            for number in range(self.options.curve_rounds):
                seen = {}
                for count in range(1, MOST_NODES + 1)[:: -1 if number % 2 else 1]:
                    what = f"round {number + 1}: {count} nodes"
                    seen[count] = self._measure(stopwatch, running[:count], self.options.connections, what)
                rounds.append(seen)
        return rounds

    def _measure(
        self, stopwatch: Stopwatch, running: Sequence[Server], connections: int, what: str
    ) -> Measured:
        for tried in range(1, _TRIES + 1):
            try:
                found = stopwatch.measure(running, connections)
            except LoadFailed as error:
                if tried == _TRIES:
                    raise
                _say(f"{what}: once more, because {error}")
                self.repeated += 1
                stopwatch.begin_anew()
            else:
                break
        _say(
            f"{what}: {found.load.per_second:,.0f} a second, {found.ratio:.2f} of raw signing "
            f"({found.cpu_ratio:.2f} by processor time)"
        )
        return found


def main() -> int:
    """Measure, print the report, and write it with its pictures and the table of the scaling guide."""
    options, began = _options(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keygrove-bench-") as folder:
        found = Bench(options).run(Path(folder))
    into = QUICK_FOLDER if options.quick else HERE
    into.mkdir(parents=True, exist_ok=True)
    text = report.render(found)
    (into / "RESULTS.md").write_text(text, encoding="utf-8")
    for name, picture in report.pictures(found).items():
        (into / name).write_text(picture, encoding="utf-8")
    guide = scaling.renewed(SCALING.read_text(encoding="utf-8"), found)
    (into / "scaling.md" if options.quick else SCALING).write_text(guide, encoding="utf-8")
    print(text)
    _say(f"took {(time.monotonic() - began) / 60:.1f} minutes; written to {into}")
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description="Measure Keygrove's token endpoint beside a peer.")
    quick = {"rounds": 1, "seconds": 2, "turns": 2, "turn_seconds": 1, "curve_rounds": 1, "curve_seconds": 1}
    quick |= {"many_keys": 20_000, "most_keys": 100_000}
    parser.add_argument("--quick", action="store_true", help=f"for trying: other defaults {quick}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20, help="of each load; in 20 s usage is written down")
    parser.add_argument("--turns", type=int, default=40, help="rounds in which one key and many take turns")
    parser.add_argument("--turn-seconds", type=int, default=3)
    parser.add_argument("--curve-rounds", type=int, default=3, help="rounds of the curves and of the nodes")
    parser.add_argument("--curve-seconds", type=int, default=2, help="length of each load of a curve")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--many-keys", type=int, default=100_000)
    parser.add_argument("--most-keys", type=int, default=1_000_000)
    parser.add_argument("--port", type=int, default=18440, help="the first of 14 free ports")
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(**quick)
    return Options(**vars(parser.parse_args()))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
