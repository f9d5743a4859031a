"""The issuer's signing keys: made once, sealed in the database, opened at start."""

import json

from keygrove.crypto.jose import Keyring, SigningKey
from keygrove.crypto.vault import MasterKeyError, Vault
from keygrove.storage import signing_keys
from keygrove.storage.database import Database
from keygrove.storage.signing_keys import StoredSigningKey


async def exist(database: Database) -> bool:
    """Whether the issuer has a signing key: then its master key must exist too."""
    async with database.transaction() as tx:
        return bool(await signing_keys.newest_first(tx))


async def ensure(database: Database, vault: Vault, *, now: int) -> None:
    """Make the first signing key, unless there is one. When two processes try, one key is made."""
    if await exist(database):
        return
    key = SigningKey.generate(now=now)
    stored = StoredSigningKey(
        kid=key.kid,
        algorithm=key.algorithm,
        public_jwk=json.dumps(key.public_jwk()),
        private_sealed=vault.seal(key.private_pem(), name=key.kid),
        created_at_s=now,
    )
    async with database.transaction() as tx:
        await signing_keys.insert_first(tx, stored)


async def load(database: Database, vault: Vault) -> Keyring:
    """Open every key; the newest signs. Raises MasterKeyError when one stays shut or there is none."""
    async with database.transaction() as tx:
        stored = await signing_keys.newest_first(tx)
    if not stored:
        raise MasterKeyError("the database has no signing key")
    keys = [_open(key, vault) for key in stored]
    return Keyring(keys[0], tuple(keys[1:]))


def _open(stored: StoredSigningKey, vault: Vault) -> SigningKey:
    pem = vault.open(stored.private_sealed, name=stored.kid)
    key = SigningKey.from_private_pem(pem, algorithm=stored.algorithm, created_at_s=stored.created_at_s)
    if key.kid != stored.kid:
        raise MasterKeyError(f"the signing key {stored.kid} was damaged: its content has another name")
    return key
