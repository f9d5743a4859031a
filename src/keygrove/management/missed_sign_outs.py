"""Sign-outs of which an app was not told, for its maker and the operator."""

import json
from dataclasses import dataclass

from keygrove.management.context import Management
from keygrove.storage import journal

_KEPT_S = 30 * 24 * 3600
_MOST = 20


@dataclass(frozen=True, slots=True)
class MissedSignOut:
    """The app was not told that a session ended: when that was given up (epoch seconds), and why, in words.

    What it said or did is `reason`, such as "it answered 400"; `attempts` were made.
    """

    at_s: int
    reason: str
    attempts: int


async def missed_sign_outs(m: Management, client_id: str) -> tuple[MissedSignOut, ...]:
    """What an app was not told within the last 30 days, youngest first: the last twenty."""
    since_us = (m.now() - _KEPT_S) * 1_000_000
    async with m.database.transaction() as tx:
        lines = await journal.latest(
            tx, target_id=client_id, action="app.told_of_sign_out", since_us=since_us, limit=_MOST
        )
    found = [(line.at_us // 1_000_000, json.loads(line.detail)) for line in lines]
    return tuple(MissedSignOut(at_s, detail["reason"], detail["attempts"]) for at_s, detail in found)
