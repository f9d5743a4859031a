"""The journal: who did what to what, when, from where. Rows are only ever added."""

from dataclasses import dataclass

from keygrove.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the journal. `at_us` is epoch microseconds, `detail` is JSON without secrets."""

    id: str
    at_us: int
    actor_kind: str
    actor_id: str
    actor_name: str
    company_id: str | None
    action: str
    target_id: str
    outcome: str
    detail: str
    address: str
    request_id: str


async def append(tx: Transaction, event: Event) -> None:
    """Add a line."""
    await tx.run(
        """
        insert into journal (event_id, at_us, actor_kind, actor_id, actor_name, company_id, action, target_id,
                             outcome, detail, address, request_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        event.id,
        event.at_us,
        event.actor_kind,
        event.actor_id,
        event.actor_name,
        event.company_id,
        event.action,
        event.target_id,
        event.outcome,
        event.detail,
        event.address,
        event.request_id,
    )
