"""Failed client authentications per minute and bucket, shared by every worker and node."""

from collections.abc import Sequence

from keygrove.storage.database import Transaction

_MOST_BUCKETS = 10_000


async def add(tx: Transaction, rows: Sequence[tuple[str, int, int]]) -> None:
    """Add to the failures of (bucket, minute)."""
    await tx.run_many(
        """
        insert into failures (bucket, minute_s, number) values ($1, $2, $3)
        on conflict (bucket, minute_s) do update set number = failures.number + excluded.number
        """,
        rows,
    )


async def of_minute(tx: Transaction, minute_s: int) -> dict[str, int]:
    """The failures of a minute by bucket, the fullest buckets when there are very many."""
    rows = await tx.all(
        "select bucket, number from failures where minute_s = $1 order by number desc limit $2",
        minute_s,
        _MOST_BUCKETS,
    )
    return {row["bucket"]: row["number"] for row in rows}


async def forget(tx: Transaction, *, before_s: int) -> int:
    """Delete the minutes that are over."""
    return await tx.run("delete from failures where minute_s < $1", before_s)
