"""A platform on a real database, with a clock that tests set."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from clocks import Clock
from keygrove.crypto import passwords
from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests
from keygrove.management import companies, last_seen
from keygrove.management.catalogue import SAMPLE
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Actor, Management
from stores import Store


@pytest.fixture
async def m(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> AsyncIterator[Management]:
    """The platform. Its passwords are cheap to hash; what they cost in earnest is tested in crypto."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    # On a machine that is busy with other tests the clock must not be moved on before it is noted.
    monkeypatch.setattr(last_seen, "PATIENCE_S", 10)
    database = await store.open()
    yield Management(
        issuer="https://issuer.example",
        platform_name="Understory",
        catalogue=SAMPLE,
        database=database,
        digests=Digests(b"d" * 32),
        passwords=Passwords(),
        clock=clock,
    )
    await database.close()


@pytest.fixture
async def acme(m: Management) -> Company:
    """A company."""
    return await companies.create(m, OPERATOR, "Acme")


@pytest.fixture
async def rival(m: Management) -> Company:
    """Another company."""
    return await companies.create(m, OPERATOR, "Rival")


ANA = Actor(kind="person", id="kg_pe_ana", name="Ana", role="admin", address="192.0.2.1", request_id="r1")
AUDITOR = replace(ANA, id="kg_pe_aud", name="Audrey", role="auditor")
