"""Reads the journal: Keygrove itself only ever adds to it."""

from keygrove.storage.database import Transaction
from keygrove.storage.journal import Event


async def events_of(tx: Transaction, target_id: str) -> list[Event]:
    """The lines about one thing, newest first."""
    rows = await tx.all("select * from journal where target_id = $1 order by at_us desc, event_id", target_id)
    return [Event(**{"id" if name == "event_id" else name: row[name] for name in row.keys()}) for row in rows]  # noqa: SIM118
