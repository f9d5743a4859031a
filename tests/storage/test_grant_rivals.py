"""Nodes that do the same with a grant at the same moment, on each kind of database: one of them does it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest

from keygrove.protocol.consent import Consent
from keygrove.storage import apps, consents, grants
from keygrove.storage.database import Database, Transaction
from storage.granted import ACME, ANA, APP, BEA, add_companies_people_and_apps, add_grant, code_of
from stores import Store

RIVALS = 8
ACTS: dict[str, Callable[[Transaction], Awaitable[bool]]] = {
    "spend_code": lambda tx: grants.spend_code(tx, "g1", at_s=110),
    "start_refresh": lambda tx: grants.start_refresh(tx, "g1", at_s=110),
    "revoke": lambda tx: grants.revoke(tx, "g1", at_s=110),
    "set_state": lambda tx: apps.set_state(tx, "app1", was="live", state="suspended", at_s=110),
    "remove": lambda tx: apps.remove(tx, "app1", at_s=110),
}
pytestmark = pytest.mark.anyio


@pytest.fixture
async def nodes(store: Store, database: Database) -> AsyncIterator[list[Database]]:
    """Two nodes on one database with a grant, each asked by many at once."""
    await add_companies_people_and_apps(database)
    other = await store.open()
    yield [database, other] * (RIVALS // 2)
    await other.close()


async def at_once(nodes: list[Database], act: Callable[[Transaction], Awaitable[bool]]) -> list[bool]:
    """What each rival is told who does the act in a transaction of its own."""

    async def alone(database: Database) -> bool:
        async with database.transaction() as tx:
            return await act(tx)

    return await asyncio.gather(*(alone(database) for database in nodes))


async def give(database: Database, person_id: str, scope: str) -> None:
    """Let a person allow an app one thing."""
    async with database.transaction() as tx:
        await consents.give(tx, Consent(person_id, ACME.id, frozenset({scope})), APP.client_id, at_s=100)


@pytest.mark.parametrize("name", ACTS)
async def test_of_all_rivals_one_does_it(nodes: list[Database], name: str) -> None:
    """The others are told that they came too late."""
    await add_grant(nodes[0])
    assert sorted(await at_once(nodes, ACTS[name])) == [False] * (RIVALS - 1) + [True]


async def test_an_interaction_ends_in_one_grant_for_all_rivals(nodes: list[Database]) -> None:
    """Whoever sends the last form twice at once gets one code."""
    number = iter(range(RIVALS))

    async def insert(tx: Transaction) -> bool:
        name = f"g{next(number)}"
        return await grants.insert(
            tx, code_of(name), code_digest=name, interaction_id="the same", created_at_s=100
        )

    assert sorted(await at_once(nodes, insert)) == [False] * (RIVALS - 1) + [True]
    async with nodes[0].transaction() as tx:
        found = [await grants.by_code(tx, f"g{each}") for each in range(RIVALS)]
    assert len([one for one in found if one is not None]) == 1


async def test_each_generation_has_one_winner(nodes: list[Database]) -> None:
    """So nobody gets two children of one refresh token."""
    await add_grant(nodes[0])
    for generation in range(5):
        won = await at_once(
            nodes, partial(grants.rotate, grant_id="g1", generation=generation, at_s=110 + generation)
        )
        assert sorted(won) == [False] * (RIVALS - 1) + [True]
    async with nodes[1].transaction() as tx:
        found = await grants.by_id(tx, "g1")
    assert found is not None
    assert (found.refresh_generation, found.refreshed_at_s) == (5, 114)


async def test_a_revocation_and_a_rotation_at_once_never_leave_a_living_family(nodes: list[Database]) -> None:
    """Whoever is first: afterwards nothing rotates."""
    await add_grant(nodes[0])
    acts = [ACTS["revoke"], ACTS["start_refresh"], ACTS["spend_code"]]
    told = await asyncio.gather(*(at_once(nodes, act) for act in acts))
    assert sum(told[0]) == 1
    async with nodes[0].transaction() as tx:
        found = await grants.by_id(tx, "g1")
        assert found is not None
        assert found.standing.revoked
        assert found.refresh_generation == sum(told[1])
        assert not await grants.rotate(tx, "g1", generation=found.refresh_generation, at_s=120)


async def test_consents_given_at_once_are_all_kept(nodes: list[Database]) -> None:
    """Two tabs in which a person allows different things; also the first time."""
    for person in (ANA, BEA):
        scopes = [f"s{number}" for number in range(RIVALS)]
        await asyncio.gather(
            *(give(node, person.id, scope) for node, scope in zip(nodes, scopes, strict=True))
        )
        async with nodes[0].transaction() as tx:
            allowed = await consents.of_person(tx, APP.client_id, person.id)
        assert set(scopes) <= allowed[ACME.id]


async def test_what_is_withdrawn_meanwhile_does_not_come_back(nodes: list[Database]) -> None:
    """Whichever comes first, the yes or the end: nothing is left of what was allowed before."""
    for number in range(RIVALS):
        await give(nodes[0], ANA.id, "earlier")

        async def withdraw(database: Database) -> None:
            async with database.transaction() as tx:
                await consents.withdraw(tx, APP.client_id, ACME.id)

        await asyncio.gather(withdraw(nodes[0]), give(nodes[1], ANA.id, f"s{number}"))
        async with nodes[0].transaction() as tx:
            allowed = await consents.of_person(tx, APP.client_id, ANA.id)
        assert allowed.get(ACME.id) in (None, frozenset({f"s{number}"}))
        await withdraw(nodes[0])
