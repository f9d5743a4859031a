"""The issuer's signing keys: made once, opened only by their own master key."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from keygrove.crypto.vault import MasterKeyError, Vault
from keygrove.management import signing_keys
from keygrove.storage.sqlite import SqliteDatabase
from management.conftest import NOW, Journal

VAULT = Vault(b"m" * 32)
pytestmark = pytest.mark.anyio


async def test_two_that_start_at_once_make_one_key(database_path: Path, journal: Journal) -> None:
    """Both open it, and the private part is nowhere in the clear."""
    first, second = SqliteDatabase(database_path), SqliteDatabase(database_path)
    assert not await signing_keys.exist(first)
    await asyncio.gather(*(signing_keys.ensure(one, VAULT, now=int(NOW)) for one in (first, second)))
    assert await signing_keys.exist(second)
    rings = [await signing_keys.load(one, VAULT) for one in (first, second)]
    assert rings[0].jwks() == rings[1].jwks()
    assert len(rings[0].jwks()["keys"]) == 1
    assert "PRIVATE" not in journal.everything_stored()
    before = journal.everything_stored()
    await signing_keys.ensure(first, VAULT, now=int(NOW) + 1)
    assert journal.everything_stored() == before
    await first.close()
    await second.close()


async def test_what_does_not_open_is_refused(database_path: Path) -> None:
    """Another master key, no key at all, a damaged one, one under another name: each stops the start."""
    database = SqliteDatabase(database_path)
    with pytest.raises(MasterKeyError, match="no signing key"):
        await signing_keys.load(database, VAULT)
    await signing_keys.ensure(database, VAULT, now=int(NOW))
    with pytest.raises(MasterKeyError, match="master key does not open"):
        await signing_keys.load(database, Vault(b"n" * 32))
    with closing(sqlite3.connect(database_path, isolation_level=None)) as connection:
        ((kid, sealed),) = connection.execute("select kid, private_sealed from signing_keys").fetchall()
        flipped = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
        connection.execute("update signing_keys set private_sealed = ?", (flipped,))
        with pytest.raises(MasterKeyError):
            await signing_keys.load(database, VAULT)
        resealed = VAULT.seal(VAULT.open(sealed, name=kid), name="another")
        connection.execute("update signing_keys set kid = 'another', private_sealed = ?", (resealed,))
        with pytest.raises(MasterKeyError, match="damaged"):
            await signing_keys.load(database, VAULT)
        connection.execute("update signing_keys set kid = ?, private_sealed = ?", (kid, sealed))
    await signing_keys.load(database, VAULT)
    await database.close()


async def test_the_stored_public_part_has_no_private_members(database_path: Path) -> None:
    """RFC 7517 §9.2: what is public shows n and e only."""
    database = SqliteDatabase(database_path)
    await signing_keys.ensure(database, VAULT, now=int(NOW))
    await database.close()
    with closing(sqlite3.connect(database_path)) as connection:
        ((public_jwk,),) = connection.execute("select public_jwk from signing_keys").fetchall()
    assert set(json.loads(public_jwk)) <= {"kty", "n", "e", "use", "alg", "kid"}
