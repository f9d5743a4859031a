"""Apps are submitted, approved, suspended and resumed."""

import asyncio
from dataclasses import replace

import pytest

from clocks import Clock
from keygrove.management import app_review, apps
from keygrove.management.app_details import revision_of
from keygrove.management.apps import App
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, NotFound
from keygrove.storage import clients
from management.apps import WAVES, approved, live_app, registered
from management.conftest import ANA
from management.keys import refused
from recorded import Journal

pytestmark = pytest.mark.anyio


class TestReview:
    """submit, approve, suspend, resume"""

    async def test_what_a_review_needs_is_asked_for_all_at_once(self, m: Management, acme: Company) -> None:
        """By the names of the fields."""
        bare = replace(
            WAVES, description="", policy_uri="", tos_uri="", owner="", contact_email="", reasons={}
        )
        new = await registered(m, acme, bare)
        fields = ("description", "reasons", "policy_uri", "tos_uri", "owner", "contact_email")
        await refused(*fields, doing=app_review.submit(m, ANA, acme.id, new.app.client_id))
        assert (await apps.get_app(m, ANA, acme.id, new.app.client_id)).state == "draft"

    async def test_a_live_app_serves_every_company_and_a_suspended_one_none(
        self, m: Management, acme: Company, clock: Clock, journal: Journal
    ) -> None:
        """Who did what to it when is on record."""
        client_id = (await registered(m, acme)).app.client_id
        await app_review.submit(m, ANA, acme.id, client_id)
        assert [app.client_id for app in await apps.every(m, state="in_review")] == [client_id]
        clock.pass_by(10)
        live = await approved(m, client_id)
        assert (live.state, live.verified_at_s, live.submitted_at_s) == ("live", m.now(), m.now() - 10)
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, client_id)
        assert client is not None
        assert (client.enabled, client.restricted_to) == (True, None)
        assert (await app_review.suspend(m, OPERATOR, client_id)).state == "suspended"
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, client_id)
        assert client is not None
        assert not client.enabled
        assert (await app_review.resume(m, OPERATOR, client_id)).state == "live"
        actions = [line["action"] for line in journal.lines() if line["action"].startswith("app.")]
        assert set(actions) == {
            "app.registered",
            "app.submitted",
            "app.approved",
            "app.suspended",
            "app.resumed",
        }
        assert len(actions) == 5

    async def test_no_change_of_its_makers_stops_a_suspension(
        self, m: Management, acme: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However often they save it: here just when the operator has found it."""
        app = await live_app(m, acme)
        find = apps.of_operator

        async def found(m: Management, client_id: str) -> App:
            seen = await find(m, client_id)
            words = replace(WAVES, description=f"{seen.description} And more.")
            if seen.state == "live":
                await apps.update(m, ANA, acme.id, client_id, words)
            return seen

        monkeypatch.setattr(app_review, "of_operator", found)
        suspended = await app_review.suspend(m, OPERATOR, app.client_id)
        assert (suspended.state, suspended.description) == ("suspended", f"{WAVES.description} And more.")

    async def test_what_was_never_live_comes_back_as_a_draft(self, m: Management, acme: Company) -> None:
        """A suspension is no review."""
        client_id = (await registered(m, acme)).app.client_id
        await app_review.suspend(m, OPERATOR, client_id)
        assert (await app_review.resume(m, OPERATOR, client_id)).state == "draft"

    async def test_a_step_that_does_not_follow_is_refused_with_the_state(
        self, m: Management, acme: Company
    ) -> None:
        """Nothing is changed."""
        app = await live_app(m, acme)
        for step in (app_review.submit, app_review.withdraw):
            invalid = await refused("state", doing=step(m, ANA, acme.id, app.client_id))
            assert "The app is live." in str(invalid)
        await refused("state", doing=approved(m, app.client_id))
        await refused("state", doing=app_review.resume(m, OPERATOR, app.client_id))
        await app_review.suspend(m, OPERATOR, app.client_id)
        await refused("state", doing=app_review.suspend(m, OPERATOR, app.client_id))
        with pytest.raises(NotFound):
            await app_review.suspend(m, OPERATOR, "kg_ci_unknown")

    async def test_what_is_approved_is_what_was_looked_at(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """No draft, and nothing that was taken back, changed and submitted again meanwhile."""
        app = (await registered(m, acme)).app
        await refused("state", doing=approved(m, app.client_id))
        await app_review.submit(m, ANA, acme.id, app.client_id)
        looked_at = revision_of(app)
        await app_review.withdraw(m, ANA, acme.id, app.client_id)
        await refused("state", doing=app_review.approve(m, OPERATOR, app.client_id, revision=looked_at))
        await apps.update(m, ANA, acme.id, app.client_id, replace(WAVES, tos_uri="https://evil.example/"))
        await app_review.submit(m, ANA, acme.id, app.client_id)
        await refused("revision", doing=app_review.approve(m, OPERATOR, app.client_id, revision=looked_at))
        now = await apps.of_operator(m, app.client_id)
        assert now.state == "in_review"
        live = await app_review.approve(m, OPERATOR, app.client_id, revision=revision_of(now))
        assert live.state == "live"
        assert journal.lines("app.approved")[-1]["detail"]["revision"] == revision_of(now)

    async def test_nobody_finds_two_apps_with_one_revision(self, m: Management, acme: Company) -> None:
        """Its maker chooses both sides: a revision of n bits is found twice after 2^(n/2) attempts."""
        assert len(revision_of((await registered(m, acme)).app)) * 4 == 256

    async def test_an_approval_and_its_withdrawal_at_once_do_one_of_them(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """Whoever came first; the other one is told."""
        client_id = (await registered(m, acme)).app.client_id
        await app_review.submit(m, ANA, acme.id, client_id)
        both = await asyncio.gather(
            approved(m, client_id),
            app_review.withdraw(m, ANA, acme.id, client_id),
            return_exceptions=True,
        )
        assert sorted(isinstance(one, Invalid) for one in both) == [False, True]
        assert len(journal.lines("app.approved") + journal.lines("app.withdrawn")) == 1

    async def test_two_who_decide_at_once_do_it_once(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """The other one is told."""
        client_id = (await registered(m, acme)).app.client_id
        await app_review.submit(m, ANA, acme.id, client_id)
        both = await asyncio.gather(*(approved(m, client_id) for _ in range(2)), return_exceptions=True)
        assert sorted(isinstance(one, Invalid) for one in both) == [False, True]
        assert len(journal.lines("app.approved")) == 1
