"""A platform on a real database, with a clock that tests set."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest

from keygrove.crypto import passwords
from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests
from keygrove.management import companies
from keygrove.management.catalogue import SAMPLE
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Actor, Management
from keygrove.storage.journal import Event
from stores import Store, everything_in

NOW = 1_700_000_000.25
COLUMNS = ["event_id", *(field.name for field in fields(Event) if field.name != "id")]


@dataclass(slots=True)
class Clock:
    """A clock that stands still until a test moves it."""

    time: float = NOW

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.time

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal as another connection reads it."""

    store: Store

    def lines(self, action: str = "") -> list[dict[str, Any]]:
        """The lines in order, `detail` parsed; only those of an action if one is given."""
        found = self.store.query(f"select {', '.join(COLUMNS)} from journal order by {self.store.in_order}")  # noqa: S608
        rows: list[dict[str, Any]] = [dict(zip(COLUMNS, row, strict=True)) for row in found]
        return [row | {"detail": json.loads(row["detail"])} for row in rows if action in ("", row["action"])]

    def everything_stored(self) -> str:
        """Each value of each table, as one text."""
        return everything_in(self.store)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop we run on."""
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    """The platform's clock."""
    return Clock()


@pytest.fixture
async def m(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> AsyncIterator[Management]:
    """The platform. Its passwords are cheap to hash; what they cost in earnest is tested in crypto."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
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
def journal(store: Store) -> Journal:
    """What has been recorded."""
    return Journal(store)


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
