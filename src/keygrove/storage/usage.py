"""What keys do: their last use, and tokens issued and refused per hour. Advisory, written in batches."""

from collections.abc import Sequence
from dataclasses import dataclass

from keygrove.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUse:
    """The last token a key got: when (epoch seconds), and who asked."""

    at_s: int
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Hour:
    """Tokens issued and refused in the hour that begins at `hour_s` (epoch seconds)."""

    hour_s: int
    issued: int
    refused: int


async def add_hours(tx: Transaction, rows: Sequence[tuple[str, int, int, int]]) -> None:
    """Add to the counts of (client id, hour): tokens issued, tokens refused."""
    await tx.run_many(
        """
        insert into usage_hours (client_id, hour_s, issued, refused) values ($1, $2, $3, $4)
        on conflict (client_id, hour_s) do update set
            issued = usage_hours.issued + excluded.issued, refused = usage_hours.refused + excluded.refused
        """,
        rows,
    )


async def note_uses(tx: Transaction, rows: Sequence[tuple[str, int, str, str]]) -> None:
    """Note last uses: client id, time, address, user agent. An older one never replaces a newer."""
    await tx.run_many(
        """
        insert into key_use (client_id, last_used_at_s, address, user_agent) values ($1, $2, $3, $4)
        on conflict (client_id) do update set last_used_at_s = excluded.last_used_at_s,
            address = excluded.address, user_agent = excluded.user_agent
        where excluded.last_used_at_s >= key_use.last_used_at_s
        """,
        rows,
    )


async def hours(tx: Transaction, client_id: str, *, since_s: int) -> list[Hour]:
    """The hours in which a client asked for tokens, oldest first."""
    rows = await tx.all(
        """
        select hour_s, issued, refused from usage_hours
        where client_id = $1 and hour_s >= $2 order by hour_s
        """,
        client_id,
        since_s,
    )
    return [Hour(row["hour_s"], row["issued"], row["refused"]) for row in rows]


async def forget_oldest_hour(tx: Transaction, *, before_s: int) -> int:
    """Delete the counts of the oldest hour before that time; how many there were."""
    return await tx.run(
        """
        delete from usage_hours where hour_s = (select min(hour_s) from usage_hours where hour_s < $1)
        """,
        before_s,
    )
