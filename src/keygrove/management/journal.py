"""Reads the journal, for the operator; `record` writes it."""

from keygrove.crypto.secrets import new_event_id
from keygrove.management.context import Management
from keygrove.storage import journal
from keygrove.storage.journal import Event

__all__ = ["Event", "read"]


async def read(
    m: Management,
    *,
    company_id: str = "",
    target_id: str = "",
    action: str = "",
    since_s: int = 0,
    limit: int,
) -> tuple[Event, ...]:
    """The youngest lines first: all, or those of a company, about something, of one action, since then."""
    since_us = max(since_s, 0) * 1_000_000
    async with m.database.transaction() as tx:
        found = await journal.latest(
            tx,
            company_id=company_id,
            target_id=target_id,
            action=action,
            since_us=since_us,
            after_id=new_event_id(since_us - 1) if since_us else "",
            limit=limit,
        )
    return tuple(found)
