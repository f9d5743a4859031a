"""The link with which who forgot the password chooses another one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from clocks import Clock
from keygrove.management import password_reset, people, retention, sign_in
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, LinkExpired, NotFound, Throttled
from keygrove.management.password_reset import LINK_LIFE_S
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from recorded import Journal
from storage.granted import ANA, add_companies_people_and_apps, add_grant, code_of
from stores import Store

PASSWORD, OTHER = "a clearing in a forest", "another clearing in a forest"
HERE = "192.0.2.1"
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def ana(m: Management) -> None:
    """Ana, who has a password."""
    await add_companies_people_and_apps(m.database)
    await people.set_password(m, OPERATOR, ANA.id, PASSWORD)


async def new_link(m: Management) -> str:
    """A link's token."""
    return (await password_reset.new_link(m, ANA.id)).reveal()


async def use(m: Management, token: str, password: str = OTHER) -> None:
    """Choose a password by a link."""
    await password_reset.complete(m, token, password, address=HERE)


async def enter(m: Management, password: str) -> str:
    """Sign in; the session's token."""
    new = await sign_in.sign_in(m, email=ANA.email, password=password, address=HERE)
    return new.token.reveal()


async def test_l11_a_link_gives_one_password_once(m: Management, journal: Journal, store: Store) -> None:
    """Sessions and grants of the old one end; neither link nor password is kept as it is."""
    session = await enter(m, PASSWORD)
    assert await add_grant(m.database, code_of("g1"))
    token = await new_link(m)
    assert await password_reset.check(m, token) == ANA
    await use(m, token)
    assert await sign_in.find_session(m, session) is None
    assert store.query("select count(*) from grants where revoked_at_s is null") == [(0,)]
    for used in (password_reset.check(m, token), use(m, token, "a third clearing")):
        with pytest.raises(LinkExpired):
            await used
    await enter(m, OTHER)
    (made,) = journal.lines("person.reset_link_made")
    assert (made["actor_id"], made["target_id"], made["detail"]) == ("operator", ANA.id, {})
    line = journal.lines("person.password_set")[-1]
    assert (line["actor_id"], line["target_id"], line["address"]) == (ANA.id, ANA.id, HERE)
    stored = journal.everything_stored()
    assert OTHER not in stored
    assert token not in stored


async def _disable_and_enable(m: Management) -> None:
    await people.disable(m, OPERATOR, ANA.id)
    await people.enable(m, OPERATOR, ANA.id)


ENDS: dict[str, Callable[[Management], Awaitable[object]]] = {
    "a newer link": lambda m: password_reset.new_link(m, ANA.id),
    "another password": lambda m: people.set_password(m, OPERATOR, ANA.id, "a third clearing"),
    "the person disabled": lambda m: people.disable(m, OPERATOR, ANA.id),
    "the person disabled for a moment": _disable_and_enable,
}


@pytest.mark.parametrize("end", ["its time", *ENDS])
async def test_l11_what_ends_a_link(m: Management, clock: Clock, end: str) -> None:
    """Until then it is good, to the last second."""
    token = await new_link(m)
    clock.pass_by(LINK_LIFE_S - 1)
    await password_reset.check(m, token)
    if end in ENDS:
        await ENDS[end](m)
    else:
        clock.pass_by(1)
    for dead in (password_reset.check(m, token), use(m, token)):
        with pytest.raises(LinkExpired):
            await dead


@pytest.mark.parametrize("token", ["", "x", "kg_rp_" + "0" * 49, "\ud800", "\0"])
async def test_no_other_token_is_a_link(m: Management, token: str) -> None:
    """Whatever it looks like."""
    await new_link(m)
    with pytest.raises(LinkExpired):
        await use(m, token)


async def test_a_link_is_used_twice_at_one_instant(m: Management) -> None:
    """By one of them."""
    token = await new_link(m)
    outcomes = await asyncio.gather(use(m, token), use(m, token, "a third clearing"), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(None), LinkExpired}


async def test_a_bad_password_spends_nothing(m: Management) -> None:
    """The rules are those of every password."""
    token = await new_link(m)
    with pytest.raises(Invalid) as short:
        await use(m, token, "short")
    assert [fault.field for fault in short.value.faults] == ["password"]
    await use(m, token)


async def test_who_guessed_before_does_not_wait_afterwards(m: Management) -> None:
    """Neither by the account, nor by the address from which nothing else was tried."""
    for _ in range(40):
        with pytest.raises((Invalid, Throttled)):
            await enter(m, "a guess")
    await use(m, await new_link(m))
    await enter(m, OTHER)


async def test_nobody_and_the_disabled_get_no_link(m: Management) -> None:
    """The operator is told which of the two."""
    with pytest.raises(NotFound, match="no such person"):
        await password_reset.new_link(m, "kg_pe_nobody")
    await people.disable(m, OPERATOR, ANA.id)
    with pytest.raises(NotFound, match="disabled"):
        await password_reset.new_link(m, ANA.id)


async def test_a_link_that_expired_is_forgotten(m: Management, clock: Clock, store: Store) -> None:
    """A day later."""
    await new_link(m)
    await retention.forget(m, RefreshPolicy())
    assert store.query("select count(*) from reset_links") == [(1,)]
    clock.pass_by(2 * 24 * 3600)
    await retention.forget(m, RefreshPolicy())
    assert store.query("select count(*) from reset_links") == [(0,)]
