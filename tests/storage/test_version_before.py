"""What versions before say to the database, word for word: one goes on while its nodes are replaced."""

import pytest

from keygrove.protocol.scope import Scope
from keygrove.storage import clients, people, sessions, usage
from keygrove.storage.database import Database, Row, Transaction, Value
from keygrove.storage.usage import LastUse
from storage.granted import ACME, ANA, add_companies_people_and_apps

# Version 2's statements on the tables that version 3 adds columns to, in an order in which they can run;
# then version 3's on the one that version 4 adds a column to, and 5's on what version 6 keeps elsewhere.
WRITES: list[tuple[str, tuple[Value, ...]]] = [
    (
        """
        insert into clients (client_id, company_id, client_name, name_key, secret_digest, grant_types, scope,
                             audience, created_at_s, created_by, updated_at_s)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)
        on conflict (company_id, name_key) where removed_at_s is null do nothing
        """,
        (
            "key1",
            ACME.id,
            "Sync",
            "sync",
            "d",
            "client_credentials",
            "event.read",
            "https://a.example",
            10,
            "Ana",
        ),
    ),
    (
        """
        update clients set client_name = $1, name_key = $2, scope = $3, updated_at_s = $4
        where client_id = $5 and company_id = $6 and client_name = $7 and scope = $8 and removed_at_s is null
        """,
        ("Sync 2", "sync 2", "booking.read", 11, "key1", ACME.id, "Sync", "event.read"),
    ),
    (
        """
        insert into people (person_id, email, email_key, name, password_hash, created_at_s)
        values ($1, $2, $3, $4, $5, $6) on conflict (email_key) do nothing
        """,
        ("kg_pe_9", "Cleo@acme.example", "cleo@acme.example", "Cleo", "$argon2id$x", 12),
    ),
    ("update people set password_hash = $1 where person_id = $2", ("$argon2id$y", "kg_pe_9")),
    (
        "update people set password_hash = $2 where person_id = $1 and password_hash = $2",
        ("kg_pe_9", "$argon2id$y"),
    ),
    (
        """
        insert into sessions (session_digest, person_id, created_at_s, seen_at_s, confirmed_at_s,
                              address, user_agent)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        ("s1", ANA.id, 13, 13, 13, "127.0.0.1", "x"),
    ),
    (
        """
        insert into sessions (session_digest, person_id, created_at_s, seen_at_s, confirmed_at_s,
                              address, user_agent)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        ("s2", ANA.id, 14, 14, 14, "127.0.0.1", "x"),
    ),
    (
        """
        insert into sessions (session_digest, person_id, created_at_s, seen_at_s, confirmed_at_s,
                              address, user_agent, sid)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        ("s3", ANA.id, 15, 15, 15, "127.0.0.1", "x", "sid of s3"),
    ),
    ("update sessions set ended_at_s = $1 where session_digest = $2 and ended_at_s is null", (16, "s3")),
    (
        """
        insert into usage_hours (client_id, hour_s, issued, refused) values ($1, $2, $3, $4)
        on conflict (client_id, hour_s) do update set
            issued = usage_hours.issued + excluded.issued, refused = usage_hours.refused + excluded.refused
        """,
        ("key1", 0, 1, 0),
    ),
    (
        """
        insert into key_use (client_id, last_used_at_s, address, user_agent) values ($1, $2, $3, $4)
        on conflict (client_id) do update set last_used_at_s = excluded.last_used_at_s,
            address = excluded.address, user_agent = excluded.user_agent
        where excluded.last_used_at_s >= key_use.last_used_at_s
        """,
        ("key1", 17, "192.0.2.1", "x"),
    ),
]
ONE_KEY = """
    select c.client_id, c.secret_digest, c.grant_types, c.scope, c.audience, c.company_id,
           c.removed_at_s, o.suspended_at_s
    from clients c join companies o on o.company_id = c.company_id
    where c.client_id = $1
"""
pytestmark = pytest.mark.anyio


async def one(tx: Transaction, sql: str, value: str) -> Row:
    """A row that is there."""
    row = await tx.one(sql, value)
    assert row is not None
    return row


async def test_f18_the_version_before_works_on_this_schema(database: Database) -> None:
    """Each of its writes does what it did, and this version reads what it wrote."""
    await add_companies_people_and_apps(database)
    async with database.transaction() as tx:
        for sql, values in WRITES:
            assert await tx.run(sql, *values) == 1
    async with database.transaction() as tx:
        key = await clients.by_id(tx, "key1")
        assert key is not None
        assert (key.enabled, key.scope, key.secret_digest) == (True, Scope(("booking.read",)), "d")
        listed = await clients.page(tx, ACME.id, search="", after=("", ""), limit=9)
        assert [each.client_name for each in listed] == ["Sync 2"]
        uses = await usage.last_uses(tx, ["key1"], now_s=18)
        assert uses == {"key1": LastUse(at_s=17, address="192.0.2.1", user_agent="x")}
        account = await people.by_email(tx, "cleo@acme.example")
        assert account is not None
        assert (account.password_hash, account.person.updated_at_s) == ("$argon2id$y", None)
        for digest in ("s1", "s2"):
            session = await sessions.by_digest(tx, digest)
            assert session is not None
            assert (session.person, session.sid) == (ANA, None)


async def test_f18_the_version_before_gives_an_app_no_token(database: Database) -> None:
    """It sees a client that may not use the one grant that it knows, with its secret or without."""
    await add_companies_people_and_apps(database)
    async with database.transaction() as tx:
        for client_id, digest in (("app1", "d"), ("app2", "")):
            row = await one(tx, ONE_KEY, client_id)
            assert row["secret_digest"] == digest
            assert "client_credentials" not in row["grant_types"].split()
