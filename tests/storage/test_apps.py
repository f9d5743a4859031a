"""storage/apps.py, and what storage/clients.py makes of apps."""

from dataclasses import replace

import pytest

from keygrove.protocol.scope import Scope
from keygrove.storage import api_credentials, apps, clients, companies
from keygrove.storage.api_credentials import ApiCredential
from keygrove.storage.apps import AppState
from keygrove.storage.clients import ClientListing
from keygrove.storage.database import Database, UniqueViolation
from storage.granted import ACME, APP, MAKER, NATIVE, add_companies_people_and_apps

KEY = ClientListing(
    client_id="key1",
    client_name=APP.name,
    scope=Scope(("event.read",)),
    audience=APP.audience,
    company_id=MAKER.id,
    created_at_s=10,
    created_by="Mia",
    updated_at_s=10,
)
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def beginning(database: Database) -> None:
    """Two apps."""
    await add_companies_people_and_apps(database)


async def test_an_app_is_read_back_as_it_was_written(database: Database) -> None:
    """By its exact id, confidential or public."""
    async with database.transaction() as tx:
        assert await apps.by_id(tx, "app1") == APP
        assert await apps.by_id(tx, "app2") == NATIVE
        assert await apps.by_id(tx, "APP1") is None


async def test_apps_are_listed_by_name_of_a_company_or_of_all(database: Database) -> None:
    """Or those in one state."""
    async with database.transaction() as tx:
        assert await apps.of_company(tx, MAKER.id) == [APP, NATIVE]
        assert await apps.of_company(tx, ACME.id) == []
        assert await apps.every(tx, state=None) == [APP, NATIVE]
        assert await apps.every(tx, state="draft") == [NATIVE]
        assert await apps.every(tx, state="suspended") == []


async def test_the_client_of_an_app_has_all_that_the_protocol_asks_of_it(database: Database) -> None:
    """Those of a key stay as they are for it."""
    async with database.transaction() as tx:
        client = await clients.by_id(tx, "app1")
        assert client is not None
        assert client.enabled
        assert client.secret_digest == "d"
        assert client.grant_types == {"authorization_code", "refresh_token"}
        assert (client.scope, client.optional_scope) == (APP.scope, APP.optional_scope)
        assert (client.company_id, client.audience) == (MAKER.id, APP.audience)
        assert client.redirect_uris == APP.redirect_uris
        assert client.post_logout_redirect_uris == APP.post_logout_redirect_uris
        assert client.backchannel_logout_uri == APP.backchannel_logout_uri
        assert (client.application_type, client.public, client.require_pkce) == ("web", False, False)
        assert (client.token_endpoint_auth_method, client.jwks, client.restricted_to) == (None, None, None)
        native = await clients.by_id(tx, "app2")
        assert native is not None
        assert (native.application_type, native.public, native.require_pkce) == ("native", True, True)
        assert native.token_endpoint_auth_method == "none"


async def test_an_app_that_signs_says_so(database: Database) -> None:
    """Its keys come with the client."""
    async with database.transaction() as tx:
        assert await apps.update(tx, replace(APP, jwks='{"keys":[]}'), name_key="marketplace")
        client = await clients.by_id(tx, "app1")
        assert client is not None
        assert (client.token_endpoint_auth_method, client.jwks) == ("private_key_jwt", '{"keys":[]}')
        assert not client.public


@pytest.mark.parametrize(
    ("state", "enabled", "restricted"),
    [("draft", True, True), ("in_review", True, True), ("live", True, False), ("suspended", False, False)],
)
async def test_an_app_works_by_its_state(
    database: Database, state: AppState, enabled: bool, restricted: bool
) -> None:
    """Before it is reviewed, for the company that makes it only."""
    async with database.transaction() as tx:
        assert await apps.set_state(tx, "app1", was="live", state=state, at_s=30)
        client = await clients.by_id(tx, "app1")
        assert client is not None
        assert client.enabled is enabled
        assert client.restricted_to == (MAKER.id if restricted else None)


async def test_an_app_ends_with_its_maker_and_when_it_is_removed(database: Database) -> None:
    """Its rows stay for the record."""
    async with database.transaction() as tx:
        for at_s, enabled in ((5, False), (None, True)):
            await companies.set_suspended(tx, MAKER.id, at_s)
            client = await clients.by_id(tx, "app1")
            assert client is not None
            assert client.enabled is enabled
        assert await apps.remove(tx, "app1", at_s=40)
        assert not await apps.remove(tx, "app1", at_s=41)
        client = await clients.by_id(tx, "app1")
        assert client is not None
        assert not client.enabled
        assert await apps.by_id(tx, "app1") is None
        assert await apps.of_company(tx, MAKER.id) == [NATIVE]
        assert await apps.every(tx, state=None) == [NATIVE]
        assert not await apps.update(tx, APP, name_key="marketplace")
        assert not await apps.set_state(tx, "app1", was="live", state="suspended", at_s=41)
        assert not await apps.set_secret(tx, "app1", "e")
        assert await apps.insert(
            tx, replace(APP, client_id="app3"), name_key="marketplace", secret_digest="d"
        ), "its name is free again"


async def test_a_state_changes_from_the_one_that_was_seen(database: Database) -> None:
    """Submission and the first approval are noted; a later approval changes nothing of the first."""
    async with database.transaction() as tx:
        assert not await apps.set_state(tx, "app2", was="live", state="suspended", at_s=30)
        assert await apps.set_state(tx, "app2", was="draft", state="in_review", at_s=31)
        submitted = replace(NATIVE, state="in_review", state_changed_at_s=31, submitted_at_s=31)
        assert await apps.by_id(tx, "app2") == submitted
        assert await apps.set_state(tx, "app2", was="in_review", state="live", at_s=32)
        live = replace(submitted, state="live", state_changed_at_s=32, verified_at_s=32)
        assert await apps.by_id(tx, "app2") == live
        assert await apps.set_state(tx, "app2", was="live", state="suspended", at_s=33)
        assert await apps.set_state(tx, "app2", was="suspended", state="live", at_s=34)
        assert await apps.by_id(tx, "app2") == replace(live, state_changed_at_s=34)
        assert not await apps.set_state(tx, "nobody", was="live", state="suspended", at_s=35)


async def test_an_update_changes_all_but_state_secret_and_maker(database: Database) -> None:
    """What its form does not show stays as it is."""
    changed = replace(
        NATIVE,
        client_id="app1",
        company_id=ACME.id,
        name="Fair",
        description="Another one.",
        scope=Scope(("booking.read",)),
        reasons={},
        updated_at_s=60,
        created_by="somebody",
    )
    async with database.transaction() as tx:
        assert await apps.update(tx, changed, name_key="fair")
        assert await apps.by_id(tx, "app1") == replace(
            changed,
            company_id=MAKER.id,
            state="live",
            submitted_at_s=APP.submitted_at_s,
            verified_at_s=APP.verified_at_s,
            created_by=APP.created_by,
        )
        assert await apps.set_secret(tx, "app1", "e")
        client = await clients.by_id(tx, "app1")
        assert client is not None
        assert client.secret_digest == "e"
        assert not await apps.update(tx, replace(APP, client_id="nobody"), name_key="x")


async def test_two_apps_of_a_company_never_share_a_name(database: Database) -> None:
    """Another company may use it."""
    twin = replace(APP, client_id="app3")
    async with database.transaction() as tx:
        assert not await apps.insert(tx, twin, name_key="marketplace", secret_digest="d")
        assert await apps.by_id(tx, "app3") is None
        elsewhere = replace(twin, company_id=ACME.id)
        assert await apps.insert(tx, elsewhere, name_key="marketplace", secret_digest="d")

    async def rename() -> None:
        async with database.transaction() as tx:
            await apps.update(tx, replace(NATIVE, name=APP.name), name_key="marketplace")

    with pytest.raises(UniqueViolation):
        await rename()


async def test_keys_and_apps_do_not_meet(database: Database) -> None:
    """Apps are in no list, count or search of keys, are not changed as one, and have names of their own."""
    as_key = replace(KEY, client_id="app1")
    async with database.transaction() as tx:
        assert await clients.insert(
            tx, KEY, name_key="marketplace", secret_digest="k", grant_types="client_credentials"
        )
        for search in ("", "app1", "market", "event.read", "mia", "\n"):
            page = await clients.page(tx, MAKER.id, search=search, after=("", ""), limit=9)
            assert [one.client_id for one in page] == ([] if search in ("app1", "\n") else ["key1"])
        assert await clients.count_active(tx, MAKER.id) == 1
        assert await clients.count_by_scope(tx) == [(KEY.audience, KEY.scope, 1)]
        assert await clients.active(tx, MAKER.id, "app1") is None
        assert not await clients.update(tx, replace(as_key, client_name="X"), name_key="x", was=as_key)
        assert not await clients.remove(tx, MAKER.id, "app1", at_s=40)
        key = await clients.by_id(tx, "key1")
        assert key is not None
        assert (key.enabled, key.public, key.redirect_uris, key.restricted_to) == (True, False, (), None)
        assert await apps.by_id(tx, "key1") is None
        assert not await apps.remove(tx, "key1", at_s=40)
        assert not await apps.set_secret(tx, "key1", "e")
        assert not await apps.update(tx, replace(APP, client_id="key1"), name_key="other")
        assert await clients.active(tx, MAKER.id, "key1") == KEY


async def test_an_api_credential_is_found_until_it_is_removed(database: Database) -> None:
    """Its digest does not print."""
    first = ApiCredential(
        client_id="kg_rs_1", audience="https://a.example", secret_digest="d1", name="Web", created_at_s=5
    )
    second = replace(first, client_id="kg_rs_2", name="Batch")
    third = replace(first, client_id="kg_rs_3", audience="https://b.example")
    async with database.transaction() as tx:
        for credential in (third, first, second):
            await api_credentials.insert(tx, credential)
        assert await api_credentials.by_id(tx, "kg_rs_1") == first
        assert await api_credentials.by_id(tx, "KG_RS_1") is None
        assert await api_credentials.all(tx) == [second, first, third]
        assert "d1" not in repr(first)
        assert await api_credentials.remove(tx, "kg_rs_1", at_s=6)
        assert not await api_credentials.remove(tx, "kg_rs_1", at_s=7)
        assert await api_credentials.by_id(tx, "kg_rs_1") is None
        assert await api_credentials.all(tx) == [second, third]
