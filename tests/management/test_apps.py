"""Apps: registered once, changed by their maker, reviewed by the operator."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from joserfc.jwk import ECKey

from clocks import Clock
from keygrove.management import app_review, apps, integrations
from keygrove.management.app_details import revision_of
from keygrove.management.apps import APP_LIMIT, App, ChangedMeanwhile
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Actor, Management
from keygrove.management.creations import FormUsed
from keygrove.management.errors import Forbidden, NotFound
from keygrove.storage import clients
from management.apps import CALLBACK, WAVES, approved, live_app, registered
from management.conftest import ANA, AUDITOR
from management.keys import make, refused
from recorded import Journal

pytestmark = pytest.mark.anyio
Change = Callable[[Management, Actor, str, str], Awaitable[object]]


async def rename(m: Management, actor: Actor, company_id: str, client_id: str) -> App:
    """Change the name."""
    return await apps.update(m, actor, company_id, client_id, replace(WAVES, name="Renamed"))


CHANGES: list[Change] = [rename, app_review.submit, app_review.withdraw, apps.renew_secret, apps.remove]


@cache
def key_set(kid: str) -> str:
    """A public key as it is kept."""
    key = ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False)
    return json.dumps({"keys": [key]}, separators=(",", ":"))


class TestRegister:
    """register"""

    async def test_a_new_app_is_a_draft_and_shows_its_secret_once(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """Only its digest is stored; the token path knows it as a client of its company alone."""
        new = await registered(m, acme)
        assert new.client_secret is not None
        secret = new.client_secret.reveal()
        assert secret not in repr(new)
        assert secret not in journal.everything_stored()
        assert (new.app.state, new.app.verified_at_s, new.app.require_pkce) == ("draft", None, True)
        assert new.app == await apps.get_app(m, ANA, acme.id, new.app.client_id)
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, new.app.client_id)
        assert client is not None
        assert client.secret_digest == m.digests.of("client_secret", secret)
        assert client.grant_types == {"authorization_code", "refresh_token"}
        assert (client.redirect_uris, client.restricted_to) == ((CALLBACK,), acme.id)
        line = journal.lines("app.registered")[-1]
        assert (line["target_id"], line["detail"]["redirect_uris"]) == (new.app.client_id, [CALLBACK])

    async def test_only_the_operator_registers_a_live_app(self, m: Management, acme: Company) -> None:
        """For others it is a draft."""
        mine = await apps.register(m, ANA, acme.id, WAVES, live=True)
        theirs = await apps.register(m, OPERATOR, acme.id, replace(WAVES, name="Other"), live=True)
        assert (mine.app.state, theirs.app.state) == ("draft", "live")
        assert theirs.app.verified_at_s == m.now()

    async def test_a_public_app_has_no_secret_and_must_use_pkce(self, m: Management, acme: Company) -> None:
        """Whatever was asked."""
        new = await registered(m, acme, replace(WAVES, require_pkce=False), public=True)
        assert (new.client_secret, new.app.public, new.app.require_pkce) == (None, True, True)
        with pytest.raises(NotFound):
            await apps.renew_secret(m, ANA, acme.id, new.app.client_id)

    async def test_a_form_sent_twice_makes_one_app(
        self, m: Management, acme: Company, rival: Company
    ) -> None:
        """And is not told to another company."""
        new = await registered(m, acme, form_token="form")
        with pytest.raises(FormUsed) as already:
            await registered(m, acme, form_token="form")
        assert already.value.made.client_id == new.app.client_id
        assert len(await apps.list_apps(m, acme.id)) == 1
        with pytest.raises(NotFound):
            await registered(m, rival, form_token="form")

    async def test_names_are_unique_among_the_apps_of_a_company_only(
        self, m: Management, acme: Company, rival: Company
    ) -> None:
        """A key may have the same."""
        await make(m, acme, WAVES.name)
        await registered(m, acme)
        await registered(m, rival)
        await refused("name", doing=registered(m, acme, replace(WAVES, name="waves MARKETPLACE")))
        assert [key.name for key in (await integrations.list_keys(m, acme.id)).keys] == [WAVES.name]

    async def test_rivals_cannot_pass_the_limit_together(
        self, m: Management, acme: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two of four find room."""
        assert APP_LIMIT == 100
        monkeypatch.setattr(apps, "APP_LIMIT", 2)
        made = await asyncio.gather(
            *(registered(m, acme, replace(WAVES, name=f"App {number}")) for number in range(4)),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in made) == ["Invalid", "Invalid", "NewApp", "NewApp"]


class TestChanges:
    """What its maker may do, and when"""

    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
    async def test_an_auditor_is_refused_and_on_record(
        self, m: Management, acme: Company, journal: Journal, change: Change
    ) -> None:
        """Nothing is changed."""
        new = await registered(m, acme)
        with pytest.raises(Forbidden):
            await change(m, AUDITOR, acme.id, new.app.client_id)
        refusals = [line["actor_id"] for line in journal.lines() if line["outcome"] == "refused"]
        assert refusals == [AUDITOR.id]
        assert await apps.get_app(m, ANA, acme.id, new.app.client_id) == new.app

    @pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
    async def test_another_companys_app_is_not_found_and_the_look_is_on_record(
        self, m: Management, acme: Company, rival: Company, journal: Journal, change: Change
    ) -> None:
        """Nor is one that does not exist, or was removed."""
        new = await registered(m, acme)
        with pytest.raises(NotFound):
            await change(m, ANA, rival.id, new.app.client_id)
        assert journal.lines("app.looked_up")[-1]["company_id"] == rival.id
        with pytest.raises(NotFound):
            await change(m, ANA, rival.id, "kg_ci_unknown")
        assert await apps.get_app(m, ANA, acme.id, new.app.client_id) == new.app
        await apps.remove(m, ANA, acme.id, new.app.client_id)
        with pytest.raises(NotFound):
            await change(m, ANA, acme.id, new.app.client_id)

    async def test_a_draft_can_be_changed_in_every_way(
        self, m: Management, acme: Company, clock: Clock, journal: Journal
    ) -> None:
        """What it was and is stands in the journal; no change leaves no trace."""
        new = await registered(m, acme)
        clock.pass_by(5)
        other = replace(WAVES, name="Tides", permissions=("booking.write", "email"), require_pkce=False)
        after = await apps.update(m, ANA, acme.id, new.app.client_id, other)
        assert after.scope.tokens == ("booking.read", "booking.write", "email")
        assert (after.name, after.require_pkce, after.updated_at_s) == ("Tides", False, m.now())
        assert dict(after.reasons) == {"booking.read": "Shows what was booked."}
        line = journal.lines("app.updated")[-1]["detail"]
        assert (line["before"]["name"], line["after"]["name"]) == (WAVES.name, "Tides")
        assert await apps.update(m, ANA, acme.id, new.app.client_id, other) == after
        assert len(journal.lines("app.updated")) == 1

    async def test_what_is_in_review_or_suspended_stays_as_it_is(self, m: Management, acme: Company) -> None:
        """Until it is taken back, or resumed."""
        client_id = (await registered(m, acme)).app.client_id
        await app_review.submit(m, ANA, acme.id, client_id)
        await refused("state", doing=rename(m, ANA, acme.id, client_id))
        await app_review.withdraw(m, ANA, acme.id, client_id)
        await rename(m, ANA, acme.id, client_id)
        await app_review.suspend(m, OPERATOR, client_id)
        await refused("state", doing=apps.update(m, ANA, acme.id, client_id, WAVES))

    async def test_a_live_app_keeps_its_name_and_gets_no_more_permissions(
        self, m: Management, acme: Company
    ) -> None:
        """Fewer it may have, and other redirect URIs; the operator may change all."""
        app = await live_app(m, acme)
        more = replace(WAVES, name="Bank", permissions=("booking.write",), optional_permissions=("email",))
        await refused("name", "permissions", doing=apps.update(m, ANA, acme.id, app.client_id, more))
        less = replace(WAVES, permissions=("profile",), redirect_uris=("https://waves.example/2",))
        after = await apps.update(m, ANA, acme.id, app.client_id, less)
        assert (after.scope.tokens, after.state) == (("profile",), "live")
        assert (await apps.update(m, OPERATOR, acme.id, app.client_id, more)).name == "Bank"

    async def test_what_a_live_app_only_may_ask_for_it_cannot_come_to_need(
        self, m: Management, acme: Company
    ) -> None:
        """People may decline what the operator saw as optional; the other way round its maker is free."""
        optional = replace(WAVES, permissions=("booking.read",), optional_permissions=("profile",))
        app = (await registered(m, acme, optional)).app
        await app_review.submit(m, ANA, acme.id, app.client_id)
        await approved(m, app.client_id)
        invalid = await refused("permissions", doing=apps.update(m, ANA, acme.id, app.client_id, WAVES))
        assert "What people may leave out of a live app stays so." in str(invalid)
        none_needed = replace(WAVES, permissions=(), optional_permissions=("booking.read", "profile"))
        after = await apps.update(m, ANA, acme.id, app.client_id, none_needed)
        assert (after.scope.tokens, after.optional_scope.tokens) == ((), ("booking.read", "profile"))

    async def test_nobody_undoes_a_change_that_they_have_not_seen(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """Two who began with the same: the second is told how it is now, and nothing of theirs is saved."""
        app = (await registered(m, acme)).app
        seen = revision_of(app)
        mine, theirs = replace(WAVES, owner="Mine"), replace(WAVES, description="Theirs.")
        first = await apps.update(m, ANA, acme.id, app.client_id, mine, revision=seen)
        with pytest.raises(ChangedMeanwhile) as changed:
            await apps.update(m, ANA, acme.id, app.client_id, theirs, revision=seen)
        assert changed.value.app == first == await apps.get_app(m, ANA, acme.id, app.client_id)
        again = await apps.update(m, ANA, acme.id, app.client_id, theirs, revision=revision_of(first))
        assert (again.owner, again.description) == (WAVES.owner, "Theirs.")
        assert len(journal.lines("app.updated")) == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"post_logout_redirect_uris": ("https://waves.example/bye",)},
            {"backchannel_logout_uri": "https://waves.example/out"},
            {"reasons": {"booking.read": "Another one."}},
            {"description": "Other words."},
        ],
        ids=lambda change: str(next(iter(change))),
    )
    async def test_whatever_changes_is_in_the_journal_and_in_the_revision(
        self, m: Management, acme: Company, journal: Journal, change: dict[str, Any]
    ) -> None:
        """Also what only machines read."""
        app = (await registered(m, acme)).app
        after = await apps.update(m, ANA, acme.id, app.client_id, replace(WAVES, **change))
        assert revision_of(after) != revision_of(app)
        ((name, value),) = change.items()
        detail = journal.lines("app.updated")[-1]["detail"]
        assert detail["after"][name] == (list(value) if isinstance(value, tuple) else value)
        assert detail["before"][name] != detail["after"][name]

    async def test_only_an_app_that_signs_has_keys_and_its_new_ones_are_on_record(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """By their ids; an app with a secret gets none, and one that signs keeps some."""
        app = (await registered(m, acme)).app
        await refused(
            "jwks", doing=apps.update(m, ANA, acme.id, app.client_id, replace(WAVES, jwks=key_set("k1")))
        )
        signing = replace(WAVES, name="Signing", jwks=key_set("k1"))
        app = (await registered(m, acme, signing)).app
        await refused("jwks", doing=apps.update(m, ANA, acme.id, app.client_id, replace(signing, jwks="")))
        after = await apps.update(m, ANA, acme.id, app.client_id, replace(signing, jwks=key_set("k2")))
        assert after.jwks == key_set("k2")
        detail = journal.lines("app.updated")[-1]["detail"]
        assert (detail["before"]["jwks"], detail["after"]["jwks"]) == (["k1"], ["k2"])

    async def test_a_name_that_another_app_has_is_refused(self, m: Management, acme: Company) -> None:
        """The app stays as it was."""
        await registered(m, acme)
        other = await registered(m, acme, replace(WAVES, name="Tides"))
        await refused("name", doing=apps.update(m, ANA, acme.id, other.app.client_id, WAVES))
        assert (await apps.get_app(m, ANA, acme.id, other.app.client_id)).name == "Tides"

    async def test_a_new_secret_ends_the_old_one_and_is_made_once_by_a_form(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """Only the digest is stored."""
        new = await registered(m, acme)
        renewed = await apps.renew_secret(m, ANA, acme.id, new.app.client_id, form_token="form")
        assert renewed.client_secret is not None
        assert renewed.client_secret.reveal() not in journal.everything_stored()
        with pytest.raises(FormUsed):
            await apps.renew_secret(m, ANA, acme.id, new.app.client_id, form_token="form")
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, new.app.client_id)
        assert client is not None
        assert client.secret_digest == m.digests.of("client_secret", renewed.client_secret.reveal())
        assert len(journal.lines("app.secret_renewed")) == 1

    async def test_a_removed_app_is_no_client_any_more(self, m: Management, acme: Company) -> None:
        """Its name is free again."""
        new = await registered(m, acme)
        await apps.remove(m, ANA, acme.id, new.app.client_id)
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, new.app.client_id)
        assert client is not None
        assert not client.enabled
        assert await apps.list_apps(m, acme.id) == ()
        await registered(m, acme)
