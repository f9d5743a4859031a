"""One measurement: a load, and raw signing right before and right after it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from bench import keys, machine, raw, tokens
from bench.load import Load, drive, window
from bench.raw import Rate
from bench.servers import Server

_WARM_UP_S = 1
MOST_RAW_S = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One load, and the raw signing measured before and after it.

    `server_cpu_s` is the processor time of the servers, `database_cpu_s` that of PostgreSQL's processes; with
    what they wrote down after the load, if that was waited for.
    `others_share` is the part of the machine's processor time that programs not concerned took.
    """

    load: Load
    server_cpu_s: float
    database_cpu_s: float
    others_share: float
    raw: tuple[Rate, Rate]

    @property
    def raw_per_second(self) -> float:
        """Raw signatures a second around this load."""
        return mean(rate.per_second for rate in self.raw)

    @property
    def raw_us(self) -> float:
        """Processor time of one raw signature around this load, in microseconds."""
        return mean(rate.cpu_us for rate in self.raw)

    @property
    def ratio(self) -> float:
        """Tokens a second over raw signatures a second."""
        return self.load.per_second / self.raw_per_second

    @property
    def cpu_ratio(self) -> float:
        """Processor time of a raw signature over that of a token: server, database and client together."""
        return self.raw_us / (self.server_us + self.database_us + self.client_us)

    @property
    def server_us(self) -> float:
        """Processor time of the server for one token, in microseconds."""
        return self.server_cpu_s / self.load.requests * 1e6

    @property
    def database_us(self) -> float:
        """Processor time of PostgreSQL for one token, in microseconds; 0 without it."""
        return self.database_cpu_s / self.load.requests * 1e6

    @property
    def client_us(self) -> float:
        """Processor time of wrk for one token, in microseconds."""
        return self.load.client_cpu_s / self.load.requests * 1e6

    @property
    def busy_share(self) -> float:
        """The part of the machine's processor time that server, database and client took together."""
        mine = self.server_cpu_s + self.database_cpu_s + self.load.client_cpu_s
        return mine / (self.load.seconds * machine.cores())


@dataclass(slots=True)
class Stopwatch:
    """Measures loads one after the other; the raw signing after one load is that before the next.

    `to_the_end` waits until what a load left to be written down is written, and counts that too.
    """

    seconds: int
    to_the_end: bool = False
    _before: Rate | None = None
    _turn: int = 0

    def begin_anew(self) -> None:
        """Say that something else happened since the last load, so that raw signing is measured again."""
        self._before = None

    def measure(self, servers: Sequence[Server], connections: int) -> Measured:
        """Put a load on one server, or on several nodes of one database at once.

        Raises LoadFailed when an answer is no success, NotGenuine when a token is not one.
        """
        before = self._before or self._raw()
        plan, urls = servers[0].plan, [server.plan.token_url for server in servers]
        # Each load asks for keys that the one before and the warm-up did not ask for, if there are so many.
        self._turn += 1
        skip = self._turn * (len(servers) + 1) * window(self.seconds)
        before_it = len(servers) * window(_WARM_UP_S)
        drive(urls, plan.bodies, skip=skip - before_it, seconds=_WARM_UP_S, connections=connections)
        self._check(servers, skip)
        before_s = _used(servers)
        load = drive(urls, plan.bodies, skip=skip, seconds=self.seconds, connections=connections)
        server_s, database_s, busy_s, elapsed_s = _since(before_s, servers)
        ended_at = time.monotonic()
        self._check(servers, skip)
        after = self._before = self._raw()
        ours_s = server_s + database_s + load.client_cpu_s + load.prepared_cpu_s
        others_s = max(0.0, busy_s - ours_s)
        if self.to_the_end and plan.later_s:
            time.sleep(max(0.0, ended_at + plan.later_s - time.monotonic()))
            server_s, database_s, _, _ = _since(before_s, servers)
            self.begin_anew()
        return Measured(
            load=load,
            server_cpu_s=server_s,
            database_cpu_s=database_s,
            others_share=others_s / (elapsed_s * machine.cores()),
            raw=(before, after),
        )

    def _raw(self) -> Rate:
        return raw.measure(raw.rsa_signing, min(self.seconds / 2, MOST_RAW_S), machine.cores())

    def _check(self, servers: Sequence[Server], skip: int) -> None:
        for server in servers:
            plan = server.plan
            body = tokens.sample(plan.bodies, skip)
            tokens.check(plan.token_url, plan.jwks_url, body, keys.AUDIENCE, plan.algorithm)


def _used(servers: Sequence[Server]) -> tuple[float, float, float, float]:
    """Processor time so far of the servers, of their one database, of the whole machine; and the time now."""
    cpu_s = sum(server.cpu_s() for server in servers)
    return cpu_s, servers[0].database_cpu_s(), machine.busy_s(), time.perf_counter()


def _since(before_s: tuple[float, ...], servers: Sequence[Server]) -> tuple[float, ...]:
    """What `_used` gives now, less what it gave then."""
    return tuple(now - then for now, then in zip(_used(servers), before_s, strict=True))
