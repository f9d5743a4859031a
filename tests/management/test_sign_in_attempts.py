"""Which attempts to sign in count together, and what they leave behind."""

import asyncio
from dataclasses import replace

import pytest

from clocks import Clock
from keygrove.crypto.passwords import Passwords
from keygrove.management import people, sign_in
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, Throttled, TooBusy
from keygrove.management.people import Person
from recorded import Journal
from stores import Store

EMAIL, PASSWORD = "ana@acme.example", "a clearing in a forest"
NETWORK = "2001:db8:1:2"
DAY_S = 86_400
pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("ana")]


@pytest.fixture
async def ana(m: Management, acme: Company) -> Person:
    """An admin of Acme."""
    return await people.create(m, OPERATOR, company_id=acme.id, email=EMAIL, password=PASSWORD)


async def enter(
    m: Management, email: str = EMAIL, password: str = PASSWORD, *, address: str = "192.0.2.1"
) -> sign_in.NewSession:
    """Sign in."""
    return await sign_in.sign_in(m, email=email, password=password, address=address)


async def test_l06_one_ipv6_network_is_throttled_over_all_its_addresses(
    m: Management, store: Store, journal: Journal
) -> None:
    """Twenty passwords are looked at, what was not leaves nothing, and the network beside notices nothing."""
    guesses = [
        enter(m, f"p{number}@acme.example", "Summer2026", address=f"{NETWORK}::{number:x}")
        for number in range(1, 101)
    ]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(answer, Invalid) for answer in answers) == 20
    assert sum(isinstance(answer, Throttled) for answer in answers) == 80
    assert store.query("select count(*) from sign_in_attempts") == [(20,)]
    assert store.query("select count(*) from turns") == [(21,)]
    told = {line["address"] for line in journal.lines("person.sign_in")}
    assert len(told) == 20
    assert told <= {f"{NETWORK}::{number:x}" for number in range(1, 101)}
    with pytest.raises(Throttled):
        await enter(m, address=f"{NETWORK}:ffff::1")
    await enter(m, address="2001:db8:1:3::1")


async def test_the_network_is_throttled_where_one_confirms_too(m: Management) -> None:
    """A stolen session is no place to guess from either."""
    session = (await enter(m)).session
    for number in range(1, 21):
        with pytest.raises(Invalid):
            await enter(m, f"p{number}@acme.example", "Summer2026", address=f"{NETWORK}::{number:x}")
    with pytest.raises(Throttled):
        await sign_in.confirm(m, session, PASSWORD, address=f"{NETWORK}::ffff")


async def test_attempts_that_nobody_had_time_for_leave_nothing_of_their_accounts(
    m: Management, store: Store, journal: Journal
) -> None:
    """However many accounts they make up; one that was looked at leaves its turn."""
    session = (await enter(m)).session
    kinds = ("turns", "sign_in_attempts", "journal")
    before = {kind: store.query(f"select count(*) from {kind}") for kind in kinds}  # noqa: S608 - of ours
    busy = replace(m, passwords=Passwords(waiting=-1))
    for number in range(30):
        with pytest.raises(TooBusy):
            await enter(busy, f"p{number}@acme.example")
    assert before == {kind: store.query(f"select count(*) from {kind}") for kind in kinds}  # noqa: S608
    with pytest.raises(TooBusy):
        await sign_in.confirm(busy, session, PASSWORD, address="192.0.2.1")
    assert store.query("select name from turns where name like 'sign-in of %'") == []
    await enter(m)


@pytest.mark.parametrize("ahead_s", [1, DAY_S])
async def test_f13_a_success_of_a_clock_that_was_ahead_hides_no_failure(
    m: Management, clock: Clock, ahead_s: int
) -> None:
    """Put right, the clock finds it in the future; guessing is slowed down all the same."""
    clock.pass_by(ahead_s)
    await enter(m)
    clock.pass_by(-ahead_s)
    for number in range(5):
        with pytest.raises(Invalid):
            await enter(m, password="a guess", address=f"10.0.1.{number}")
    with pytest.raises(Throttled) as throttled:
        await enter(m)
    assert throttled.value.retry_at_s == m.now() + 1


async def test_f13_failures_of_a_clock_that_was_ahead_lock_nobody_out(m: Management, clock: Clock) -> None:
    """Neither the account nor the address; nobody waits for tomorrow."""
    clock.pass_by(DAY_S)
    for _ in range(5):
        with pytest.raises(Invalid):
            await enter(m, password="a guess")
    for number in range(15):
        with pytest.raises(Invalid):
            await enter(m, f"p{number}@acme.example", "a guess")
    with pytest.raises(Throttled):
        await enter(m)
    clock.pass_by(-DAY_S)
    await enter(m)


async def test_a_node_whose_clock_is_a_little_ahead_counts_along(m: Management, clock: Clock) -> None:
    """Its failures are no free guesses at the others."""
    clock.pass_by(2)
    for number in range(5):
        with pytest.raises(Invalid):
            await enter(m, password="a guess", address=f"10.0.1.{number}")
    clock.pass_by(-2)
    with pytest.raises(Throttled):
        await enter(m)
