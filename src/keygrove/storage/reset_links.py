"""Links with which a person chooses another password: one for each person at most, as a digest."""

from keygrove.storage.database import Transaction
from keygrove.storage.people import Account, from_person_row


async def put(tx: Transaction, person_id: str, token_digest: str, *, expires_at_s: int) -> None:
    """Add a person's link, in the place of the one they had."""
    await tx.run(
        """
        insert into reset_links (person_id, token_digest, expires_at_s) values ($1, $2, $3)
        on conflict (person_id) do update
        set token_digest = excluded.token_digest, expires_at_s = excluded.expires_at_s
        """,
        person_id,
        token_digest,
        expires_at_s,
    )


async def account_of(tx: Transaction, token_digest: str, *, now_s: int) -> Account | None:
    """Whose link it is; None when it was used, replaced or has expired, and for who is disabled."""
    row = await tx.one(
        """
        select p.person_id, p.email, p.name, p.created_at_s, p.disabled_at_s, p.updated_at_s,
               p.password_hash
        from reset_links l join people p on p.person_id = l.person_id
        where l.token_digest = $1 and l.expires_at_s > $2 and p.disabled_at_s is null
        """,
        token_digest,
        now_s,
    )
    return None if row is None else Account(from_person_row(row), row["password_hash"])


async def spend(tx: Transaction, token_digest: str, *, now_s: int) -> bool:
    """Spend a link. False when it was used, replaced or has expired."""
    touched = await tx.run(
        "delete from reset_links where token_digest = $1 and expires_at_s > $2", token_digest, now_s
    )
    return touched == 1


async def drop(tx: Transaction, person_id: str) -> None:
    """Delete a person's link, if they have one."""
    await tx.run("delete from reset_links where person_id = $1", person_id)


async def forget(tx: Transaction, *, before_s: int) -> int:
    """Delete links that expired before; how many."""
    return await tx.run("delete from reset_links where expires_at_s < $1", before_s)
