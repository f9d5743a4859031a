"""Counts what keys do, off the request's path: in memory, written about once a second, less often if much.

Advisory: a failure to write keeps the counts for the next time and never refuses a token.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from keygrove.storage import usage
from keygrove.storage.database import Database

HOUR_S = 3600
KEPT_S = 90 * 24 * HOUR_S
_MOST_CLIENTS = 200_000
_MOST_AGENT = 256
# So many counts are written at once; more of them wait for each other, since those that share a page of the
# database then cost one write together.
_FEW = 200
LONGEST_WAIT_S = 15.0
# Written in a fraction of a second: no statement comes near its limit, and other writers get a turn.
_SLICE = 2000


# Tokens issued and refused, and of the last one issued: when (epoch seconds), to which address and program.
# The garbage collector leaves tuples of plain values alone; it would follow thousands of objects of a class.
_Count = tuple[int, int, int, str, str]
_NOTHING: _Count = (0, 0, 0, "", "")


@dataclass(slots=True)
class UsageBook:
    """What this worker has not written yet, by the hour's first second and client id."""

    _steady: Callable[[], float] = time.monotonic
    _hours: dict[int, dict[str, _Count]] = field(default_factory=dict)
    _flushed_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Nothing waits yet."""
        self._flushed_at = self._steady()

    def issued(self, client_id: str, *, now: int, address: str, user_agent: str) -> None:
        """A client got a token at `now` (epoch seconds)."""
        hour = self._hour(now)
        count = hour.get(client_id, _NOTHING)
        if count is not _NOTHING or self._has_room():
            hour[client_id] = count[0] + 1, count[1], now, address, user_agent[:_MOST_AGENT]

    def refused(self, client_id: str, *, now: int) -> None:
        """A client that exists was refused a token at `now` (epoch seconds)."""
        self._add(self._hour(now), client_id, (0, 1, 0, "", ""))

    async def flush_when_due(self, database: Database) -> None:
        """Write what was counted, if it is little or has waited LONGEST_WAIT_S. Raises as `flush`."""
        if self._waiting() <= _FEW or self._steady() - self._flushed_at >= LONGEST_WAIT_S:
            await self.flush(database)

    async def flush(self, database: Database) -> None:
        """Write what was counted, a slice per transaction. Raises DatabaseUnavailable, and keeps the rest."""
        self._flushed_at = self._steady()
        hours, self._hours = self._hours, {}
        try:
            for hour_s in sorted(hours):
                await _write(database, hour_s, hours[hour_s])
        except BaseException:
            for hour_s, unwritten in hours.items():
                for client_id, count in unwritten.items():
                    self._add(self._hour(hour_s), client_id, count)
            raise

    def _hour(self, now: int) -> dict[str, _Count]:
        hour_s = now - now % HOUR_S
        hour = self._hours.get(hour_s)
        if hour is None:
            hour = self._hours[hour_s] = {}
        return hour

    def _waiting(self) -> int:
        return sum(map(len, self._hours.values()))

    def _has_room(self) -> bool:
        return self._waiting() < _MOST_CLIENTS

    def _add(self, hour: dict[str, _Count], client_id: str, more: _Count) -> None:
        """Add what came no later than what is there. One more client needs room."""
        count = hour.get(client_id, _NOTHING)
        if count is not _NOTHING or self._has_room():
            last = count[2:] if count[2] else more[2:]
            hour[client_id] = (count[0] + more[0], count[1] + more[1], *last)


async def _write(database: Database, hour_s: int, counts: dict[str, _Count]) -> None:
    """Write the counts of an hour, and take from `counts` what is written."""
    # In one order everywhere, so that two nodes never wait for each other's rows.
    names = sorted(counts)
    for at in range(0, len(names), _SLICE):
        some = names[at : at + _SLICE]
        async with database.transaction() as tx:
            await usage.add_hours(tx, [(name, hour_s, *counts[name][:2]) for name in some])
            await usage.note_uses(tx, [(name, *counts[name][2:]) for name in some if counts[name][2]])
        for name in some:
            del counts[name]


async def purge(database: Database, *, now: int) -> None:
    """Delete the counts that are older than KEPT_S. Raises DatabaseUnavailable.

    An hour per transaction: after a long rest there may be more of them than one statement has time for.
    """
    forgotten = 1
    while forgotten:
        async with database.transaction() as tx:
            forgotten = await usage.forget_oldest_hour(tx, before_s=now - KEPT_S)
