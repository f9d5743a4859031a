"""Apps that are slow or out of reach hold up themselves, not the others: endpoints/backchannel_logout.py."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from backchannel.told import World, arrived, end, go_round, left
from clocks import NOW, Clock
from keygrove.endpoints.backchannel_logout import Courier
from keygrove.house import House
from keygrove.storage import apps
from storage.granted import ANA, APP, add_grant, add_session, code_of
from stores import Store

pytestmark = pytest.mark.anyio


async def test_few_are_told_at_once_and_a_slow_app_holds_up_itself(
    house: House, courier: Courier, world: World, store: Store
) -> None:
    """Two at a time of each app, four in all; the others wait for a later round."""
    other = "https://other.example/told"
    for number in range(2, 10):
        await add_session(house.database, f"sid{number}", at_s=int(NOW))
        await add_grant(house.database, code_of(f"g{number}", session_id=f"sid{number}"))
        await end(house, f"session sid{number}")
    world.gate = asyncio.Event()
    for _ in range(5):
        await courier.start_due()
    await arrived(world, 2)
    assert (world.most_at_once, len(world.sent)) == (2, 2)
    store.execute(f"update clients set backchannel_logout_uri = '{other}' where client_id = 'app2'")  # noqa: S608
    await add_session(house.database, "sid20", at_s=int(NOW))
    await add_grant(house.database, code_of("g20", client_id="app2", session_id="sid20"))
    await end(house, "session sid20")
    await courier.start_due()
    await arrived(world, 3)
    assert [uri for uri, _ in world.sent][2:] == [other]
    world.gate.set()
    await courier.finish()
    for _ in range(4):
        await go_round(courier)
    assert len(world.sent) == 9
    assert left(store) == []


async def wait(house: House, client_id: str, number: int) -> str:
    """Let an app be told of so many sign-outs, each a second later; where it is told."""
    uri = f"https://{client_id}.example/told"
    app = replace(APP, client_id=client_id, name=client_id, backchannel_logout_uri=uri)
    async with house.database.transaction() as tx:
        assert await apps.insert(tx, app, name_key=client_id, secret_digest="d")
        await tx.run_many(
            "insert into logout_notices (sid, client_id, person_id, ended_at_s, attempts, due_at_s) "
            "values ($1, $2, $3, $4, $5, $6)",
            [
                (f"{client_id} {at}", client_id, ANA.id, int(NOW) + at, 0, int(NOW) + at)
                for at in range(number)
            ],
        )
    return uri


async def test_apps_that_nobody_reaches_do_not_stop_the_others(
    house: House, courier: Courier, world: World, clock: Clock
) -> None:
    """Two of them with a backlog fill every place once; then they are left alone, and others are told."""
    world.dead = world.slow = frozenset([await wait(house, "dead1", 20), await wait(house, "dead2", 20)])
    world.gate = asyncio.Event()
    clock.pass_by(100)
    await courier.start_due()
    await arrived(world, 4)
    assert Counter(uri for uri, _ in world.sent) == dict.fromkeys(world.dead, 2)
    await end(house)
    world.gate.set()
    await courier.finish()
    await go_round(courier)
    assert [uri for uri, _ in world.sent[4:]] == [APP.backchannel_logout_uri]
    another = Courier(house.server, world.send)
    clock.pass_by(9)
    await go_round(another)
    assert len(world.sent) == 5
    clock.pass_by(1)
    await go_round(another)
    assert Counter(uri for uri, _ in world.sent[5:]) == dict.fromkeys(world.dead, 2)


async def test_an_app_that_is_back_is_told_of_all(
    house: House, courier: Courier, world: World, clock: Clock, store: Store
) -> None:
    """A minute later at most: it is left alone no longer, though one sign-out has a longer pause."""
    world.dead = frozenset([await wait(house, "dead1", 9)])
    for pause_s in (100, 10, 60, 60, 60):
        clock.pass_by(pause_s)
        await go_round(courier)
    tried = len(world.sent)
    world.dead = frozenset()
    clock.pass_by(59)
    await go_round(courier)
    assert len(world.sent) == tried
    clock.pass_by(1)
    for _ in range(5):
        await go_round(courier)
    assert len(world.sent) > tried
    assert all(attempts != 1 for attempts, _ in left(store))


async def test_an_app_that_listens_is_told_of_many_in_one_round(
    house: House, courier: Courier, world: World, clock: Clock, store: Store
) -> None:
    """One after the other in its places, 25 in each of them; the others have their places."""
    courier.in_a_row_s = 600
    busy, late = await wait(house, "busy", 60), await wait(house, "late", 3)
    clock.pass_by(100)
    await end(house)
    await go_round(courier)
    told = Counter(uri for uri, _ in world.sent)
    # What the second place was for, the first one may have told already.
    assert 25 <= told.pop(busy) <= 50
    assert told == {late: 3, APP.backchannel_logout_uri: 1}
    # None was claimed that nobody told, or told twice.
    assert {attempts for attempts, _ in left(store)} == {0}
    assert len(left(store)) + len(world.sent) == 64


async def test_an_app_that_fails_is_asked_no_more_in_this_round(
    house: House, courier: Courier, world: World, clock: Clock
) -> None:
    """What it said once it would say again; it has trouble enough."""
    courier.in_a_row_s = 600
    world.answers = [200, 200, 503]
    await wait(house, "busy", 9)
    clock.pass_by(100)
    await go_round(courier)
    assert 3 <= len(world.sent) <= 4


async def test_rivals_tell_each_sign_out_once(
    house: House, courier: Courier, world: World, clock: Clock
) -> None:
    """However many workers are at the same app's."""
    workers = [Courier(house.server, world.send, in_a_row_s=600) for _ in range(3)]
    await wait(house, "busy", 40)
    clock.pass_by(100)
    for _ in range(20):
        await asyncio.gather(*(go_round(each) for each in workers))
    assert len(world.sent) == 40


async def test_slow_apps_take_turns_with_the_others(
    house: House, courier: Courier, world: World, clock: Clock
) -> None:
    """They answer, so they are not left alone; whoever waited longer for a turn has it first."""
    courier.in_a_row_s = 0
    world.slow = frozenset([await wait(house, f"slow{number}", 20) for number in range(4)])
    world.gate = asyncio.Event()
    clock.pass_by(100)
    await end(house)
    await courier.start_due()
    await arrived(world, 4)
    assert Counter(uri for uri, _ in world.sent) == dict.fromkeys(world.slow, 1)
    gate, world.gate = world.gate, asyncio.Event()
    gate.set()
    await courier.finish()
    await courier.start_due()
    await arrived(world, 5)
    assert world.sent[4][0] == APP.backchannel_logout_uri
    world.gate.set()
    await courier.finish()
