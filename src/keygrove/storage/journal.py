"""The journal: who did what to what, when, from where. Rows are only ever added."""

from dataclasses import dataclass

from keygrove.storage.database import Row, Transaction

# Why a grant ended, when its app gave it up.
GAVE_BACK = "its client revoked it"


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


async def of_connection(tx: Transaction, company_id: str, client_id: str, *, limit: int) -> list[Event]:
    """What happened to an app that a company connected, youngest first.

    That is: connected, disconnected and ended for this company; suspended, resumed and removed for all.
    """
    # Each statement has an index of its own actions: other companies' lines about the app are not read.
    connections = await tx.all(
        """
        select * from journal
        where company_id = $1 and target_id = $2 and action in ('app.connected', 'app.disconnected')
          and outcome = 'done'
        order by at_us desc, event_id desc limit $3
        """,
        company_id,
        client_id,
        limit,
    )
    moves = await tx.all(
        """
        select * from journal
        where target_id = $1 and action in ('app.suspended', 'app.resumed', 'app.removed')
          and outcome = 'done'
        order by at_us desc, event_id desc limit $2
        """,
        client_id,
        limit,
    )
    ends = await tx.all(
        """
        select * from journal where company_id = $1 and action = 'grant.revoked' and actor_id = $2
        order by at_us desc, event_id desc limit $3
        """,
        company_id,
        client_id,
        limit,
    )
    found = sorted(
        (*connections, *moves, *ends), key=lambda row: (row["at_us"], row["event_id"]), reverse=True
    )
    return [_event(row) for row in found[:limit]]


async def latest(
    tx: Transaction,
    *,
    company_id: str = "",
    target_id: str = "",
    action: str = "",
    since_us: int = 0,
    after_id: str = "",
    limit: int,
) -> list[Event]:
    """What was done and refused, youngest first: all of it, or that in a company, to something, of one kind.

    Ids sort by time: `after_id` is one from before `since_us`, so that older lines are not read.
    """
    named = {"company_id": company_id, "target_id": target_id, "action": action}
    values = {column: value for column, value in named.items() if value}
    wanted = "".join(f" and {column} = ${number}" for number, column in enumerate(values, start=4))
    # Each order is that of an index: of the one of its company or target, or of the ids.
    order = "at_us desc, event_id desc" if company_id or target_id else "event_id desc"
    rows = await tx.all(
        f"""
        select * from journal where at_us >= $1 and event_id > $2{wanted} order by {order} limit $3
        """,  # noqa: S608 - names of columns, and places
        since_us,
        after_id,
        limit,
        *values.values(),
    )
    return [_event(row) for row in rows]


def _event(row: Row) -> Event:
    return Event(
        id=row["event_id"],
        at_us=row["at_us"],
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        actor_name=row["actor_name"],
        company_id=row["company_id"],
        action=row["action"],
        target_id=row["target_id"],
        outcome=row["outcome"],
        detail=row["detail"],
        address=row["address"],
        request_id=row["request_id"],
    )
