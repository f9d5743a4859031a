"""Signing keys at rest: one line of generations, of which one signs."""

from dataclasses import replace

import pytest

from keygrove.storage import signing_keys
from keygrove.storage.database import Database
from keygrove.storage.signing_keys import StoredSigningKey

FIRST = StoredSigningKey(
    kid="k1",
    algorithm="RS256",
    generation=1,
    public_jwk="{}",
    private_sealed="hidden from prying eyes",
    created_at_s=10,
    signs_from_s=10,
)
SECOND = replace(FIRST, kid="k2", generation=2, created_at_s=20, signs_from_s=100)
pytestmark = pytest.mark.anyio


async def add(database: Database, *keys: StoredSigningKey) -> list[bool]:
    """Add keys; which of them were added."""
    async with database.transaction() as tx:
        return [await signing_keys.insert(tx, key) for key in keys]


async def test_a_generation_is_made_once(database: Database) -> None:
    """Of two nodes that rotate at the same moment one is told that it was slower."""
    async with database.transaction() as tx:
        assert not await signing_keys.any_exists(tx)
    rival = replace(FIRST, kid="rival")
    another = replace(FIRST, kid="e1", algorithm="ES256")
    assert await add(database, FIRST, rival, another) == [True, False, True]
    async with database.transaction() as tx:
        assert await signing_keys.any_exists(tx)
        assert await signing_keys.by_kid(tx, "k1") == FIRST
        assert await signing_keys.by_kid(tx, "rival") is None
        assert await signing_keys.newest(tx, "RS256") == FIRST
        assert await signing_keys.newest(tx, "PS256") is None


async def test_a_key_ends_when_its_successor_begins_to_sign(database: Database) -> None:
    """Until then it signs, and the successor waits, known to everybody."""
    await add(database, FIRST, SECOND)
    async with database.transaction() as tx:
        first, second = [await signing_keys.by_kid(tx, kid) for kid in ("k1", "k2")]
    assert first == replace(FIRST, superseded_at_s=100)
    assert second == SECOND
    assert first is not None
    assert second is not None
    assert (first.signs(99), second.signs(99), second.waits(99)) == (True, False, True)
    assert (first.signs(100), second.signs(100), second.waits(100)) == (False, True, False)
    assert not first.signs(9)


async def test_a_waiting_key_can_be_made_to_sign_at_once(database: Database) -> None:
    """Only a waiting one, and once."""
    await add(database, FIRST, SECOND)
    async with database.transaction() as tx:
        assert await signing_keys.sign_at_once(tx, "k2", now=50)
        assert not await signing_keys.sign_at_once(tx, "k2", now=60)
        assert not await signing_keys.sign_at_once(tx, "k1", now=60)
        assert not await signing_keys.sign_at_once(tx, "nobody", now=5)
        first = await signing_keys.by_kid(tx, "k1")
    assert first is not None
    assert first.superseded_at_s == 50


async def test_a_revoked_key_neither_signs_nor_waits(database: Database) -> None:
    """It is revoked once, cannot be brought back, and one that never signed does not end the one before."""
    await add(database, FIRST, SECOND)
    async with database.transaction() as tx:
        assert await signing_keys.revoke(tx, "k2", now=60)
        assert not await signing_keys.revoke(tx, "k2", now=61)
        assert not await signing_keys.revoke(tx, "nobody", now=61)
        assert not await signing_keys.sign_at_once(tx, "k2", now=62)
        first, second = [await signing_keys.by_kid(tx, kid) for kid in ("k1", "k2")]
        assert await signing_keys.newest(tx, "RS256") == second
    assert first == FIRST
    assert second == replace(SECOND, revoked_at_s=60)
    assert second is not None
    assert not second.signs(200)
    assert not second.waits(70)


async def test_keys_stay_in_use_while_their_tokens_live(database: Database) -> None:
    """Newest first; those that ended long ago and revoked ones are left out, but kept for the record."""
    third = replace(FIRST, kid="k3", generation=3, created_at_s=30, signs_from_s=200)
    await add(database, FIRST, SECOND, third)
    async with database.transaction() as tx:

        async def kids_in_use(ended_after_s: int) -> list[str]:
            return [key.kid for key in await signing_keys.in_use(tx, ended_after_s=ended_after_s)]

        assert await kids_in_use(0) == ["k3", "k2", "k1"]
        assert await kids_in_use(99) == ["k3", "k2", "k1"]
        assert await kids_in_use(100) == ["k3", "k2"]
        assert await kids_in_use(200) == ["k3"]
        await signing_keys.revoke(tx, "k3", now=250)
        assert await kids_in_use(0) == ["k2", "k1"]
        assert [key.kid for key in await signing_keys.every(tx)] == ["k3", "k2", "k1"]


def test_a_stored_key_prints_without_its_private_part() -> None:
    """Sealed as it is, it stays out of logs."""
    assert "prying" not in repr(FIRST)
