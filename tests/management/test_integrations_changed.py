"""Integration keys looked at, changed and removed, each within its company and on the record."""

import asyncio
from dataclasses import replace

import pytest

from clocks import NOW, Clock
from keygrove.management import companies, integrations
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Forbidden, NotFound
from keygrove.storage import clients
from management.conftest import ANA, AUDITOR
from management.keys import make, refused
from recorded import Journal

pytestmark = pytest.mark.anyio


class TestGetAndChange:
    """get_key, update_key, remove_key"""

    async def test_another_companys_key_is_not_found_and_the_look_is_recorded(
        self, m: Management, acme: Company, rival: Company, journal: Journal
    ) -> None:
        """As if it did not exist, for looking, changing and removing; a key of nobody leaves no line."""
        foreign = await make(m, rival)
        asked = [
            integrations.get_key(m, ANA, acme.id, foreign.key.client_id),
            integrations.update_key(m, ANA, acme.id, foreign.key.client_id, name="Mine now"),
            integrations.remove_key(m, ANA, acme.id, foreign.key.client_id),
            integrations.get_key(m, ANA, acme.id, "kg_ci_nobody"),
        ]
        texts = set()
        for doing in asked:
            with pytest.raises(NotFound) as missing:
                await doing
            texts.add(str(missing.value))
        assert len(texts) == 1
        lines = journal.lines("key.looked_up")
        assert [
            (line["target_id"], line["outcome"], line["company_id"], line["actor_id"]) for line in lines
        ] == [(foreign.key.client_id, "refused", acme.id, "kg_pe_ana")] * 3
        assert await integrations.get_key(m, ANA, rival.id, foreign.key.client_id) == foreign.key

    async def test_name_and_permissions_change_apart_and_together(
        self, m: Management, acme: Company, clock: Clock
    ) -> None:
        """What is not named stays; everything else of the key stays too."""
        new = await make(m, acme, "Newsletter", "marketing.read")
        client_id = new.key.client_id
        clock.pass_by(60)
        renamed = await integrations.update_key(m, ANA, acme.id, client_id, name=" Sync ")
        assert renamed == replace(new.key, name="Sync", updated_at_s=int(NOW) + 60)
        changed = await integrations.update_key(m, ANA, acme.id, client_id, permissions=["booking.write"])
        assert changed == replace(renamed, permissions=("booking.read", "booking.write"))
        both = await integrations.update_key(
            m, ANA, acme.id, client_id, name="Third", permissions=["event.read"]
        )
        assert both == replace(changed, name="Third", permissions=("event.read",))
        assert await integrations.get_key(m, ANA, acme.id, client_id) == both
        clock.pass_by(60)
        same = await integrations.update_key(m, ANA, acme.id, client_id, name="Third")
        assert same == await integrations.get_key(m, ANA, acme.id, client_id) == both

    async def test_a_key_may_keep_its_name_in_another_case(self, m: Management, acme: Company) -> None:
        """It does not collide with itself."""
        new = await make(m, acme, "Newsletter")
        renamed = await integrations.update_key(m, ANA, acme.id, new.key.client_id, name="NEWSLETTER")
        assert renamed.name == "NEWSLETTER"

    async def test_a_change_is_checked_like_a_creation(self, m: Management, acme: Company) -> None:
        """Every fault at once; a taken name; and nothing is changed."""
        await make(m, acme, "Taken")
        new = await make(m, acme, "Newsletter")
        client_id = new.key.client_id
        update = integrations.update_key
        await refused(
            "name", "permissions", doing=update(m, ANA, acme.id, client_id, name="x", permissions=["nothing"])
        )
        await refused("name", doing=update(m, ANA, acme.id, client_id, name="taken"))
        await refused("permissions", doing=update(m, ANA, acme.id, client_id, permissions=[]))
        assert await integrations.get_key(m, ANA, acme.id, client_id) == new.key

    async def test_two_changes_at_once_do_not_undo_each_other(self, m: Management, acme: Company) -> None:
        """A rename never brings back permissions that somebody is taking away."""
        new = await make(m, acme, "Newsletter", "marketing.read", "booking.write")
        client_id = new.key.client_id
        await asyncio.gather(
            integrations.update_key(m, ANA, acme.id, client_id, name="Renamed"),
            integrations.update_key(m, OPERATOR, acme.id, client_id, permissions=["marketing.read"]),
        )
        now = await integrations.get_key(m, ANA, acme.id, client_id)
        assert (now.name, now.permissions) == ("Renamed", ("marketing.read",))

    async def test_removal_is_for_good(self, m: Management, acme: Company) -> None:
        """It is gone from every view, cannot be changed or removed again, and frees its name."""
        new = await make(m, acme)
        client_id = new.key.client_id
        await integrations.remove_key(m, ANA, acme.id, client_id)
        for doing in (
            integrations.get_key(m, ANA, acme.id, client_id),
            integrations.update_key(m, ANA, acme.id, client_id, name="Back again"),
            integrations.remove_key(m, ANA, acme.id, client_id),
        ):
            with pytest.raises(NotFound):
                await doing
        assert (await integrations.list_keys(m, acme.id)).keys == ()
        again = await make(m, acme)
        assert again.key.client_id != client_id

    async def test_an_auditor_looks_and_changes_nothing(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """The refusal says whom to ask."""
        new = await make(m, acme)
        client_id = new.key.client_id
        before = [line for line in journal.lines() if line["outcome"] == "done"]
        assert await integrations.get_key(m, AUDITOR, acme.id, client_id) == new.key
        for doing in (
            make(m, acme, "Another", actor=AUDITOR),
            integrations.update_key(m, AUDITOR, acme.id, client_id, name="Another"),
            integrations.remove_key(m, AUDITOR, acme.id, client_id),
        ):
            with pytest.raises(Forbidden, match="Ask an admin"):
                await doing
        assert (await integrations.list_keys(m, acme.id)).keys == (new.key,)
        assert [line for line in journal.lines() if line["outcome"] == "done"] == before
        refused_lines = [line for line in journal.lines() if line["outcome"] == "refused"]
        assert [(line["action"], line["target_id"], line["actor_id"]) for line in refused_lines] == [
            ("key.created", acme.id, AUDITOR.id),
            ("key.updated", client_id, AUDITOR.id),
            ("key.removed", client_id, AUDITOR.id),
        ]


class TestJournal:
    """Who did what to which key, from where."""

    async def test_creation_change_and_removal_are_recorded(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """One line each, with what changed and without the secret."""
        new = await make(m, acme)
        client_id = new.key.client_id
        await integrations.update_key(m, ANA, acme.id, client_id, name="Sync", permissions=["event.read"])
        await integrations.remove_key(m, ANA, acme.id, client_id)
        lines = [line for line in journal.lines() if line["target_id"] == client_id]
        assert [line["action"] for line in lines] == ["key.created", "key.updated", "key.removed"]
        for line in lines:
            assert (line["actor_kind"], line["actor_id"], line["actor_name"]) == (
                "person",
                "kg_pe_ana",
                "Ana",
            )
            assert (line["address"], line["request_id"]) == ("192.0.2.1", "r1")
            assert (line["company_id"], line["outcome"], line["at_us"]) == (
                acme.id,
                "done",
                int(NOW * 1_000_000),
            )
        assert [line["detail"] for line in lines] == [
            {"name": "Newsletter", "permissions": ["marketing.read"]},
            {
                "before": {"name": "Newsletter", "permissions": ["marketing.read"]},
                "after": {"name": "Sync", "permissions": ["event.read"]},
            },
            {"name": "Sync"},
        ]

    async def test_what_failed_is_not_recorded_as_done(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """Deed and line are one transaction."""
        await make(m, acme)
        before = journal.lines()
        await refused("name", doing=make(m, acme))
        assert journal.lines() == before

    async def test_a_line_stays_one_line(self, m: Management, acme: Company, journal: Journal) -> None:
        """Names of any script are kept as JSON in ASCII, ids are cut."""
        await make(m, acme, "Ключ 🔑 <b>")
        detail = journal.lines("key.created")[-1]["detail"]
        assert detail["name"] == "Ключ 🔑 <b>"
        stored = [line for line in journal.everything_stored().splitlines() if "key.created" in line]
        assert len(stored) == 1
        assert stored[0].isascii()

    async def test_a_suspended_companys_keys_are_kept(self, m: Management, acme: Company) -> None:
        """They are off, not gone."""
        new = await make(m, acme)
        await companies.suspend(m, OPERATOR, acme.id)
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, new.key.client_id)
        assert client is not None
        assert not client.enabled
        await companies.resume(m, OPERATOR, acme.id)
        assert (await integrations.list_keys(m, acme.id)).keys == (new.key,)
