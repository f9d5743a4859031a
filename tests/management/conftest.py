"""A platform on a real database, with a clock that tests set."""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from keygrove.crypto import passwords
from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests
from keygrove.management import companies
from keygrove.management.catalogue import SAMPLE
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Actor, Management
from keygrove.storage import schema
from keygrove.storage.sqlite import SqliteDatabase

NOW = 1_700_000_000.25


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

    path: Path

    def lines(self, action: str = "") -> list[dict[str, Any]]:
        """The lines in order, `detail` parsed; only those of an action if one is given."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute("select * from journal order by rowid")]
        return [row | {"detail": json.loads(row["detail"])} for row in rows if action in ("", row["action"])]

    def everything_stored(self) -> str:
        """Each value of each table, as one text."""
        with closing(sqlite3.connect(self.path)) as connection:
            return "\n".join(connection.iterdump())


@pytest.fixture
def anyio_backend() -> str:
    """The event loop we run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with its tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "keygrove.db"
    schema.migrate_sqlite(path)
    return path


@pytest.fixture
def database_path(empty_database: Path, tmp_path: Path) -> Path:
    """A copy for one test."""
    return Path(shutil.copy(empty_database, tmp_path / "keygrove.db"))


@pytest.fixture
def clock() -> Clock:
    """The platform's clock."""
    return Clock()


@pytest.fixture
async def m(
    database_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> AsyncIterator[Management]:
    """The platform. Its passwords are cheap to hash; what they cost in earnest is tested in crypto."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    database = SqliteDatabase(database_path)
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
def journal(database_path: Path) -> Journal:
    """What has been recorded."""
    return Journal(database_path)


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
