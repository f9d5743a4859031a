"""Which apps are still to be told that a session ended (OpenID Connect Back-Channel Logout 1.0 §2.5).

A row is written in the transaction that ends the session, and is gone when its app has been told. Whoever
claims one alone has it until the claim runs out; `attempts` then tells a late answer from a rival's. An app
that nobody reaches is left alone for a while (`logout_pauses`), with all that it is to be told.
"""

from dataclasses import dataclass, replace

from keygrove.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutNotice:
    """An app to be told that a person's session is over; `attempts` were begun so far."""

    sid: str
    client_id: str
    person_id: str
    attempts: int


async def add(tx: Transaction, sid: str, *, at_s: int) -> int:
    """Note every app that was told of the session and wants to hear of its end; how many.

    Those are apps with a back-channel logout URI which a grant of this session names, neither removed nor
    suspended.
    """
    return await tx.run(
        """
        insert into logout_notices (sid, client_id, person_id, ended_at_s, attempts, due_at_s)
        select distinct g.sid, g.client_id, g.person_id, cast($2 as bigint), 0, cast($2 as bigint)
        from grants g
        join clients c on c.client_id = g.client_id
        join apps a on a.client_id = g.client_id
        join companies o on o.company_id = c.company_id
        where g.sid = $1 and c.backchannel_logout_uri is not null and c.removed_at_s is null
          and a.state <> 'suspended' and o.suspended_at_s is null
        on conflict (sid, client_id) do nothing
        """,
        sid,
        at_s,
    )


async def clients_due(tx: Transaction, *, now_s: int, limit: int) -> list[str]:
    """Apps with something to be told now, who waits longest first; none of those that are left alone.

    It costs a few searches for each app that waits, however much it waits for.
    """
    rows = await tx.all(
        """
        with recursive waiting (client_id) as (
            select min(client_id) from logout_notices
            union all
            select (select min(n.client_id) from logout_notices n where n.client_id > w.client_id)
            from waiting w where w.client_id is not null
        )
        select client_id
        from (
            select w.client_id,
                   (select min(n.due_at_s) from logout_notices n where n.client_id = w.client_id) as due_at_s
            from waiting w
        ) known
        where due_at_s <= $1 and not exists (
            select 1 from logout_pauses p where p.client_id = known.client_id and p.until_s > $1
        )
        order by due_at_s, client_id limit $2
        """,
        now_s,
        limit,
    )
    return [row["client_id"] for row in rows]


async def due_of(tx: Transaction, client_id: str, *, now_s: int, limit: int) -> list[LogoutNotice]:
    """What an app is to be told now, the oldest first."""
    rows = await tx.all(
        """
        select sid, client_id, person_id, attempts from logout_notices
        where client_id = $1 and due_at_s <= $2
        order by due_at_s, sid limit $3
        """,
        client_id,
        now_s,
        limit,
    )
    return [
        LogoutNotice(
            sid=row["sid"], client_id=row["client_id"], person_id=row["person_id"], attempts=row["attempts"]
        )
        for row in rows
    ]


async def leave_alone(tx: Transaction, client_id: str, *, until_s: int) -> None:
    """Let nobody try to reach an app until then."""
    await tx.run(
        """
        insert into logout_pauses (client_id, until_s) values ($1, $2)
        on conflict (client_id) do update set until_s = excluded.until_s
        where logout_pauses.until_s < excluded.until_s
        """,
        client_id,
        until_s,
    )


async def claim(tx: Transaction, notice: LogoutNotice, *, now_s: int, until_s: int) -> LogoutNotice | None:
    """Begin an attempt, which is nobody else's until then. None when somebody else was faster."""
    touched = await tx.run(
        """
        update logout_notices set attempts = attempts + 1, due_at_s = $5
        where sid = $1 and client_id = $2 and attempts = $3 and due_at_s <= $4
        """,
        notice.sid,
        notice.client_id,
        notice.attempts,
        now_s,
        until_s,
    )
    return replace(notice, attempts=notice.attempts + 1) if touched == 1 else None


async def postpone(tx: Transaction, notice: LogoutNotice, *, until_s: int) -> bool:
    """Try again then. False when the claim ran out, and somebody else has the row."""
    touched = await tx.run(
        "update logout_notices set due_at_s = $4 where sid = $1 and client_id = $2 and attempts = $3",
        notice.sid,
        notice.client_id,
        notice.attempts,
        until_s,
    )
    return touched == 1


async def settle(tx: Transaction, notice: LogoutNotice) -> bool:
    """Be done with it. False when the claim ran out, and somebody else has the row."""
    touched = await tx.run(
        "delete from logout_notices where sid = $1 and client_id = $2 and attempts = $3",
        notice.sid,
        notice.client_id,
        notice.attempts,
    )
    return touched == 1


async def forget(tx: Transaction, *, before_s: int) -> int:
    """Delete those of sessions that ended before: nobody has been there to tell of them."""
    return await tx.run("delete from logout_notices where ended_at_s < $1", before_s)
