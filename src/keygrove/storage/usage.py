"""What keys do: tokens issued and refused per day, and their last use. Advisory, written in batches.

A key has one row for each day on which it asked for tokens, and the rows of a day lie together: what is
written is never spread over the pages of ninety days. The row of the newest day has the key's last use; that
of the days before is in `key_use`, where it stays when the days are forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keygrove.storage.database import Transaction

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUse:
    """The last token a key got: when (epoch seconds), and who asked."""

    at_s: int
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Day:
    """Tokens issued and refused on the UTC day that begins at `day_s` (epoch seconds)."""

    day_s: int
    issued: int
    refused: int


# The first second of a day and a client id; tokens issued and refused on that day; and of the last one issued
# when (epoch seconds, 0 for never), to which address and to which program.
Count = tuple[int, str, int, int, int, str, str]


async def add(tx: Transaction, rows: Sequence[Count]) -> None:
    """Add to what is counted of these days and clients. An older last use never replaces a newer."""
    await tx.run_many(
        """
        insert into usage_days (day_s, client_id, issued, refused, last_used_at_s, address, user_agent)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (day_s, client_id) do update set
            issued = usage_days.issued + excluded.issued,
            refused = usage_days.refused + excluded.refused,
            last_used_at_s = case when excluded.last_used_at_s >= usage_days.last_used_at_s
                then excluded.last_used_at_s else usage_days.last_used_at_s end,
            address = case when excluded.last_used_at_s >= usage_days.last_used_at_s
                then excluded.address else usage_days.address end,
            user_agent = case when excluded.last_used_at_s >= usage_days.last_used_at_s
                then excluded.user_agent else usage_days.user_agent end
        """,
        rows,
    )


async def carry_over(tx: Transaction, *, before_s: int, after: str, limit: int) -> str | None:
    """Copy last uses of the newest day before that time into `key_use`, of so many clients after that one.

    The last of them, or None when no more are left. To be done before a day's first counts are written.
    """
    rows = await tx.all(
        """
        select client_id, last_used_at_s, address, user_agent from usage_days
        where day_s = (select max(day_s) from usage_days where day_s < $1)
          and client_id > $2 and last_used_at_s > 0
        order by client_id limit $3
        """,
        before_s,
        after,
        limit,
    )
    if not rows:
        return None
    await tx.run_many(
        """
        insert into key_use (client_id, last_used_at_s, address, user_agent) values ($1, $2, $3, $4)
        on conflict (client_id) do update set last_used_at_s = excluded.last_used_at_s,
            address = excluded.address, user_agent = excluded.user_agent
        where excluded.last_used_at_s >= key_use.last_used_at_s
        """,
        [(row["client_id"], row["last_used_at_s"], row["address"], row["user_agent"]) for row in rows],
    )
    return str(rows[-1]["client_id"])


async def last_uses(tx: Transaction, client_ids: Sequence[str], *, now_s: int) -> dict[str, LastUse]:
    """The last uses of those of the clients that got a token ever."""
    places = ", ".join(f"${number}" for number in range(2, 2 + len(client_ids))) or "null"
    rows = await tx.all(
        f"""
        select client_id, last_used_at_s, address, user_agent from key_use where client_id in ({places})
        union all
        select client_id, last_used_at_s, address, user_agent from usage_days
        where day_s = (select max(day_s) from usage_days where day_s <= $1)
          and client_id in ({places}) and last_used_at_s > 0
        order by last_used_at_s
        """,  # noqa: S608 - places of values
        now_s,
        *client_ids,
    )
    return {
        row["client_id"]: LastUse(
            at_s=row["last_used_at_s"], address=row["address"], user_agent=row["user_agent"]
        )
        for row in rows
    }


async def days(tx: Transaction, client_id: str, starts: Sequence[int]) -> list[Day]:
    """Those of the days that begin at `starts` on which a client asked for tokens, oldest first."""
    places = ", ".join(f"${number}" for number in range(2, 2 + len(starts))) or "null"
    rows = await tx.all(
        f"""
        select day_s, issued, refused from usage_days
        where client_id = $1 and day_s in ({places}) order by day_s
        """,  # noqa: S608 - places of values
        client_id,
        *starts,
    )
    return [Day(row["day_s"], row["issued"], row["refused"]) for row in rows]


async def forget(tx: Transaction, *, before_s: int, limit: int) -> int:
    """Delete rows of the oldest day before that time, at most so many; how many there were.

    The newest day stays, however old: it has last uses that are nowhere else.
    """
    rows = await tx.all(
        """
        select day_s, client_id from usage_days
        where day_s = (select min(day_s) from usage_days where day_s < $1)
          and day_s < (select max(day_s) from usage_days)
        order by client_id limit $2
        """,
        before_s,
        limit,
    )
    if not rows:
        return 0
    last = rows[-1]
    return await tx.run(
        "delete from usage_days where day_s = $1 and client_id <= $2", last["day_s"], last["client_id"]
    )
