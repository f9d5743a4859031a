"""storage/backup.py: what people granted comes back as it was, from either database into either."""

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from databases import Databases
from keygrove.storage import api_credentials, grants, journal, schema
from keygrove.storage.api_credentials import ApiCredential
from keygrove.storage.backup import back_up, removals_since, restore
from keygrove.storage.backup_file import Head, writing
from keygrove.storage.database import Database
from keygrove.storage.journal import Event
from keygrove.storage.opening import open_database
from storage.granted import add_companies_people_and_apps, add_grant, code_of
from stores import KINDS, SqliteStore, Store, everything_in, store_at

HEAD = Head(schema=schema.VERSION, made_at_s=100, issuer="https://i.example", keygrove="1", secrets_check="")
CREDENTIAL = ApiCredential(
    client_id="kg_rs_1", audience="https://a.example", secret_digest="d", name="Web", created_at_s=5
)
NOTE = Event(
    id="e1",
    at_us=100_000_000,
    actor_kind="cli",
    actor_id="operator",
    actor_name="Operator",
    company_id=None,
    action="backup.restored",
    target_id="copy",
    outcome="done",
    detail="{}",
    address="",
    request_id="",
)
pytestmark = pytest.mark.anyio


def rows_of(store: Store) -> list[str]:
    """Every row but those of the journal, in any order."""
    return sorted(line for line in everything_in(store).splitlines() if not line.startswith("journal"))


@pytest.mark.parametrize("kind", KINDS, ids=["to sqlite", "to postgres"])
async def test_apps_consents_grants_and_credentials_come_back(
    database: Database, store: Store, databases: Databases, tmp_path: Path, kind: str
) -> None:
    """To the last value: a revoked grant is revoked, and a family has the generation that it had."""
    await add_companies_people_and_apps(database)
    assert await add_grant(database)
    assert await add_grant(database, code_of("g2"))
    async with database.transaction() as tx:
        await grants.spend_code(tx, "g1", at_s=101)
        for generation in range(3):
            await grants.rotate(tx, "g1", generation=generation, at_s=102 + generation)
        await grants.revoke(tx, "g2", at_s=110)
        await api_credentials.insert(tx, CREDENTIAL)
    counts, _ = await back_up(store.url, tmp_path / "copy", HEAD)
    assert {name: counts[name] for name in ("apps", "consents", "grants", "api_credentials")} == {
        "apps": 2,
        "consents": 1,
        "grants": 2,
        "api_credentials": 1,
    }
    folder = tmp_path / "there"
    folder.mkdir()
    url = SqliteStore(databases.file(folder)).url if kind == "sqlite" else databases.postgres()
    there = await open_database(url)
    try:
        await restore(url, there, tmp_path / "copy", NOTE)
        async with there.transaction() as tx:
            found = await grants.by_id(tx, "g1")
        assert found is not None
        assert (found.refresh_generation, found.refreshed_at_s) == (3, 104)
    finally:
        await there.close()
    with store_at(url) as restored:
        assert rows_of(restored) == rows_of(store)


async def test_what_comes_back_with_a_backup_is_told(database: Database) -> None:
    """An app that was disconnected, a grant that was revoked and a secret that was replaced among it."""
    told = ("app.disconnected", "app.removed", "app.secret_renewed", "app.suspended", "grant.revoked")
    actions = (*told, "app.connected", "app.updated", "app.approved")
    async with database.transaction() as tx:
        for number, action in enumerate(actions):
            await journal.append(tx, replace(NOTE, id=f"e{number}", action=action))
        await journal.append(tx, replace(NOTE, id="before", action="app.removed", at_us=99_999_999))
    assert [each.action for each in await removals_since(database, 100)] == list(told)


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (errno.EACCES, "no permission to write into the folder {}"),
        (errno.EPERM, "no permission to write into the folder {}"),
        (errno.ENOSPC, "{}/copy cannot be written: No space left on device"),
    ],
)
def test_a_folder_that_cannot_be_written_into_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: int, said: str
) -> None:
    """The suite may be root's, whom nothing is forbidden: the system's answer is made up."""

    def refuse(path: Path, *_: int) -> int:
        raise OSError(cause, os.strerror(cause), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=f"^{re.escape(said.format(tmp_path))}$"), writing(tmp_path / "copy"):
        pass
    assert list(tmp_path.iterdir()) == []
