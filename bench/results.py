"""What one run found, and the medians and ratios that are read from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.measuring import Measured
from bench.raw import Rate
from bench.turns import Turns

ONE_KEY = "Keygrove, SQLite, 1 key"
MANY_KEYS = "Keygrove, SQLite, many keys"
MOST_KEYS = "Keygrove, SQLite, most keys"
ES256 = "Keygrove, SQLite, 1 key, ES256"
POSTGRES_ONE_KEY = "Keygrove, PostgreSQL, 1 key"
POSTGRES = "Keygrove, PostgreSQL, many keys"
PEER = "node-oidc-provider"
KEYGROVE = (ONE_KEY, MANY_KEYS, MOST_KEYS, POSTGRES_ONE_KEY, POSTGRES, ES256)

Get = Callable[[Measured], float]


@dataclass(frozen=True, slots=True)
class Verifying:
    """Raw RSA-2048 verification; the SDK's of tokens that are new to it; the SDK's of one again and again."""

    bare: Rate
    new: Rate
    again: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under which the figures hold. `repeated` counts loads made anew because an answer was no success."""

    command: str
    many_keys: int
    most_keys: int
    connections: int
    seconds: int
    turn_seconds: int
    curve_seconds: int
    workers: int
    cores: int
    machine: str
    versions: str
    repeated: int

    def shown(self, name: str) -> str:
        """A server's name with its numbers."""
        return name.replace("many", f"{self.many_keys:,}").replace("most", f"{self.most_keys:,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything measured, each part a sequence of rounds.

    `rounds` by the server's name; `turns` of those with one key and with many; `nodes` by how many there are;
    `curves` by name and number of clients; `verifying` the raw rate and the SDK's two. Memory in MiB,
    times in seconds.
    """

    rounds: Sequence[Mapping[str, Measured]]
    turns: Turns
    nodes: Sequence[Mapping[int, Measured]]
    curves: Sequence[Mapping[tuple[str, int], Measured]]
    verifying: Sequence[Verifying]
    memory_mib: Mapping[str, float]
    first_start_s: float
    later_starts_s: Sequence[float]
    conditions: Conditions

    def median(self, name: str, get: Get) -> float:
        """The median over the rounds of one figure of a server."""
        return median(get(one[name]) for one in self.rounds)

    def to_raw(self, name: str) -> tuple[float, float]:
        """How a server compares with raw signing, by rate and by processor time."""
        return self.median(name, lambda seen: seen.ratio), self.median(name, lambda seen: seen.cpu_ratio)

    def beside(self, name: str, other: str) -> tuple[float, float]:
        """How two servers compare within each round, by rate and by processor time."""
        pairs = [(one[name], one[other]) for one in self.rounds]
        return (
            median(ours.ratio / theirs.ratio for ours, theirs in pairs),
            median(ours.cpu_ratio / theirs.cpu_ratio for ours, theirs in pairs),
        )

    def sdk(self, get: Callable[[Verifying], Rate]) -> tuple[float, float]:
        """How one of the SDK's figures compares with raw verification, by rate and by processor time."""
        return (
            median(get(seen).per_second / seen.bare.per_second for seen in self.verifying),
            median(seen.bare.cpu_us / get(seen).cpu_us for seen in self.verifying),
        )

    def of_nodes(self, count: int, get: Get) -> float:
        """The median over the rounds of one figure of so many nodes."""
        return median(get(one[count]) for one in self.nodes)

    def curve(self, name: str, get: Get) -> dict[int, float]:
        """The medians of one figure by number of clients."""
        clients = [count for known, count in self.curves[0] if known == name]
        return {count: median(get(one[name, count]) for one in self.curves) for count in clients}

    def every_load(self) -> list[Measured]:
        """All loads, whatever they were for."""
        return [
            seen for part in (self.rounds, self.nodes, self.curves) for one in part for seen in one.values()
        ]

    def raw_per_second(self) -> float:
        """Raw signatures a second, over all rounds."""
        return median(seen.raw_per_second for one in self.rounds for seen in one.values())

    def raw_us(self) -> float:
        """Processor time of one raw signature in microseconds, over all rounds."""
        return median(seen.raw_us for one in self.rounds for seen in one.values())

    def others_share(self) -> float:
        """The part of the processors that programs not concerned took during the loads."""
        return median(seen.others_share for seen in self.every_load())
