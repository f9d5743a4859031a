"""Writes the journal: one line for each thing done, or refused, in the same transaction as the deed."""

import json
from collections.abc import Mapping

from keygrove.crypto.secrets import new_event_id
from keygrove.management.context import Actor, Management
from keygrove.management.errors import Forbidden
from keygrove.storage import journal
from keygrove.storage.database import Transaction


async def record(
    tx: Transaction,
    m: Management,
    actor: Actor,
    action: str,
    *,
    target_id: str,
    company_id: str | None = None,
    outcome: str = "done",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add a line to the journal: who did what (an action such as `key.created`), to what, from where."""
    line = event(
        actor,
        action,
        at=m.clock(),
        target_id=target_id,
        company_id=company_id,
        outcome=outcome,
        detail=detail,
    )
    await journal.append(tx, line)


def event(
    actor: Actor,
    action: str,
    *,
    at: float,
    target_id: str,
    company_id: str | None = None,
    outcome: str = "done",
    detail: Mapping[str, object] | None = None,
) -> journal.Event:
    """A line of the journal, not yet written. `at` is epoch seconds with their fraction."""
    at_us = int(at * 1_000_000)
    return journal.Event(
        id=new_event_id(at_us),
        at_us=at_us,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        company_id=company_id,
        action=action,
        target_id=target_id[:128],
        outcome=outcome,
        detail=json.dumps(detail or {}, ensure_ascii=True),
        address=actor.address,
        request_id=actor.request_id,
    )


async def require_admin(m: Management, actor: Actor, action: str, *, target_id: str, company_id: str) -> None:
    """Return for an admin; for anybody else record the action as refused, and raise Forbidden."""
    try:
        actor.require_admin()
    except Forbidden:
        async with m.database.transaction() as tx:
            await record(tx, m, actor, action, target_id=target_id, company_id=company_id, outcome="refused")
        raise
