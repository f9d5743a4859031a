"""Turns: alone until the transaction ends, on every database."""

import asyncio

import pytest

from keygrove.storage import turns
from keygrove.storage.database import Database
from stores import Store

pytestmark = pytest.mark.anyio


async def most_inside(database: Database, *, giving_back: bool = False) -> int:
    """How many of eight who took the same turn were inside at once."""
    inside, most = 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with database.transaction() as tx:
            await turns.take(tx, "door", at_s=1)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.005)
            inside -= 1
            if giving_back:
                await turns.give_back(tx, "door")

    await asyncio.gather(*(enter() for _ in range(8)))
    return most


async def test_whoever_has_a_turn_is_alone_with_it(database: Database) -> None:
    """Nobody enters before the one inside has left."""
    assert await most_inside(database) == 1


async def test_old_turns_are_forgotten(database: Database, store: Store) -> None:
    """A name that nobody waits for any more leaves no row."""
    for name, at_s in (("old", 1), ("new", 5)):
        async with database.transaction() as tx:
            await turns.take(tx, name, at_s=at_s)
    async with database.transaction() as tx:
        assert await turns.forget(tx, before_s=5) == 1
    assert store.query("select name from turns") == [("new",)]


async def test_a_turn_that_is_given_back_goes_to_who_waits(database: Database, store: Store) -> None:
    """One after the other all the same, and no row is left."""
    assert await most_inside(database, giving_back=True) == 1
    assert store.query("select name from turns") == []
