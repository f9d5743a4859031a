"""Counts what keys do, off the request's path: in memory, written about once a second, less often if much.

Advisory: a failure to write keeps the counts for the next time and never refuses a token.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

from keygrove.storage import usage
from keygrove.storage.database import Database
from keygrove.storage.usage import DAY_S, Count

KEPT_S = 90 * DAY_S
_MOST_CLIENTS = 200_000
_MOST_AGENT = 256
# So many counts are written at once; more of them wait for each other, since those that share a page of the
# database then cost one write together.
_FEW = 200
LONGEST_WAIT_S = 15.0
# Written in a fraction of a second: no statement comes near its limit, and other writers get a turn. Fewer
# rows would make more commits, after each of which the readers of a SQLite file find their pages anew.
_SLICE = 5000
_NOTHING: Count = (0, "", 0, 0, 0, "", "")
_client_id = itemgetter(1)


@dataclass(slots=True)
class UsageBook:
    """What this worker has not written yet, by the day's first second and client id.

    Counts are kept as they will be written, in tuples: the garbage collector leaves those of plain values
    alone, and would follow thousands of objects of a class.
    """

    _steady: Callable[[], float] = time.monotonic
    _days: dict[int, dict[str, Count]] = field(default_factory=dict)
    _carried_over_before_s: int = 0
    _flushed_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Nothing waits yet."""
        self._flushed_at = self._steady()

    def issued(self, client_id: str, *, now: int, address: str, user_agent: str) -> None:
        """A client got a token at `now` (epoch seconds)."""
        day_s = now - now % DAY_S
        day = self._day(day_s)
        count = day.get(client_id, _NOTHING)
        if count is not _NOTHING or self._has_room():
            agent = user_agent[:_MOST_AGENT]
            day[client_id] = day_s, client_id, count[2] + 1, count[3], now, address, agent

    def refused(self, client_id: str, *, now: int) -> None:
        """A client that exists was refused a token at `now` (epoch seconds)."""
        self._add((now - now % DAY_S, client_id, 0, 1, 0, "", ""))

    async def flush_when_due(self, database: Database) -> None:
        """Write what was counted, if it is little or has waited LONGEST_WAIT_S. Raises as `flush`."""
        if self._waiting() <= _FEW or self._steady() - self._flushed_at >= LONGEST_WAIT_S:
            await self.flush(database)

    async def flush(self, database: Database) -> None:
        """Write what was counted, a slice per transaction. Raises DatabaseUnavailable, and keeps the rest."""
        self._flushed_at = self._steady()
        # In one order everywhere, so that two nodes never wait for each other's rows.
        unwritten = [sorted(day.values(), key=_client_id) for _, day in sorted(self._days.items()) if day]
        self._days = {}
        try:
            for counts in unwritten:
                await self._write(database, counts)
        except BaseException:
            for count in chain.from_iterable(unwritten):
                self._add(count)
            raise

    async def _write(self, database: Database, counts: list[Count]) -> None:
        """Write the counts of a day, and take from `counts` what is written."""
        day_s = counts[0][0]
        if day_s != self._carried_over_before_s:
            await _carry_over(database, before_s=day_s)
            self._carried_over_before_s = day_s
        while counts:
            async with database.transaction() as tx:
                await usage.add(tx, counts[:_SLICE])
            del counts[:_SLICE]

    def _day(self, day_s: int) -> dict[str, Count]:
        day = self._days.get(day_s)
        if day is None:
            day = self._days[day_s] = {}
        return day

    def _waiting(self) -> int:
        return sum(map(len, self._days.values()))

    def _has_room(self) -> bool:
        return self._waiting() < _MOST_CLIENTS

    def _add(self, more: Count) -> None:
        """Add what came no later than what is there. One more client needs room."""
        day_s, client_id, issued, refused, at_s, address, agent = more
        day = self._day(day_s)
        count = day.get(client_id, _NOTHING)
        if count is not _NOTHING or self._has_room():
            if count[4]:
                at_s, address, agent = count[4:]
            day[client_id] = day_s, client_id, count[2] + issued, count[3] + refused, at_s, address, agent


async def _carry_over(database: Database, *, before_s: int) -> None:
    """Put the last uses of the newest day before that time where they stay."""
    client_id: str | None = ""
    while client_id is not None:
        async with database.transaction() as tx:
            client_id = await usage.carry_over(tx, before_s=before_s, after=client_id, limit=_SLICE)


async def purge(database: Database, *, now: int) -> None:
    """Delete the counts that are older than KEPT_S. Raises DatabaseUnavailable.

    A slice per transaction: a day may have more of them than one statement has time for.
    """
    forgotten = 1
    while forgotten:
        async with database.transaction() as tx:
            forgotten = await usage.forget(tx, before_s=now - KEPT_S, limit=_SLICE)
