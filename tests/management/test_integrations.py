"""Integration keys: made once, and listed page by page."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest

from altered import altered
from clocks import NOW
from keygrove.crypto.secrets import is_whole
from keygrove.management import integrations
from keygrove.management.catalogue import SAMPLE, ApiListing, Catalogue, Permission
from keygrove.management.companies import Company
from keygrove.management.context import Management
from keygrove.management.creations import FormUsed
from keygrove.management.errors import Invalid, NotFound
from keygrove.management.integrations import IntegrationKey, NewKey
from keygrove.storage import clients
from management.conftest import ANA
from management.keys import make, refused
from recorded import Journal

pytestmark = pytest.mark.anyio


class TestCreate:
    """create_key"""

    async def test_a_new_key_has_everything_and_shows_its_secret_once(
        self, m: Management, acme: Company, journal: Journal
    ) -> None:
        """The secret is in the answer, its digest in the database, and nothing else of it anywhere."""
        new = await make(m, acme, "  Newsletter  ", "marketing.read")
        secret = new.client_secret.reveal()
        assert new.key == IntegrationKey(
            client_id=new.key.client_id,
            name="Newsletter",
            permissions=("marketing.read",),
            company_id=acme.id,
            audience="https://api.understory.io",
            created_at_s=int(NOW),
            created_by="Ana",
            updated_at_s=int(NOW),
        )
        assert new.key.client_id.startswith("kg_ci_")
        assert is_whole(new.key.client_id)
        assert is_whole(secret)
        assert secret not in repr(new)
        assert secret not in journal.everything_stored()
        async with m.database.transaction() as tx:
            client = await clients.by_id(tx, new.key.client_id)
        assert client is not None
        assert client.secret_digest == m.digests.of("client_secret", secret)
        assert client.grant_types == {"client_credentials"}

    async def test_permissions_stand_in_catalogue_order_and_writing_includes_reading(
        self, m: Management, acme: Company
    ) -> None:
        """However they were sent, and sent twice."""
        new = await make(m, acme, "All", "webhook.write", "event.read", "booking.write", "event.read")
        assert new.key.permissions == (
            "booking.read",
            "booking.write",
            "event.read",
            "webhook.read",
            "webhook.write",
        )

    async def test_all_faults_are_told_at_once(self, m: Management, acme: Company) -> None:
        """In the order of the fields."""
        await refused("name", "permissions", doing=make(m, acme, "", "nothing.read"))

    @pytest.mark.parametrize(
        "permissions",
        [
            ["nothing.read"],
            ["marketing.read", "nothing.read"],
            ["openid"],
            ["offline"],
            [""],
            ["Marketing.read"],
        ],
    )
    async def test_permissions_that_do_not_exist_are_refused(
        self, m: Management, acme: Company, permissions: list[str]
    ) -> None:
        """Also next to one that does, and also scopes that need no permission."""
        await refused("permissions", doing=make(m, acme, "Newsletter", *permissions))

    async def test_at_least_one_permission_is_needed(self, m: Management, acme: Company) -> None:
        """In the words of the design."""
        doing = integrations.create_key(m, ANA, acme.id, name="Newsletter", permissions=[])
        assert "Choose at least one permission." in str(await refused("permissions", doing=doing))

    async def test_a_key_is_for_one_api(self, m: Management, acme: Company) -> None:
        """Permissions of two APIs are refused, at creation and at change."""
        second = ApiListing("https://two.example", "Two", (Permission("Things", "", "thing.read"),))
        m = replace(m, catalogue=Catalogue((*SAMPLE.apis, second)))
        await refused("permissions", doing=make(m, acme, "Mixed", "marketing.read", "thing.read"))
        new = await make(m, acme, "One", "thing.read")
        assert new.key.audience == "https://two.example"
        doing = integrations.update_key(m, ANA, acme.id, new.key.client_id, permissions=["event.read"])
        await refused("permissions", doing=doing)

    async def test_names_are_unique_in_a_company_without_regard_to_case(
        self, m: Management, acme: Company, rival: Company
    ) -> None:
        """Width and composition do not matter either; other companies do not either."""
        await make(m, acme, "Straße é")
        for same in ("straße é", "STRASSE É", "Straße e\u0301", "\uff33traße é"):
            await refused("name", doing=make(m, acme, same))
        await make(m, rival, "Straße é")
        await make(m, acme, "Straße e")

    async def test_a_form_sent_twice_makes_one_key(self, m: Management, acme: Company) -> None:
        """The second time it is told which key that was, without the secret."""
        first = await make(m, acme, form_token="once")
        with pytest.raises(FormUsed) as again:
            await make(m, acme, "Another name", form_token="once")
        assert again.value.made.client_id == first.key.client_id
        assert len((await integrations.list_keys(m, acme.id)).keys) == 1

    async def test_a_double_click_makes_one_key(self, m: Management, acme: Company) -> None:
        """All at the same moment: one key, and the others are told about it."""
        clicks = [make(m, acme, form_token="once") for _ in range(5)]
        answers = await asyncio.gather(*clicks, return_exceptions=True)
        made = [answer for answer in answers if isinstance(answer, NewKey)]
        told = [answer for answer in answers if isinstance(answer, FormUsed)]
        assert (len(made), len(told)) == (1, 4)
        assert {answer.made.client_id for answer in told} == {made[0].key.client_id}

    async def test_a_form_that_failed_can_be_sent_again(self, m: Management, acme: Company) -> None:
        """A refused creation does not spend it."""
        await make(m, acme)
        await refused("name", doing=make(m, acme, form_token="once"))
        await make(m, acme, "Another name", form_token="once")

    async def test_another_companys_form_is_no_form(
        self, m: Management, acme: Company, rival: Company
    ) -> None:
        """Its key is not shown."""
        await make(m, rival, form_token="once")
        with pytest.raises(NotFound):
            await make(m, acme, form_token="once")

    async def test_an_unknown_company_is_not_found(self, m: Management) -> None:
        """A mistyped company id is an answer, not a crash."""
        with pytest.raises(NotFound):
            await integrations.create_key(m, ANA, "f" * 32, name="Newsletter", permissions=["marketing.read"])

    async def test_the_limit_holds_also_against_a_rush(self, m: Management, acme: Company) -> None:
        """Twenty at once end with three; removing one makes room."""
        m = replace(m, key_limit=3)
        rush = [make(m, acme, f"Key {number}") for number in range(20)]
        answers = await asyncio.gather(*rush, return_exceptions=True)
        assert sum(isinstance(answer, NewKey) for answer in answers) == 3
        assert sum(isinstance(answer, Invalid) for answer in answers) == 17
        keys = (await integrations.list_keys(m, acme.id)).keys
        assert len(keys) == 3
        full = await refused("name", doing=make(m, acme, "One more"))
        assert "3 of 3 keys" in str(full)
        await integrations.remove_key(m, ANA, acme.id, keys[0].client_id)
        await make(m, acme, "One more")


class TestList:
    """list_keys"""

    async def test_pages_hold_every_key_once(self, m: Management, acme: Company, rival: Company) -> None:
        """By name, without case; the last page has no next one."""
        for number in range(7):
            await make(m, acme, f"{'kK'[number % 2]}ey {number}")
        await make(m, rival, "Key of another company")
        names: list[str] = []
        cursor = ""
        for _ in range(4):
            page = await integrations.list_keys(m, acme.id, after=cursor, limit=2)
            names += [key.name for key in page.keys]
            cursor = page.next
        assert cursor == ""
        assert names == ["key 0", "Key 1", "key 2", "Key 3", "key 4", "Key 5", "key 6"]

    async def test_a_full_last_page_has_no_next_one(self, m: Management, acme: Company) -> None:
        """The limit itself is no sign of more."""
        for number in range(2):
            await make(m, acme, f"Key {number}")
        assert (await integrations.list_keys(m, acme.id, limit=2)).next == ""
        assert (await integrations.list_keys(m, acme.id, limit=1)).next != ""

    async def test_keys_that_come_and_go_between_pages_disturb_nobody(
        self, m: Management, acme: Company
    ) -> None:
        """The place is held by name, not by number."""
        made = [await make(m, acme, f"Key {number}") for number in range(4)]
        first = await integrations.list_keys(m, acme.id, limit=2)
        await integrations.remove_key(m, ANA, acme.id, made[1].key.client_id)
        await make(m, acme, "Key 00")
        rest = await integrations.list_keys(m, acme.id, after=first.next, limit=9)
        assert [key.name for key in rest.keys] == ["Key 2", "Key 3"]

    @pytest.mark.parametrize(
        ("search", "names"),
        [
            ("newslet", ["Newsletter"]),
            ("EVENT.", ["Accounting"]),
            ("marketing.read", ["Newsletter"]),
            ("ana", ["Accounting", "Newsletter"]),
            ("nobody", []),
            ("%", []),
            ("x" * 100_000, []),
            ("(x+)+y", []),
            ("'; drop table clients; --", []),
        ],
    )
    async def test_search_looks_in_names_ids_permissions_and_creators(
        self, m: Management, acme: Company, search: str, names: list[str]
    ) -> None:
        """Without case where words are concerned, and never as a pattern."""
        await make(m, acme, "Newsletter", "marketing.read")
        await make(m, acme, "Accounting", "event.read", "order.read")
        found = await integrations.list_keys(m, acme.id, search=search)
        assert [key.name for key in found.keys] == names

    async def test_search_finds_a_client_id(self, m: Management, acme: Company) -> None:
        """Whole or in part."""
        new = await make(m, acme)
        await make(m, acme, "Another")
        for part in (new.key.client_id, new.key.client_id[10:20]):
            assert [key.name for key in (await integrations.list_keys(m, acme.id, search=part)).keys] == [
                "Newsletter"
            ]

    async def test_a_cursor_works_for_its_own_company_only(
        self, m: Management, acme: Company, rival: Company
    ) -> None:
        """Another company's is no page of this list."""
        for number in range(3):
            await make(m, acme, f"Key {number}")
            await make(m, rival, f"Key {number}")
        cursor = (await integrations.list_keys(m, rival.id, limit=1)).next
        await refused("after", doing=integrations.list_keys(m, acme.id, after=cursor))

    async def test_a_changed_cursor_is_refused(self, m: Management, acme: Company) -> None:
        """At every single character."""
        for number in range(3):
            await make(m, acme, f"Key {number}")
        cursor = (await integrations.list_keys(m, acme.id, limit=1)).next
        for place in range(len(cursor)):
            await refused("after", doing=integrations.list_keys(m, acme.id, after=altered(cursor, place)))

    async def test_a_forged_cursor_is_refused(self, m: Management, acme: Company) -> None:
        """Well-made or nonsense: what we did not write is no page."""
        position = base64.urlsafe_b64encode(json.dumps([acme.id, "key 1", "c"]).encode()).decode()
        deep = base64.urlsafe_b64encode(b"[" * 9000).decode()
        surrogate = base64.urlsafe_b64encode(json.dumps([acme.id, "\ud800", "c"]).encode()).decode()
        for text in (position, deep, surrogate, "x", ".", "é", "\ud800", "\0", "a" * 100_000):
            for seal in ("", ".", ".é", f".{'0' * 32}"):
                await refused("after", doing=integrations.list_keys(m, acme.id, after=text + seal))
