"""Turns: whoever takes one is alone with it until the transaction ends, on every worker and node."""

from keygrove.storage.database import Transaction


async def take(tx: Transaction, name: str, *, at_s: int) -> None:
    """Wait until nobody else has the turn, then have it. What is read afterwards, nobody else is changing."""
    await tx.run(
        """
        insert into turns (name, taken_at_s) values ($1, $2)
        on conflict (name) do update set taken_at_s = excluded.taken_at_s
        """,
        name,
        at_s,
    )


async def take_once(tx: Transaction, name: str, *, at_s: int) -> bool:
    """Have a turn that there is once only. False when somebody had it, and it is not forgotten yet."""
    taken = await tx.run(
        "insert into turns (name, taken_at_s) values ($1, $2) on conflict (name) do nothing", name, at_s
    )
    return taken == 1


async def give_back(tx: Transaction, name: str) -> None:
    """Leave no row of a turn. Whoever waits for it has it next."""
    await tx.run("delete from turns where name = $1", name)


async def forget(tx: Transaction, *, before_s: int) -> int:
    """Delete turns that were last taken long ago."""
    return await tx.run("delete from turns where taken_at_s < $1", before_s)
