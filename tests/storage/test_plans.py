"""How statements are executed: none on a hot path reads a whole table."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from keygrove.protocol.scope import Scope
from keygrove.storage import (
    api_credentials,
    apps,
    clients,
    consents,
    grants,
    journal,
    logout_notices,
    people,
    reset_links,
    sessions,
    usage,
)
from keygrove.storage.clients import ClientListing
from keygrove.storage.database import Database, Row, Transaction, Value
from keygrove.storage.logout_notices import LogoutNotice
from storage.granted import APP, CODE, CONSENT, add_companies_people_and_apps
from stores import Store

LISTING = ClientListing(
    client_id="c",
    client_name="n",
    scope=Scope(),
    audience="a",
    company_id="o",
    created_at_s=0,
    created_by="p",
    updated_at_s=0,
)
NOTICE = LogoutNotice(sid="s", client_id="c", person_id="p", attempts=0)
TOKEN_PATH: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "clients.by_id": lambda tx: clients.by_id(tx, "c"),
}
GRANT_PATH: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "clients.by_id of an app": lambda tx: clients.by_id(tx, APP.client_id),
    "grants.by_code": lambda tx: grants.by_code(tx, "d"),
    "grants.by_id": lambda tx: grants.by_id(tx, "g"),
    "grants.insert": lambda tx: grants.insert(tx, CODE, code_digest="d", interaction_id="i", created_at_s=0),
    "grants.hold": lambda tx: grants.hold(tx, "g"),
    "grants.spend_code": lambda tx: grants.spend_code(tx, "g", at_s=0),
    "grants.start_refresh": lambda tx: grants.start_refresh(tx, "g", at_s=0),
    "grants.rotate": lambda tx: grants.rotate(tx, "g", generation=1, at_s=0),
    "grants.revoke": lambda tx: grants.revoke(tx, "g", at_s=0),
    "grants.revoke_of_app": lambda tx: grants.revoke_of_app(tx, "c", "o", at_s=0),
    "grants.revoke_of_person": lambda tx: grants.revoke_of_person(tx, "p", at_s=0),
    "sessions.aged": lambda tx: sessions.aged(tx, before_s=1),
    "sessions.forget": lambda tx: sessions.forget(tx, before_s=1),
    "logout_notices.add": lambda tx: logout_notices.add(tx, "s", at_s=0),
    "logout_notices.due_of": lambda tx: logout_notices.due_of(tx, "c", now_s=0, limit=2),
    "logout_notices.leave_alone": lambda tx: logout_notices.leave_alone(tx, APP.client_id, until_s=1),
    "logout_notices.claim": lambda tx: logout_notices.claim(tx, NOTICE, now_s=0, until_s=1),
    "logout_notices.postpone": lambda tx: logout_notices.postpone(tx, NOTICE, until_s=1),
    "logout_notices.settle": lambda tx: logout_notices.settle(tx, NOTICE),
    "logout_notices.forget": lambda tx: logout_notices.forget(tx, before_s=1),
    "grants.forget": lambda tx: grants.forget(tx, before_s=3, idle_before_s=2, absolute_before_s=1),
    "consents.give": lambda tx: consents.give(tx, CONSENT, APP.client_id, at_s=0),
    "consents.of_person": lambda tx: consents.of_person(tx, "c", "p"),
    "consents.of_company": lambda tx: consents.of_company(tx, "c", "o"),
    "consents.connected": lambda tx: consents.connected(tx, "o"),
    "journal.of_connection": lambda tx: journal.of_connection(tx, "o", "c", limit=9),
    "journal.latest": lambda tx: journal.latest(tx, since_us=1, after_id="e", limit=9),
    "journal.latest of an action": lambda tx: journal.latest(tx, action="a", after_id="e", limit=9),
    "journal.latest of a target": lambda tx: journal.latest(tx, target_id="c", action="a", limit=9),
    "journal.latest of a company": lambda tx: journal.latest(tx, company_id="o", since_us=1, limit=9),
    "consents.withdraw": lambda tx: consents.withdraw(tx, "c", "o"),
    "api_credentials.by_id": lambda tx: api_credentials.by_id(tx, "c"),
    "apps.by_id": lambda tx: apps.by_id(tx, "c"),
    "apps.of_company": lambda tx: apps.of_company(tx, "o"),
    "apps.update": lambda tx: apps.update(tx, APP, name_key="n"),
    "apps.set_state": lambda tx: apps.set_state(tx, "c", was="draft", state="live", at_s=0),
    "apps.set_secret": lambda tx: apps.set_secret(tx, "c", "d"),
    "apps.remove": lambda tx: apps.remove(tx, "c", at_s=0),
}
OTHERS: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "clients.active": lambda tx: clients.active(tx, "o", "c"),
    "clients.page": lambda tx: clients.page(tx, "o", search="x", after=("n", "c"), limit=50),
    "clients.count_active": lambda tx: clients.count_active(tx, "o"),
    "clients.update": lambda tx: clients.update(tx, LISTING, name_key="n", was=LISTING),
    "clients.remove": lambda tx: clients.remove(tx, "o", "c", at_s=0),
    "clients.created_by_form": lambda tx: clients.created_by_form(tx, "o", "d"),
    "people.by_email": lambda tx: people.by_email(tx, "e"),
    "people.by_id": lambda tx: people.by_id(tx, "p"),
    "people.memberships": lambda tx: people.memberships(tx, "p"),
    "sessions.by_digest": lambda tx: sessions.by_digest(tx, "d"),
    "sessions.by_sid": lambda tx: sessions.by_sid(tx, "s"),
    "sessions.touch": lambda tx: sessions.touch(tx, "d", seen_at_s=0),
    "sessions.hold": lambda tx: sessions.hold(tx, "s"),
    "sessions.end": lambda tx: sessions.end(tx, "d", at_s=0),
    "sessions.end_all": lambda tx: sessions.end_all(tx, "p", at_s=0),
    "sessions.succeed": lambda tx: sessions.succeed(tx, "d", by_sid="s", at_s=0),
    "sessions.failures_of_account": lambda tx: sessions.failures_of_account(
        tx, "a", since_s=0, until_s=9, now_s=9, besides=""
    ),
    "sessions.failures_of_address": lambda tx: sessions.failures_of_address(
        tx, "a", since_s=0, until_s=9, besides=""
    ),
    "sessions.forget_attempts": lambda tx: sessions.forget_attempts(tx, before_s=0),
    "sessions.use_setup_link": lambda tx: sessions.use_setup_link(tx, "d", now_s=0),
    "sessions.open_of": lambda tx: sessions.open_of(
        tx, "p", first="d", begun_after_s=0, seen_after_s=0, limit=9
    ),
    "sessions.is_of": lambda tx: sessions.is_of(tx, "s", "p"),
    "sessions.renew": lambda tx: sessions.renew(tx, "d", "e", at_s=0),
    "sessions.forget_failures": lambda tx: sessions.forget_failures(tx, "a"),
    "usage.add": lambda tx: usage.add(tx, [(0, "c", 1, 0, 1, "a", "u")]),
    "usage.carry_over": lambda tx: usage.carry_over(tx, before_s=1, after="c", limit=9),
    "usage.days": lambda tx: usage.days(tx, "c", range(0, 90 * usage.DAY_S, usage.DAY_S)),
    "usage.forget": lambda tx: usage.forget(tx, before_s=1, limit=9),
    "usage.last_uses": lambda tx: usage.last_uses(tx, ["c", "d"], now_s=1),
    "reset_links.account_of": lambda tx: reset_links.account_of(tx, "d", now_s=0),
    "reset_links.spend": lambda tx: reset_links.spend(tx, "d", now_s=0),
    "reset_links.drop": lambda tx: reset_links.drop(tx, "p"),
}
pytestmark = pytest.mark.anyio


class Recorder(Transaction):
    """Notes each statement and passes it on."""

    def __init__(self, transaction: Transaction) -> None:
        self.statements: list[tuple[str, tuple[Value, ...]]] = []
        self._transaction = transaction

    async def one(self, sql: str, *values: Value) -> Row | None:
        """The first row."""
        self.statements.append((sql, values))
        return await self._transaction.one(sql, *values)

    async def all(self, sql: str, *values: Value) -> list[Row]:
        """Every row."""
        self.statements.append((sql, values))
        return await self._transaction.all(sql, *values)

    async def run_many(self, sql: str, rows: Sequence[tuple[Value, ...]]) -> None:
        """Execute a write for each row."""
        self.statements += [(sql, values) for values in rows]
        await self._transaction.run_many(sql, rows)

    async def run(self, sql: str, *values: Value) -> int:
        """Execute a write."""
        self.statements.append((sql, values))
        return await self._transaction.run(sql, *values)


@pytest.mark.parametrize("name", [*TOKEN_PATH, *OTHERS])
async def test_no_statement_scans_a_table(database: Database, store: Store, name: str) -> None:
    """Each is answered from an index, so that a hundred thousand keys cost what one key costs."""
    async with database.transaction() as tx:
        recorder = Recorder(tx)
        await (TOKEN_PATH | OTHERS)[name](recorder)
    assert_no_scan(store, recorder)


@pytest.mark.parametrize("name", GRANT_PATH)
async def test_no_statement_about_apps_and_grants_scans_a_table(
    database: Database, store: Store, name: str
) -> None:
    """However many people have connected however many apps."""
    await add_companies_people_and_apps(database)
    async with database.transaction() as tx:
        recorder = Recorder(tx)
        await GRANT_PATH[name](recorder)
    assert_no_scan(store, recorder)


async def test_apps_to_be_told_are_found_by_skipping(database: Database, store: Store) -> None:
    """Only the list of apps that the statement itself makes is read from end to end."""
    async with database.transaction() as tx:
        recorder = Recorder(tx)
        await logout_notices.clients_due(recorder, now_s=0, limit=9)
    ((sql, values),) = recorder.statements
    assert [step for step in store.full_scans(sql, values) if step != "SCAN w"] == []


async def test_what_happened_to_a_connected_app_is_read_without_what_happened_elsewhere(
    database: Database, store: Store
) -> None:
    """However many companies connected it, and however much the company did besides."""
    async with database.transaction() as tx:
        recorder = Recorder(tx)
        await journal.of_connection(recorder, "o", "c", limit=9)
    plans = [" ".join(store.plan(sql, values)) for sql, values in recorder.statements]
    indexes = ("journal_of_connections", "journal_of_moves", "journal_of_ends")
    assert [index in plan for index, plan in zip(indexes, plans, strict=True)] == [True] * 3, plans


def assert_no_scan(store: Store, recorder: Recorder) -> None:
    """What was recorded is answered from indexes."""
    assert recorder.statements
    for sql, values in recorder.statements:
        assert store.full_scans(sql, values) == []


async def test_a_token_costs_one_statement(database: Database) -> None:
    """The only read on the token path of a key; an app's costs one more, a code or refresh token's one."""
    await add_companies_people_and_apps(database)
    async with database.transaction() as tx:
        listing = replace(LISTING, client_id="key", company_id=APP.company_id)
        await clients.insert(tx, listing, name_key="n", secret_digest="d", grant_types="client_credentials")
        recorder = Recorder(tx)
        for client_id in ("key", "nobody"):
            await clients.by_id(recorder, client_id)
        assert len(recorder.statements) == 2
        await clients.by_id(recorder, APP.client_id)
        assert len(recorder.statements) == 4
        await grants.by_code(recorder, "d")
        await grants.by_id(recorder, "g")
        assert len(recorder.statements) == 6
