"""Connected apps: shown to the company that connected them, and ended by it."""

import pytest

from keygrove.management import connected_apps
from keygrove.management.companies import Company
from keygrove.management.context import Management
from keygrove.management.errors import Forbidden, NotFound
from keygrove.storage import grants
from management.apps import connected, live_app
from management.conftest import ANA, AUDITOR, NOW, Journal

pytestmark = pytest.mark.anyio


async def revoked(m: Management, grant_id: str) -> bool:
    """Whether a grant has ended."""
    async with m.database.transaction() as tx:
        found = await grants.by_id(tx, grant_id)
    assert found is not None
    return found.standing.revoked


async def test_a_company_sees_who_connected_what_and_when(
    m: Management, acme: Company, rival: Company
) -> None:
    """Its own only."""
    app = await live_app(m, rival)
    await connected(m, acme, app)
    (seen,) = await connected_apps.list_connected(m, acme.id)
    assert seen == await connected_apps.get_connected(m, acme.id, app.client_id)
    assert (seen.name, seen.maker, seen.last_used_at_s) == (app.name, "Rival", int(NOW))
    assert [(one.name, one.given_at_s) for one in seen.people] == [("Bo", int(NOW))]
    assert set(seen.scope.tokens) == {"openid", "booking.read", "offline"}
    assert await connected_apps.list_connected(m, rival.id) == ()
    for company_id, client_id in ((rival.id, app.client_id), (acme.id, "kg_ci_unknown")):
        with pytest.raises(NotFound):
            await connected_apps.get_connected(m, company_id, client_id)


async def test_disconnecting_ends_everything_of_that_company_and_nothing_else(
    m: Management, acme: Company, rival: Company, journal: Journal
) -> None:
    """In one commit, with its line in the journal; the second time there is nothing."""
    app, other = await live_app(m, rival), await live_app(m, rival, "Tides")
    mine = [await connected(m, acme, app, f"p{number}@acme.example", number=number) for number in range(2)]
    kept = [await connected(m, rival, app, "r@rival.example"), await connected(m, acme, other)]
    await connected_apps.disconnect(m, ANA, acme.id, app.client_id)
    assert [await revoked(m, grant_id) for grant_id in (*mine, *kept)] == [True, True, False, False]
    assert [each.name for each in await connected_apps.list_connected(m, acme.id)] == ["Tides"]
    assert len(await connected_apps.list_connected(m, rival.id)) == 1
    line = journal.lines("app.disconnected")[-1]
    assert (line["outcome"], line["target_id"], line["company_id"]) == ("done", app.client_id, acme.id)
    assert (line["detail"]["grants_ended"], len(line["detail"]["people"])) == (2, 2)
    with pytest.raises(NotFound):
        await connected_apps.disconnect(m, ANA, acme.id, app.client_id)


async def test_only_an_admin_of_the_company_disconnects(
    m: Management, acme: Company, rival: Company, journal: Journal
) -> None:
    """An auditor is refused and on record; another company finds no such app."""
    app = await live_app(m, rival)
    grant_id = await connected(m, acme, app)
    with pytest.raises(Forbidden):
        await connected_apps.disconnect(m, AUDITOR, acme.id, app.client_id)
    assert journal.lines("app.disconnected")[-1]["outcome"] == "refused"
    with pytest.raises(NotFound):
        await connected_apps.disconnect(m, ANA, rival.id, app.client_id)
    assert not await revoked(m, grant_id)
