"""The failure budget: how many wrong credentials a minute are answered plainly, by client id and address.

The right secret is always accepted, from everywhere: checking it costs one keyed hash, so it is
looked at first, and only a failure spends the budget. Nobody can lock a key by guessing at it. What
an overspent budget brings is a 429 that tells a broken program to slow down. Every worker counts at once
for itself; about once a second all of them add up in the database.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from keygrove.protocol.network import network_of
from keygrove.storage import failures
from keygrove.storage.database import Database

MINUTE_S = 60
PROBE_S = 2
_MOST_BUCKETS = 10_000
_KEPT_S = 10 * MINUTE_S


@dataclass(slots=True)
class FailureBudget:
    """The failures of the minute under way: this worker's own, and what the others told.

    `per_client` and `per_address` are failures a minute; 0 means that there is no limit.
    """

    per_client: int
    per_address: int
    _minute_s: int = 0
    _own: dict[str, int] = field(default_factory=dict)
    _telling: dict[str, int] = field(default_factory=dict)
    _shared: dict[str, int] = field(default_factory=dict)
    _probes: dict[tuple[str, str], int] = field(default_factory=dict)

    def spend(self, *, client_id: str, address: str, by_header: bool, now: int) -> int | None:
        """Count a failure at `now` (epoch seconds); the seconds to wait when the budget is spent, or None.

        `client_id` is empty when the request names none: the failure then counts for its address only. Some
        clients try HTTP Basic and, when that fails, the body at once: such a pair counts once.
        """
        self._turn_to(now)
        network = f"a:{network_of(address)}"
        if by_header:
            if len(self._probes) < _MOST_BUCKETS:
                self._probes[client_id, network] = now
        elif now - self._probes.pop((client_id, network), now - PROBE_S - 1) <= PROBE_S:
            return self._wait(client_id, network, now)
        for bucket in _buckets(client_id, network):
            if bucket in self._own or len(self._own) < _MOST_BUCKETS:
                self._own[bucket] = self._own.get(bucket, 0) + 1
        return self._wait(client_id, network, now)

    async def share(self, database: Database, *, now: int) -> None:
        """Tell the others what was counted here, and learn what they counted. Raises DatabaseUnavailable."""
        self._turn_to(now)
        minute_s, own = self._minute_s, self._own
        if not own and not self._shared:
            return
        # They count here while they are on their way.
        self._own, self._telling = {}, own
        try:
            async with database.transaction() as tx:
                if own:
                    await failures.add(tx, [(bucket, minute_s, own[bucket]) for bucket in sorted(own)])
                    await failures.forget(tx, before_s=minute_s - _KEPT_S)
                shared = await failures.of_minute(tx, minute_s)
        except BaseException:
            if self._minute_s == minute_s:
                for bucket, number in own.items():
                    self._own[bucket] = self._own.get(bucket, 0) + number
            self._telling = {}
            raise
        if self._minute_s == minute_s:
            self._telling, self._shared = {}, shared

    def _wait(self, client_id: str, network: str, now: int) -> int | None:
        by_client = self._number(_client_bucket(client_id)) if client_id else 0
        spent = 0 < self.per_client < by_client or 0 < self.per_address < self._number(network)
        return self._minute_s + MINUTE_S - now if spent else None

    def _number(self, bucket: str) -> int:
        return self._own.get(bucket, 0) + self._telling.get(bucket, 0) + self._shared.get(bucket, 0)

    def _turn_to(self, now: int) -> None:
        minute_s = now - now % MINUTE_S
        if minute_s != self._minute_s:
            self._minute_s, self._own, self._telling, self._shared = minute_s, {}, {}, {}
            self._probes = {pair: at for pair, at in self._probes.items() if now - at <= PROBE_S}


def _buckets(client_id: str, network: str) -> tuple[str, ...]:
    return (_client_bucket(client_id), network) if client_id else (network,)


def _client_bucket(client_id: str) -> str:
    return "c:" + sha256(client_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
