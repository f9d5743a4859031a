"""Connected apps: shown to the company that connected them, and ended by it."""

import itertools
import json

import pytest

from clocks import NOW, Clock
from keygrove.crypto.secrets import new_event_id
from keygrove.management import app_review, connected_apps
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Forbidden, NotFound
from keygrove.storage import grants, journal
from management.apps import connected, live_app
from management.conftest import ANA, AUDITOR
from recorded import Journal

pytestmark = pytest.mark.anyio
_MOMENTS = itertools.count(1)


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


def line(
    action: str, target_id: str, company_id: str, actor: tuple[str, str], **detail: str
) -> journal.Event:
    """A line of the journal as endpoints write it."""
    kind, who = actor
    return journal.Event(
        id=new_event_id(next(_MOMENTS)),
        at_us=next(_MOMENTS),
        actor_kind=kind,
        actor_id=who,
        actor_name=who,
        company_id=company_id,
        action=action,
        target_id=target_id,
        outcome="done",
        detail=json.dumps(detail),
        address="",
        request_id="",
    )


async def test_what_happened_to_an_app_in_a_company_is_told_youngest_first(
    m: Management, acme: Company, rival: Company, clock: Clock
) -> None:
    """What each added, who came back; nothing of other companies, and nothing of other apps."""
    app, other = await live_app(m, rival), await live_app(m, rival, "Tides")
    ana, bo, itself = ("person", "Ana"), ("person", "Bo"), ("client", app.client_id)
    mine, id = acme.id, app.client_id
    lines = [
        line("app.connected", id, mine, ana, scope="booking.read openid"),
        line("app.connected", id, rival.id, bo, scope="order.read"),
        line("app.connected", other.client_id, mine, bo, scope="order.read"),
        line("app.connected", id, mine, ana, scope="booking.read event.read openid"),
        line("grant.revoked", "g1", mine, itself, reason=journal.GAVE_BACK),
        line("grant.revoked", "g2", mine, ("client", other.client_id), reason=journal.GAVE_BACK),
        line("app.connected", id, mine, ana, scope="openid"),
        line("app.connected", id, mine, bo, scope="openid"),
        line("grant.revoked", "g3", mine, itself, reason="the refresh token was used before"),
    ]
    async with m.database.transaction() as tx:
        for each in lines:
            await journal.append(tx, each)
    await connected(m, acme, app)
    await app_review.suspend(m, OPERATOR, id)
    clock.pass_by(1)
    await connected_apps.disconnect(m, ANA, mine, id)
    told = await connected_apps.activity(m, mine, id)
    assert [(one.what, one.added) for one in told] == [
        ("disconnected", ()),
        ("suspended", ()),
        ("stolen", ()),
        ("connected", ()),
        ("again", ()),
        ("gave-back", ()),
        ("widened", ("event.read",)),
        ("connected", ("booking.read", "openid")),
    ]
    assert [one.who for one in told[:2]] == [ANA.name, OPERATOR.name]
    assert len(await connected_apps.activity(m, rival.id, id)) == 2


async def test_an_app_that_gave_its_access_back_is_said_to_hold_none(
    m: Management, acme: Company, rival: Company
) -> None:
    """It stays connected: it may come again."""
    app = await live_app(m, rival)
    grant_id = await connected(m, acme, app)
    assert (await connected_apps.get_connected(m, acme.id, app.client_id)).has_access
    async with m.database.transaction() as tx:
        await grants.revoke(tx, grant_id, at_s=m.now())
    assert not (await connected_apps.get_connected(m, acme.id, app.client_id)).has_access
