"""The issuer's signing keys: the public part in the clear, the private one sealed by the vault."""

from dataclasses import dataclass, field

from keygrove.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSigningKey:
    """A signing key at rest. `public_jwk` is JSON (RFC 7517); the time is in epoch seconds."""

    kid: str
    algorithm: str
    public_jwk: str
    private_sealed: str = field(repr=False)
    created_at_s: int


async def insert_first(tx: Transaction, key: StoredSigningKey) -> bool:
    """Add the very first signing key. False when a rival was faster."""
    added = await tx.run(
        """
        insert into signing_keys (kid, algorithm, public_jwk, private_sealed, created_at_s)
        select $1, $2, $3, $4, cast($5 as bigint) where not exists (select 1 from signing_keys)
        """,
        key.kid,
        key.algorithm,
        key.public_jwk,
        key.private_sealed,
        key.created_at_s,
    )
    return added == 1


async def newest_first(tx: Transaction) -> list[StoredSigningKey]:
    """Every signing key."""
    rows = await tx.all(
        """
        select kid, algorithm, public_jwk, private_sealed, created_at_s
        from signing_keys order by created_at_s desc, kid
        """
    )
    return [
        StoredSigningKey(
            kid=row["kid"],
            algorithm=row["algorithm"],
            public_jwk=row["public_jwk"],
            private_sealed=row["private_sealed"],
            created_at_s=row["created_at_s"],
        )
        for row in rows
    ]
