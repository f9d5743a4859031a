"""What has ended is forgotten; what has not stays."""

import pytest

from clocks import NOW, Clock
from keygrove.management import integrations, retention, setup, sign_in
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.storage import grants, sessions
from recorded import Journal
from storage.granted import add_companies_people_and_apps, add_grant, add_session, code_of
from stores import Store

pytestmark = pytest.mark.anyio
DAY_S = 24 * 3600
REFRESH = RefreshPolicy(idle_s=30 * DAY_S, absolute_s=365 * DAY_S)


async def counts(m: Management) -> dict[str, int]:
    """How many rows each table that is cleaned has."""
    tables = ("sessions", "sign_in_attempts", "setup_links", "creations", "turns")
    async with m.database.transaction() as tx:
        rows = {table: await tx.one(f"select count(*) as number from {table}") for table in tables}  # noqa: S608
    return {table: row["number"] for table, row in rows.items() if row is not None}


async def test_what_has_ended_is_forgotten(
    m: Management, acme: Company, clock: Clock, journal: Journal
) -> None:
    """A week later no session, attempt, link or form is left; the journal is as long as before."""
    token = await setup.new_link(m)
    await integrations.create_key(
        m, OPERATOR, acme.id, name="Sync", permissions=["marketing.read"], form_token="once"
    )
    await setup.complete(
        m,
        token.reveal(),
        company_name="First",
        name="Ana",
        email="ana@example.com",
        password="a clearing in a forest",
        address="192.0.2.1",
    )
    await sign_in.sign_in(m, email="ana@example.com", password="a clearing in a forest", address="192.0.2.1")
    before, lines = await counts(m), len(journal.lines())
    await retention.forget(m, REFRESH)
    assert await counts(m) == before
    assert min(before.values()) > 0
    clock.pass_by(8 * DAY_S)
    await retention.forget(m, REFRESH)
    assert set((await counts(m)).values()) == {0}
    assert len(journal.lines()) == lines


async def test_a_grant_is_forgotten_a_day_after_it_can_give_nothing_any_more(
    m: Management, clock: Clock
) -> None:
    """Without refresh tokens, revoked, not used for too long, grown too old."""
    begin = int(NOW)
    await add_companies_people_and_apps(m.database)
    for name in ("brief", "revoked", "idle", "kept in use"):
        assert await add_grant(m.database, code_of(name), created_at_s=begin)
    async with m.database.transaction() as tx:
        await grants.spend_code(tx, "brief", at_s=begin)
        for name in ("revoked", "idle", "kept in use"):
            await grants.start_refresh(tx, name, at_s=begin)
        await grants.revoke(tx, "revoked", at_s=begin)

    async def left() -> set[str]:
        await retention.forget(m, REFRESH)
        async with m.database.transaction() as tx:
            found = [await grants.by_id(tx, name) for name in ("brief", "revoked", "idle", "kept in use")]
        return {one.grant.grant_id for one in found if one is not None}

    async def use(generation: int) -> None:
        async with m.database.transaction() as tx:
            assert await grants.rotate(tx, "kept in use", generation=generation, at_s=m.now())

    clock.pass_by(DAY_S)
    assert await left() == {"brief", "revoked", "idle", "kept in use"}
    clock.pass_by(1)
    assert await left() == {"idle", "kept in use"}
    clock.pass_by(29 * DAY_S)
    await use(1)
    clock.pass_by(DAY_S - 1)
    assert await left() == {"idle", "kept in use"}
    clock.pass_by(1)
    assert await left() == {"kept in use"}
    for generation in range(2, 15):
        clock.pass_by(25 * DAY_S)
        await use(generation)
        assert await left() == {"kept in use"}
    clock.time = NOW + 366 * DAY_S
    assert await left() == {"kept in use"}
    clock.pass_by(1)
    assert await left() == set()


async def test_the_apps_of_earlier_sessions_are_known_when_the_last_one_ends(
    m: Management, clock: Clock, store: Store
) -> None:
    """However often the person signed in again meanwhile; then all of it is forgotten."""
    await add_companies_people_and_apps(m.database)
    for number in range(1, 7):
        digest = await add_session(m.database, f"sid{number}", at_s=m.now())
        if number != 2:
            code = code_of(f"g{number}", session_id=f"sid{number}")
            assert await add_grant(m.database, code, created_at_s=m.now())
        if number > 1:
            async with m.database.transaction() as tx:
                earlier = f"session sid{number - 1}"
                assert await sessions.succeed(tx, earlier, by_sid=f"sid{number}", at_s=m.now())
        clock.pass_by(11 * 3600)
        await retention.forget(m, REFRESH)
    kept = [(f"sid{number}",) for number in (1, 3, 4, 5, 6)]
    assert store.query("select sid from sessions order by sid") == kept
    async with m.database.transaction() as tx:
        assert await sessions.end(tx, digest, at_s=m.now())
    assert store.query("select sid from logout_notices order by sid") == kept
    for _ in range(2):
        clock.pass_by(2 * DAY_S)
        await retention.forget(m, REFRESH)
    for table in ("sessions", "grants"):
        assert store.query(f"select count(*) from {table}") == [(0,)]  # noqa: S608 - a table of ours
