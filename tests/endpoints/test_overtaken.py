"""Token requests that wait for their turn to write, while what they ask for comes to an end (F38)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json import loads
from typing import Any

import pytest

from endpoints.asking import refused_client
from endpoints.connecting import TOKEN, Connection, claims_in, connect_app, digests_of, refused_grant, tokens
from endpoints.neighbor import posted
from hostile_rules import Rules
from keygrove.crypto.secrets import new_code, new_grant_id, refresh_token
from keygrove.endpoints.token import token
from keygrove.house import House
from keygrove.protocol.message import Response
from keygrove.storage.opening import open_database
from keygrove.storage.postgres import PostgresTransaction
from keygrove.storage.sqlite import SqliteTransaction
from stores import store_at

WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Change:
    """What is committed first: a statement about one row, the answer from then on, and the way back."""

    sql: str
    about: Callable[[Connection], str]
    answer: tuple[int, str]
    back: str


def app_id(app: Connection) -> str:
    """The app's row."""
    return app.app.client_id


def person_id(app: Connection) -> str:
    """The row of the person, or of the person's role."""
    return app.person.id


REFUSED_CLIENT, REFUSED_GRANT = (401, "invalid_client"), (400, "invalid_grant")
CHANGES = {
    "app suspended": Change(
        "update apps set state = 'suspended' where client_id = $1",
        app_id,
        REFUSED_CLIENT,
        "update apps set state = 'live' where client_id = $1",
    ),
    "app removed": Change(
        "update clients set removed_at_s = 1 where client_id = $1",
        app_id,
        REFUSED_CLIENT,
        "update clients set removed_at_s = null where client_id = $1",
    ),
    "secret replaced": Change(
        "update clients set secret_digest = 'x' || secret_digest where client_id = $1",
        app_id,
        REFUSED_CLIENT,
        "update clients set secret_digest = substr(secret_digest, 2) where client_id = $1",
    ),
    "consent narrowed to nothing": Change(
        "update consents set scope = '' where client_id = $1",
        app_id,
        REFUSED_GRANT,
        "update consents set scope = 'openid marketing.read offline' where client_id = $1",
    ),
    "person disabled": Change(
        "update people set disabled_at_s = 1 where person_id = $1",
        person_id,
        REFUSED_GRANT,
        "update people set disabled_at_s = null where person_id = $1",
    ),
    "no admin any more": Change(
        "update members set role = 'auditor' where person_id = $1",
        person_id,
        REFUSED_GRANT,
        "update members set role = 'admin' where person_id = $1",
    ),
    "company suspended": Change(
        "update companies set suspended_at_s = 1 where company_id = $1",
        lambda app: app.company_id,
        REFUSED_GRANT,
        "update companies set suspended_at_s = null where company_id = $1",
    ),
}


@pytest.fixture
def app(rules: Rules) -> Connection:
    """A confidential app, connected."""
    return connect_app(rules)


def code_form(app: Connection) -> tuple[dict[str, str], str]:
    """The form that presents a fresh code, and its grant."""
    code = app.new_code("openid marketing.read offline")
    return app.form_of(code), code.grant.grant_id


def refresh_form(app: Connection) -> tuple[dict[str, str], str]:
    """The form that presents a fresh refresh token, and its grant."""
    members = app.connect("openid marketing.read offline")
    form = {"grant_type": "refresh_token", "refresh_token": members["refresh_token"]}
    return {**app.credentials(), **form}, claims_in(members["access_token"])["grant_id"]


FORMS = {"code": code_form, "refresh token": refresh_form}


def ask_while(app: Connection, form: Mapping[str, str], grant_id: str, sql: str, *values: str) -> Response:
    """The answer of another node that wants to write, and may once a change of a rival's is committed."""

    async def ask(house: House) -> Response:
        rival = await open_database(app.server.environ["KEYGROVE_DATABASE"])
        try:
            async with asyncio.timeout(WITHIN_S), rival.transaction() as tx:
                # On SQLite nobody else writes from here on, on PostgreSQL nobody to this grant.
                await tx.run("update grants set used_at_s = used_at_s where grant_id = $1", grant_id)
                with pytest.MonkeyPatch.context() as mp:
                    writes = noticed_writes(mp)
                    answer = asyncio.create_task(token(house.server, posted(form)))
                    await writes.wait()
                await tx.run(sql, *values)
            return await answer
        finally:
            await rival.close()

    return app.server.in_house(ask)


def noticed_writes(mp: pytest.MonkeyPatch) -> asyncio.Event:
    """Set as soon as anything in this process wants to write."""
    writes = asyncio.Event()
    for kind in (SqliteTransaction, PostgresTransaction):
        run = kind.run

        def noticing(tx: Any, sql: str, *values: Any, _run: Any = run) -> Any:
            writes.set()
            return _run(tx, sql, *values)

        mp.setattr(kind, "run", noticing)
    return writes


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("what", CHANGES)
def test_f38_nothing_is_issued_after_its_end_was_committed(app: Connection, what: str, kind: str) -> None:
    """Also to whoever asked before and waited; what was presented is not spent by that."""
    form, grant_id = FORMS[kind](app)
    change = CHANGES[what]
    answer = ask_while(app, form, grant_id, change.sql, change.about(app))
    assert (answer.status, loads(answer.body)["error"]) == change.answer
    app.change(change.back, change.about(app))
    assert tokens(app.post(TOKEN, form))["refresh_token"]


@pytest.mark.parametrize("kind", FORMS)
def test_f38_a_scope_taken_away_meanwhile_is_not_in_the_token(app: Connection, kind: str) -> None:
    """The answer says so."""
    form, grant_id = FORMS[kind](app)
    sql = "update consents set scope = 'openid offline marketing.read' where client_id = $1"
    app.change("update consents set scope = scope || ' booking.read' where client_id = $1", app_id(app))
    app.change("update grants set scope = scope || ' booking.read' where grant_id = $1", grant_id)
    answer = ask_while(app, form, grant_id, sql, app_id(app))
    members = loads(answer.body)
    assert members["scope"] == claims_in(members["access_token"])["scope"] == "openid marketing.read offline"


def test_what_gives_no_token_waits_for_no_write(app: Connection) -> None:
    """A wrong secret, an unknown code or refresh token: refused while nobody may write."""
    forms = [make(app)[0] for make in FORMS.values()]
    elsewhere = refresh_token(digests_of(app.server), new_grant_id(), 1).reveal()
    unknown = [{"code": new_code().reveal()}, {"refresh_token": elsewhere}]
    app.rules.secrets.update(value for each in unknown for value in each.values())
    with store_at(app.server.environ["KEYGROVE_DATABASE"]) as store, store.locked():
        for form, other in zip(forms, unknown, strict=True):
            refused_client(app.post(TOKEN, {**form, "client_secret": "kg_sk_wrong"}))
            refused_grant(app.post(TOKEN, {**form, **other}))
    for form in forms:
        assert tokens(app.post(TOKEN, form))
