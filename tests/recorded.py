"""Reads the journal: Keygrove itself only ever adds to it."""

import json
from dataclasses import dataclass, fields
from typing import Any

from keygrove.storage.database import Transaction
from keygrove.storage.journal import Event
from stores import Store, everything_in

COLUMNS = ["event_id", *(field.name for field in fields(Event) if field.name != "id")]


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


async def events_of(tx: Transaction, target_id: str) -> list[Event]:
    """The lines about one thing, newest first."""
    rows = await tx.all("select * from journal where target_id = $1 order by at_us desc, event_id", target_id)
    return [Event(**{"id" if name == "event_id" else name: row[name] for name in row.keys()}) for row in rows]  # noqa: SIM118
