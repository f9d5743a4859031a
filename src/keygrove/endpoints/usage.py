"""Counts what keys do, off the request's path: in memory, written about once a second, less often if much.

Advisory: a failure to write keeps the counts for the next time and never refuses a token.
"""

from dataclasses import dataclass, field

from keygrove.storage import usage
from keygrove.storage.database import Database

HOUR_S = 3600
KEPT_S = 90 * 24 * HOUR_S
_MOST_CLIENTS = 200_000
_MOST_AGENT = 256
# Written in a fraction of a second: no statement comes near its limit, and other writers get a turn.
_SLICE = 2000


@dataclass(slots=True)
class UsageBook:
    """What this worker has not written yet."""

    _issued: dict[tuple[str, int], int] = field(default_factory=dict)
    _refused: dict[tuple[str, int], int] = field(default_factory=dict)
    _uses: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def issued(self, client_id: str, *, now: int, address: str, user_agent: str) -> None:
        """A client got a token at `now` (epoch seconds)."""
        if _count(self._issued, (client_id, now - now % HOUR_S)):
            self._uses[client_id] = (now, address, user_agent[:_MOST_AGENT])

    def refused(self, client_id: str, *, now: int) -> None:
        """A client that exists was refused a token at `now` (epoch seconds)."""
        _count(self._refused, (client_id, now - now % HOUR_S))

    async def flush(self, database: Database) -> None:
        """Write what was counted, a slice per transaction. Raises DatabaseUnavailable, and keeps the rest."""
        issued, self._issued = self._issued, {}
        refused, self._refused = self._refused, {}
        uses, self._uses = self._uses, {}
        # In one order everywhere, so that two nodes never wait for each other's rows.
        places = sorted({*issued, *refused})
        try:
            while places:
                some = places[:_SLICE]
                users = sorted({client_id for client_id, _ in some} & uses.keys())
                async with database.transaction() as tx:
                    await usage.add_hours(tx, [(*at, issued.get(at, 0), refused.get(at, 0)) for at in some])
                    await usage.note_uses(tx, [(client_id, *uses[client_id]) for client_id in users])
                del places[:_SLICE]
                for client_id in users:
                    del uses[client_id]
        except BaseException:
            for at in places:
                _count(self._issued, at, issued.get(at, 0))
                _count(self._refused, at, refused.get(at, 0))
            self._uses = uses | self._uses
            raise


async def purge(database: Database, *, now: int) -> None:
    """Delete the counts that are older than KEPT_S. Raises DatabaseUnavailable."""
    async with database.transaction() as tx:
        await usage.forget_hours(tx, before_s=now - KEPT_S)


def _count(counts: dict[tuple[str, int], int], at: tuple[str, int], number: int = 1) -> bool:
    """Add to a count; false when there is no room for one more client."""
    has_room = at in counts or len(counts) < _MOST_CLIENTS
    if number and has_room:
        counts[at] = counts.get(at, 0) + number
    return has_room
