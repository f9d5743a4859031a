"""When a session was last used: bookkeeping, which fails no page and holds none up for long."""

import asyncio
import logging

from keygrove.management.context import Management
from keygrove.management.errors import DatabaseUnavailable
from keygrove.storage import sessions

PATIENCE_S = 0.5
log = logging.getLogger("keygrove.sessions")
# One for each session that is used while nobody can write. The event loop forgets tasks that nobody holds.
_under_way: dict[str, asyncio.Task[None]] = {}


async def note(m: Management, digest: str, *, now: int) -> None:
    """Note that a session is used now. What takes longer than PATIENCE_S goes on by itself."""
    if digest in _under_way:
        return
    task = _under_way[digest] = asyncio.create_task(_write(m, digest, now))
    task.add_done_callback(lambda _: _under_way.pop(digest))
    await asyncio.wait({task}, timeout=PATIENCE_S)


async def _write(m: Management, digest: str, now: int) -> None:
    try:
        async with m.database.transaction() as tx:
            await sessions.touch(tx, digest, seen_at_s=now)
    except DatabaseUnavailable as error:
        log.debug("it is not noted when a session was used", extra={"reason": str(error)})
