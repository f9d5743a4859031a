"""Connected apps: what a company's people let apps do for it, and the end of that."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from keygrove.management.context import Actor, Management
from keygrove.management.errors import NotFound
from keygrove.management.record import record, require_admin
from keygrove.storage import consents, grants, journal
from keygrove.storage.consents import ConnectedApp, ConnectedBy
from keygrove.storage.journal import GAVE_BACK

__all__ = [
    "ConnectedApp",
    "ConnectedBy",
    "Happening",
    "What",
    "activity",
    "disconnect",
    "get_connected",
    "list_connected",
]

What = Literal[
    "connected", "again", "widened", "disconnected", "gave-back", "stolen", "suspended", "resumed", "removed"
]
_WHAT: Mapping[str, What] = {
    "app.connected": "connected",
    "app.disconnected": "disconnected",
    "app.suspended": "suspended",
    "app.resumed": "resumed",
    "app.removed": "removed",
}
_LINES = 100


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a connected app, when (epoch seconds), by whom; `added` is what it got.

    `gave-back`: the app gave up its tokens (RFC 7009). `stolen`: a code or refresh token came twice, or with
    a wrong proof, and what it belonged to ended (RFC 9700 §4.14).
    """

    what: What
    at_s: int
    who: str
    added: tuple[str, ...]


async def list_connected(m: Management, company_id: str) -> tuple[ConnectedApp, ...]:
    """The apps that are connected to a company, by name."""
    async with m.database.transaction() as tx:
        return tuple(await consents.connected(tx, company_id))


async def get_connected(m: Management, company_id: str, client_id: str) -> ConnectedApp:
    """One app that is connected to the company. Raises NotFound for anything else."""
    for app in await list_connected(m, company_id):
        if app.client_id == client_id:
            return app
    raise NotFound("There is no such app.")


async def activity(m: Management, company_id: str, client_id: str) -> tuple[Happening, ...]:
    """What happened to an app in a company, youngest first: the last hundred lines about it."""
    async with m.database.transaction() as tx:
        lines = await journal.of_connection(tx, company_id, client_id, limit=_LINES)
    # Told from the beginning on: what is new depends on what was there.
    told: list[Happening] = []
    held = frozenset[str]()
    people = set[str]()
    for line in reversed(lines):
        detail = json.loads(line.detail)
        scopes = frozenset(str(detail.get("scope", "")).split())
        what, added = _what(line, detail), scopes - held
        if what == "connected":
            if line.actor_id in people:
                what = "widened" if added else "again"
            people.add(line.actor_id)
            held |= scopes
        elif what == "disconnected":
            held, people = frozenset(), set()
        told.append(Happening(what, line.at_us // 1_000_000, line.actor_name, tuple(sorted(added))))
    return tuple(reversed(told))


def _what(line: journal.Event, detail: Mapping[str, object]) -> What:
    if line.action != "grant.revoked":
        return _WHAT[line.action]
    return "gave-back" if detail.get("reason") == GAVE_BACK else "stolen"


async def disconnect(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Take back all that the company's people allow an app: its refresh tokens and codes end with it.

    Raises Forbidden, NotFound.
    """
    await require_admin(m, actor, "app.disconnected", target_id=client_id, company_id=company_id)
    app = await get_connected(m, company_id, client_id)
    async with m.database.transaction() as tx:
        if not await consents.withdraw(tx, client_id, company_id):
            raise NotFound("There is no such app.")
        ended = await grants.revoke_of_app(tx, client_id, company_id, at_s=m.now())
        await record(
            tx,
            m,
            actor,
            "app.disconnected",
            target_id=client_id,
            company_id=company_id,
            detail={
                "name": app.name,
                "permissions": app.scope.tokens,
                "people": [one.person_id for one in app.people],
                "grants_ended": ended,
            },
        )
