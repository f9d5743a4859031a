"""Turns: alone until the transaction ends, on every database."""

import asyncio

import pytest

from keygrove.storage import turns
from keygrove.storage.database import Database
from stores import Store

pytestmark = pytest.mark.anyio


async def test_whoever_has_a_turn_is_alone_with_it(database: Database) -> None:
    """Nobody enters before the one inside has left."""
    inside, most = 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with database.transaction() as tx:
            await turns.take(tx, "door", at_s=1)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.005)
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(8)))
    assert most == 1


async def test_old_turns_are_forgotten(database: Database, store: Store) -> None:
    """A name that nobody waits for any more leaves no row."""
    for name, at_s in (("old", 1), ("new", 5)):
        async with database.transaction() as tx:
            await turns.take(tx, name, at_s=at_s)
    async with database.transaction() as tx:
        assert await turns.forget(tx, before_s=5) == 1
    assert store.query("select name from turns") == [("new",)]
