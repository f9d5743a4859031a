"""Nodes that rotate and revoke signing keys at the same moment, on each kind of database."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests
from keygrove.crypto.vault import Vault
from keygrove.management.catalogue import SAMPLE, Catalogue
from keygrove.management.context import OPERATOR, Management
from keygrove.management.signing_keys import KeyListing, ensure, listing, revoke, rotate
from keygrove.storage.database import Database
from stores import Store

VAULT = Vault(b"m" * 32)
NOW = 1_700_000_000
pytestmark = pytest.mark.anyio


@pytest.fixture
async def nodes(store: Store, database: Database) -> AsyncIterator[list[Management]]:
    """Two nodes on one database; what they sign is ES256, whose keys are quickly made."""
    other = await store.open()
    catalogue = Catalogue((replace(SAMPLE.apis[0], signing_algorithm="ES256"),))
    yield [
        Management(
            issuer="https://issuer.example",
            platform_name="Understory",
            catalogue=catalogue,
            database=each,
            digests=Digests(b"d" * 32),
            passwords=Passwords(),
            clock=lambda: NOW,
        )
        for each in (database, other)
    ]
    await other.close()


async def keys_by_state(m: Management) -> dict[str, list[KeyListing]]:
    """The keys in each state, newest first."""
    found: dict[str, list[KeyListing]] = {}
    for key in await listing(m):
        found.setdefault(key.state, []).append(key)
    return found


async def test_f15_any_number_of_rotations_at_once_is_one(nodes: list[Management]) -> None:
    """The losers report the winner's key; so do those who come later, as long as it waits."""
    await ensure(nodes[0].database, VAULT, now=NOW, algorithms=("ES256",))
    for _ in range(2):
        turned = await asyncio.gather(
            *(rotate(m, OPERATOR, VAULT, algorithm="ES256") for m in (*nodes, *nodes))
        )
        waiting, signing = await listing(nodes[0])
        assert {each.key for each in turned} == {waiting}
        assert (waiting.state, signing.state) == ("next", "current")


async def test_one_key_signs_whoever_rotates_and_revokes(nodes: list[Management]) -> None:
    """At most one waits; a revoked key stays so."""
    chance = random.Random(3)  # noqa: S311 - the same in every run
    await ensure(nodes[0].database, VAULT, now=NOW, algorithms=("ES256",))
    for _ in range(25):
        state = await keys_by_state(nodes[0])
        kids = [key.kid for name in ("current", "next") for key in state.get(name, [])]
        acts = [revoke(chance.choice(nodes), OPERATOR, VAULT, kid) for kid in kids if chance.random() < 0.6]
        turns = [
            rotate(m, OPERATOR, VAULT, algorithm="ES256", immediately=chance.random() < 0.5)
            for m in nodes[: chance.randrange(3)]
        ]
        await asyncio.gather(*acts, *turns)
        state = await keys_by_state(nodes[1])
        assert len(state["current"]) == 1
        assert len(state.get("next", [])) <= 1
