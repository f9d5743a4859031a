"""What has ended is forgotten; what has not stays."""

import pytest

from keygrove.management import integrations, retention, setup, sign_in
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from management.conftest import Clock, Journal

pytestmark = pytest.mark.anyio
DAY_S = 24 * 3600


async def counts(m: Management) -> dict[str, int]:
    """How many rows each table that is cleaned has."""
    tables = ("sessions", "sign_in_attempts", "setup_links", "creations", "turns")
    async with m.database.transaction() as tx:
        rows = {table: await tx.one(f"select count(*) as number from {table}") for table in tables}  # noqa: S608
    return {table: row["number"] for table, row in rows.items() if row is not None}


async def test_what_has_ended_is_forgotten(
    m: Management, acme: Company, clock: Clock, journal: Journal
) -> None:
    """A week later no session, attempt, link or form is left; the journal is as long as before."""
    token = await setup.new_link(m)
    await integrations.create_key(
        m, OPERATOR, acme.id, name="Sync", permissions=["marketing.read"], form_token="once"
    )
    await setup.complete(
        m,
        token.reveal(),
        company_name="First",
        name="Ana",
        email="ana@example.com",
        password="a clearing in a forest",
        address="192.0.2.1",
    )
    await sign_in.sign_in(m, email="ana@example.com", password="a clearing in a forest", address="192.0.2.1")
    before, lines = await counts(m), len(journal.lines())
    await retention.forget(m)
    assert await counts(m) == before
    assert min(before.values()) > 0
    clock.pass_by(8 * DAY_S)
    await retention.forget(m)
    assert set((await counts(m)).values()) == {0}
    assert len(journal.lines()) == lines
