"""Credentials of APIs, with which they may ask about the tokens that people show them (RFC 7662 §2.1)."""

from dataclasses import dataclass, field

from keygrove.storage.database import Row, Transaction

_COLUMNS = "client_id, audience, secret_digest, name, created_at_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCredential:
    """A credential that was not removed. `audience` is the API whose tokens it may ask about."""

    client_id: str
    audience: str
    secret_digest: str = field(repr=False)
    name: str
    created_at_s: int


async def insert(tx: Transaction, credential: ApiCredential) -> None:
    """Add a credential."""
    await tx.run(
        f"insert into api_credentials ({_COLUMNS}) values ($1, $2, $3, $4, $5)",  # noqa: S608 - a constant
        credential.client_id,
        credential.audience,
        credential.secret_digest,
        credential.name,
        credential.created_at_s,
    )


async def by_id(tx: Transaction, client_id: str) -> ApiCredential | None:
    """The credential; None when there is none of that id, or it was removed."""
    row = await tx.one(
        f"select {_COLUMNS} from api_credentials where client_id = $1 and removed_at_s is null",  # noqa: S608
        client_id,
    )
    return None if row is None else _credential(row)


async def all(tx: Transaction) -> list[ApiCredential]:
    """Every credential that was not removed, by API and name."""
    rows = await tx.all(
        f"""
        select {_COLUMNS} from api_credentials where removed_at_s is null
        order by audience, name, client_id
        """  # noqa: S608 - a constant
    )
    return [_credential(row) for row in rows]


async def remove(tx: Transaction, client_id: str, *, at_s: int) -> bool:
    """Remove a credential for good. False when it is gone already."""
    touched = await tx.run(
        "update api_credentials set removed_at_s = $2 where client_id = $1 and removed_at_s is null",
        client_id,
        at_s,
    )
    return touched == 1


def _credential(row: Row) -> ApiCredential:
    return ApiCredential(
        client_id=row["client_id"],
        audience=row["audience"],
        secret_digest=row["secret_digest"],
        name=row["name"],
        created_at_s=row["created_at_s"],
    )
