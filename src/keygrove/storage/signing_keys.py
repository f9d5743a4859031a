"""The issuer's signing keys: the public part in the clear, the private one sealed by the vault.

Rows stay for the record. `generation` counts the keys of an algorithm and is unique among them: of two
nodes that rotate at the same moment one inserts the next generation, and the other inserts nothing.
"""

from dataclasses import dataclass, field

from keygrove.storage.database import Row, Transaction

# A key ends when the next one that really signed began to; one that was revoked before its time never did.
_WITH_END = """
    select signing_keys.*, (
        select later.signs_from_s from signing_keys later
        where later.algorithm = signing_keys.algorithm and later.generation > signing_keys.generation
          and (later.revoked_at_s is null or later.revoked_at_s >= later.signs_from_s)
        order by later.generation limit 1
    ) as superseded_at_s
    from signing_keys
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSigningKey:
    """A signing key at rest. `public_jwk` is JSON (RFC 7517); times are in epoch seconds.

    `superseded_at_s` is when its successor begins to sign, None while there is none.
    """

    kid: str
    algorithm: str
    generation: int
    public_jwk: str
    private_sealed: str = field(repr=False)
    created_at_s: int
    signs_from_s: int
    revoked_at_s: int | None = None
    superseded_at_s: int | None = None

    def signs(self, now: int) -> bool:
        """Whether it is the one that signs at `now`."""
        began = self.revoked_at_s is None and self.signs_from_s <= now
        return began and (self.superseded_at_s is None or now < self.superseded_at_s)

    def waits(self, now: int) -> bool:
        """Whether its time to sign is still to come."""
        return self.revoked_at_s is None and now < self.signs_from_s


async def insert(tx: Transaction, key: StoredSigningKey) -> bool:
    """Add a key. False when a rival was faster to add this generation."""
    added = await tx.run(
        """
        insert into signing_keys
            (kid, algorithm, generation, public_jwk, private_sealed, created_at_s, signs_from_s)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (algorithm, generation) do nothing
        """,
        key.kid,
        key.algorithm,
        key.generation,
        key.public_jwk,
        key.private_sealed,
        key.created_at_s,
        key.signs_from_s,
    )
    return added == 1


async def sign_at_once(tx: Transaction, kid: str, *, now: int) -> bool:
    """Let a waiting key sign from `now` on. False when it signs already or is revoked."""
    changed = await tx.run(
        """
        update signing_keys set signs_from_s = $2
        where kid = $1 and signs_from_s > $2 and revoked_at_s is null
        """,
        kid,
        now,
    )
    return changed == 1


async def revoke(tx: Transaction, kid: str, *, now: int) -> bool:
    """Take a key back. False when it is revoked already or not there."""
    changed = await tx.run(
        "update signing_keys set revoked_at_s = $2 where kid = $1 and revoked_at_s is null", kid, now
    )
    return changed == 1


async def any_exists(tx: Transaction) -> bool:
    """Whether there is a signing key, in use or not."""
    return await tx.one("select kid from signing_keys limit 1") is not None


async def by_kid(tx: Transaction, kid: str) -> StoredSigningKey | None:
    """The key of a name."""
    row = await tx.one(f"{_WITH_END} where kid = $1", kid)
    return None if row is None else _key(row)


async def newest(tx: Transaction, algorithm: str) -> StoredSigningKey | None:
    """The latest key of an algorithm, also when it is revoked."""
    row = await tx.one(
        f"{_WITH_END} where algorithm = $1 order by generation desc limit 1",
        algorithm,
    )
    return None if row is None else _key(row)


async def in_use(tx: Transaction, *, ended_after_s: int) -> list[StoredSigningKey]:
    """The keys that are not revoked and were not succeeded by `ended_after_s`, newest first."""
    rows = await tx.all(
        f"""
        select * from ({_WITH_END} where revoked_at_s is null) held
        where superseded_at_s is null or superseded_at_s > $1
        order by generation desc, algorithm
        """,  # noqa: S608 - our own text
        ended_after_s,
    )
    return [_key(row) for row in rows]


async def every(tx: Transaction) -> list[StoredSigningKey]:
    """Every key there ever was, newest first."""
    rows = await tx.all(f"{_WITH_END} order by created_at_s desc, generation desc, kid")
    return [_key(row) for row in rows]


def _key(row: Row) -> StoredSigningKey:
    return StoredSigningKey(
        kid=row["kid"],
        algorithm=row["algorithm"],
        generation=row["generation"],
        public_jwk=row["public_jwk"],
        private_sealed=row["private_sealed"],
        created_at_s=row["created_at_s"],
        signs_from_s=row["signs_from_s"],
        revoked_at_s=row["revoked_at_s"],
        superseded_at_s=row["superseded_at_s"],
    )
