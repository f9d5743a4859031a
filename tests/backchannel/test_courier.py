"""Who is told of a sign-out, when, and how often: endpoints/backchannel_logout.py."""

import asyncio
import logging
from typing import NoReturn

import pytest

from backchannel.told import World, end, go_round, left
from clocks import NOW, Clock
from hostile_rules import assert_silent
from keygrove.crypto.jose import verify
from keygrove.endpoints.backchannel_logout import Courier
from keygrove.endpoints.signer import Signer
from keygrove.house import House
from keygrove.management import people, retention, sign_in
from keygrove.management.context import OPERATOR
from keygrove.management.missed_sign_outs import missed_sign_outs
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.storage import apps, sessions
from recorded import Journal
from storage.granted import ANA, APP, add_grant, add_session, code_of
from stores import Store

pytestmark = pytest.mark.anyio
PASSWORD = "another clearing in a forest"


async def test_the_token_is_signed_as_id_tokens_are(house: House, courier: Courier, world: World) -> None:
    """RS256 with the current key, of its own type; each claim of §2.4."""
    await go_round(courier)
    assert world.sent == []
    await end(house)
    await go_round(courier)
    ((uri, token),) = world.sent
    assert uri == APP.backchannel_logout_uri
    keys = house.keyring().public_keys(int(NOW))
    claims = verify(token, keys, algorithms={"RS256"}, types=("logout+jwt",))
    assert len(str(claims.pop("jti"))) > 20
    assert claims == {
        "iss": "https://issuer.example",
        "sub": ANA.id,
        "aud": APP.client_id,
        "iat": int(NOW),
        "exp": int(NOW) + 120,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sid": "sid1",
    }
    await go_round(courier)
    assert len(world.sent) == 1


@pytest.mark.parametrize("how", ["sign out", "disabled", "another password", "somebody else signs in"])
async def test_every_way_out_is_told(house: House, courier: Courier, world: World, how: str) -> None:
    """Once, whatever ended the session."""
    m = house.management
    bea = await people.create(
        m, OPERATOR, company_id=APP.company_id, email="cy@acme.example", password=PASSWORD
    )
    await people.set_password(m, OPERATOR, ANA.id, PASSWORD)
    await go_round(courier)
    world.sent.clear()

    async def enter(email: str) -> sign_in.Session:
        return (await sign_in.sign_in(m, email=email, password=PASSWORD, address="192.0.2.1")).session

    session = await enter(ANA.email)
    assert session.sid is not None
    await add_grant(house.database, code_of("g2", session_id=session.sid))
    who = {"address": "192.0.2.1", "request_id": "r1"}
    match how:
        case "sign out":
            await sign_in.sign_out(m, session, **who)
        case "disabled":
            await people.disable(m, OPERATOR, ANA.id)
        case "another password":
            await people.set_password(m, OPERATOR, ANA.id, PASSWORD + "!")
        case _:
            await sign_in.change_over(m, session, await enter(bea.email), **who)
    await go_round(courier)
    assert [uri for uri, _ in world.sent] == [APP.backchannel_logout_uri]


async def test_who_only_signs_in_again_stays_signed_in(house: House, courier: Courier, world: World) -> None:
    """No app is told before the later session ends; then those of both are."""
    m = house.management
    await people.set_password(m, OPERATOR, ANA.id, PASSWORD)
    await go_round(courier)
    world.sent.clear()
    who = {"address": "192.0.2.1", "request_id": "r1"}
    entered = [
        (await sign_in.sign_in(m, email=ANA.email, password=PASSWORD, address="192.0.2.1")).session
        for _ in range(2)
    ]
    assert entered[0].sid is not None
    await add_grant(house.database, code_of("g2", session_id=entered[0].sid))
    await sign_in.change_over(m, entered[0], entered[1], **who)
    await go_round(courier)
    assert world.sent == []
    await sign_in.sign_out(m, entered[1], **who)
    await go_round(courier)
    ((_, token),) = world.sent
    claims = verify(token, house.keyring().public_keys(int(NOW)), algorithms={"RS256"}, types=("logout+jwt",))
    assert claims["sid"] == entered[0].sid


async def test_the_apps_of_the_longest_session_are_known_at_its_end(
    house: House, courier: Courier, world: World, clock: Clock
) -> None:
    """A grant without refresh tokens gives nothing any more by then, and is kept all the same."""
    clock.pass_by(sign_in.ABSOLUTE_S - 1)
    await retention.forget(house.management, RefreshPolicy(idle_s=1, absolute_s=1))
    await end(house)
    await go_round(courier)
    assert len(world.sent) == 1


async def test_a_session_that_nobody_ended_ends_when_it_is_forgotten(
    house: House, courier: Courier, world: World, clock: Clock, store: Store
) -> None:
    """Its apps are told then, once, and those of the session whose place it took."""
    clock.pass_by(10)
    await add_session(house.database, "sid2", at_s=int(clock()))
    await add_grant(house.database, code_of("g2", session_id="sid2"), created_at_s=int(clock()))
    async with house.database.transaction() as tx:
        assert await sessions.succeed(tx, "session sid1", by_sid="sid2", at_s=int(clock()))
    clock.pass_by(retention.SESSIONS_KEPT_S)
    await retention.forget(house.management, RefreshPolicy())
    await go_round(courier)
    assert world.sent == []
    clock.pass_by(1)
    # Every worker forgets.
    await asyncio.gather(*(retention.forget(house.management, RefreshPolicy()) for _ in range(3)))
    assert store.query("select sid from sessions") == []
    await go_round(courier)
    await retention.forget(house.management, RefreshPolicy())
    await go_round(courier)
    keys = house.keyring().public_keys(int(clock()))
    told = [
        verify(token, keys, algorithms={"RS256"}, types=("logout+jwt",))["sid"] for _, token in world.sent
    ]
    assert sorted(map(str, told)) == ["sid1", "sid2"]


async def test_what_is_forgotten_is_counted(
    house: House, courier: Courier, clock: Clock, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An app that nobody reached for a day is not passed over in silence."""
    await end(house)
    clock.pass_by(24 * 3600)
    await retention.forget(house.management, RefreshPolicy())
    assert caplog.records == []
    clock.pass_by(1)
    await retention.forget(house.management, RefreshPolicy())
    assert left(store) == []
    assert [vars(record)["number"] for record in caplog.records] == [1]


async def test_what_fails_is_tried_again_with_growing_pauses(
    house: House, courier: Courier, world: World, clock: Clock, store: Store, journal: Journal
) -> None:
    """Four times in all, each with a fresh token; then given up, with a line for its maker."""
    world.answers = ["no answer within 5 seconds", 302, 503, 404]
    await end(house)
    for attempt, pause_s in enumerate((10, 60, 600), start=1):
        await go_round(courier)
        assert left(store) == [(attempt, int(clock()) - int(NOW) + pause_s)]
        clock.pass_by(pause_s - 1)
        await go_round(courier)
        assert len(world.sent) == attempt
        clock.pass_by(1)
    assert journal.lines("app.told_of_sign_out") == []
    await go_round(courier)
    assert left(store) == []
    keys = house.keyring().public_keys(int(NOW))
    claims = [verify(token, keys, algorithms={"RS256"}, types=("logout+jwt",)) for _, token in world.sent]
    assert len({str(each["jti"]) for each in claims}) == 4
    assert [each["iat"] for each in claims] == [int(NOW) + at for at in (0, 10, 70, 670)]
    (line,) = journal.lines("app.told_of_sign_out")
    assert (line["company_id"], line["target_id"], line["outcome"]) == (
        APP.company_id,
        APP.client_id,
        "failed",
    )
    assert line["detail"] == {"reason": "it answered neither 200, 204 nor 400", "attempts": 4}
    (missed,) = await missed_sign_outs(house.management, APP.client_id)
    assert (missed.reason, missed.attempts) == (line["detail"]["reason"], 4)
    clock.pass_by(31 * 24 * 3600)
    assert await missed_sign_outs(house.management, APP.client_id) == ()


@pytest.mark.parametrize("status", [200, 204, 400])
async def test_an_answer_that_counts_ends_it(
    house: House,
    courier: Courier,
    world: World,
    store: Store,
    journal: Journal,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """400 is a refusal, or the app's own failure: logged, in the journal, not repeated (§2.8)."""
    caplog.set_level(logging.INFO, "keygrove.logout")
    world.answers = [status]
    await end(house)
    await go_round(courier)
    assert left(store) == []
    levels = [record.levelno for record in caplog.records if record.name == "keygrove.logout"]
    assert levels == [logging.WARNING if status == 400 else logging.INFO]
    lines = journal.lines("app.told_of_sign_out")
    assert [(line["outcome"], line["detail"]) for line in lines] == [
        ("refused", {"reason": "it answered 400", "attempts": 1})
    ] * (status == 400)


@pytest.mark.parametrize("why", ["the host is at an internal address", "ConnectError: [Errno 111] refused"])
async def test_the_journal_tells_nothing_of_the_network_behind_us(
    house: House,
    courier: Courier,
    world: World,
    clock: Clock,
    journal: Journal,
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An app's maker who reads it could scan names and ports; the operator's log says what it was (SSRF)."""
    caplog.set_level(logging.INFO, "keygrove.logout")
    world.answers = [why]
    await end(house)
    for pause_s in (10, 60, 600, 0):
        await go_round(courier)
        clock.pass_by(pause_s)
    (line,) = journal.lines("app.told_of_sign_out")
    assert line["detail"] == {"reason": "it could not be reached", "attempts": 4}
    assert [vars(record)["reason"] for record in caplog.records] == [why] * 4


async def test_an_app_that_is_suspended_meanwhile_is_not_told(
    house: House, courier: Courier, world: World, store: Store, journal: Journal
) -> None:
    """Nothing is sent where nobody wants it any more."""
    await end(house)
    async with house.database.transaction() as tx:
        await apps.set_state(tx, APP.client_id, was="live", state="suspended", at_s=int(NOW))
    await go_round(courier)
    assert (world.sent, left(store), journal.lines("app.told_of_sign_out")) == ([], [], [])


async def test_an_address_of_older_rules_is_held_to_todays(
    house: House, courier: Courier, world: World, store: Store, journal: Journal
) -> None:
    """Whatever the row says; its maker should know."""
    store.execute("update clients set backchannel_logout_uri = 'http://app.example/#x'")
    await end(house)
    await go_round(courier)
    assert (world.sent, left(store)) == ([], [])
    (line,) = journal.lines("app.told_of_sign_out")
    assert line["detail"] == {"reason": "its address is not allowed", "attempts": 1}


async def test_one_of_many_workers_tells(house: House, courier: Courier, world: World) -> None:
    """All look at the same moment; the app hears of it once."""
    await end(house)
    workers = [courier, *(Courier(house.server, world.send) for _ in range(5))]
    await asyncio.gather(*(go_round(each) for each in workers))
    assert len(world.sent) == 1


async def test_a_worker_that_dies_over_it_is_replaced(
    house: House, courier: Courier, world: World, clock: Clock
) -> None:
    """Its claim runs out after half a minute, and another one tells the app."""
    await end(house)
    world.gate = asyncio.Event()
    await courier.start_due()
    await asyncio.sleep(0)
    another = Courier(house.server, world.send)
    clock.pass_by(29)
    await go_round(another)
    assert len(world.sent) <= 1
    clock.pass_by(1)
    await another.start_due()
    world.gate.set()
    await another.finish()
    await courier.finish()
    assert len(world.sent) == 2


@pytest.mark.parametrize("where", ["sending", "signing"])
async def test_a_fault_of_ours_counts_as_an_attempt(
    house: House,
    courier: Courier,
    clock: Clock,
    store: Store,
    journal: Journal,
    where: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is logged whole, tried again with the same pauses, and given up with a line in the journal."""

    async def fail(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("a fault")

    if where == "signing":
        monkeypatch.setattr(Signer, "sign", fail)
    else:
        courier.send = fail
    await end(house)
    await go_round(courier)
    assert left(store) == [(1, 10)]
    assert "telling an app of a sign-out failed" in caplog.text
    assert "a fault" in caplog.text
    for pause_s in (10, 60, 600):
        clock.pass_by(pause_s)
        await go_round(courier)
    assert left(store) == []
    assert len(journal.lines("app.told_of_sign_out")) == 1


async def test_no_token_is_in_the_log(
    house: House, courier: Courier, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Of whatever outcome."""
    caplog.set_level(logging.DEBUG)
    world.answers = ["refused", 500, 400]
    await end(house)
    await go_round(courier)
    assert caplog.records
    assert_silent(caplog.text + repr([vars(record) for record in caplog.records]), ())
