"""Servers that take turns in short loads: what a machine does meanwhile, each gets its share of.

Two loads of twenty seconds lie so far apart that the machine may have changed between them; a difference of a
few percent needs many turns, each next to the other's.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import stdev

from bench.load import Load, drive, window
from bench.servers import Server

_WARM_UP_S = 2


@dataclass(frozen=True, slots=True)
class Turns:
    """What was seen. `rounds` are by the server's name.

    `server_cpu_s` is all its processor time from the first turn on, in seconds, until what was left to be
    written down was written.
    """

    rounds: Sequence[Mapping[str, Load]]
    server_cpu_s: Mapping[str, float]

    def per_second(self, name: str) -> float:
        """Tokens a second over all turns of a server."""
        return self._tokens(name) / sum(one[name].seconds for one in self.rounds)

    def cpu_us(self, name: str) -> float:
        """Processor time for one token, server and wrk together, in microseconds."""
        client_s = sum(one[name].client_cpu_s for one in self.rounds)
        return (self.server_cpu_s[name] + client_s) / self._tokens(name) * 1e6

    def beside(self, name: str, other: str) -> tuple[float, float]:
        """How two servers compare, by rate and by processor time."""
        by_rate = self.per_second(name) / self.per_second(other)
        return by_rate, self.cpu_us(other) / self.cpu_us(name)

    def error(self, name: str, other: str) -> float:
        """The standard error of how they compare by rate: about so much is chance."""
        ratios = [one[name].per_second / one[other].per_second for one in self.rounds]
        return stdev(ratios) / sqrt(len(ratios)) if len(ratios) > 1 else inf

    def _tokens(self, name: str) -> int:
        return sum(one[name].requests for one in self.rounds)


def take(running: Sequence[Server], *, rounds: int, seconds: int, connections: int) -> Turns:
    """Let servers that run take turns, so many rounds of loads of so many seconds. Raises LoadFailed."""
    rest_s = max(server.plan.later_s for server in running)
    for server in running:
        _drive(server, -1, _WARM_UP_S, connections)
    time.sleep(rest_s)
    before_s = {server.plan.name: server.cpu_s() for server in running}
    found = []
    for number in range(rounds):
        turn = number % len(running)
        order = [*running[turn:], *running[:turn]]
        found.append({server.plan.name: _drive(server, number, seconds, connections) for server in order})
    time.sleep(rest_s)
    return Turns(found, {server.plan.name: server.cpu_s() - before_s[server.plan.name] for server in running})


def _drive(server: Server, turn: int, seconds: int, connections: int) -> Load:
    plan = server.plan
    skip = (turn + 1) * window(max(seconds, _WARM_UP_S))
    return drive([plan.token_url], plan.bodies, skip=skip, seconds=seconds, connections=connections)
