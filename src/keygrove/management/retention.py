"""Forgets what has ended, so that nothing about people is kept longer than it serves."""

import logging

from keygrove.management.context import Management
from keygrove.management.sign_in import ABSOLUTE_S, ATTEMPTS_KEPT_S
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.storage import clients, grants, logout_notices, reset_links, sessions, turns

_DAY_S = 24 * 3600
# A page of a new key that is reloaded within a week still says which key it made.
CREATIONS_KEPT_S = 7 * _DAY_S
SESSIONS_KEPT_S = ABSOLUTE_S + _DAY_S
# For the last access token of a grant, of which an API may still ask.
_GRANTS_KEPT_S = _DAY_S
log = logging.getLogger("keygrove.logout")


async def forget(m: Management, refresh: RefreshPolicy) -> None:
    """Delete ended sessions, old sign-in attempts, expired links and notes of forms long sent.

    A session that nobody ended within its life and a day ends, and apps that know of it will be told.
    And grants that can give nothing any more, by the lives of their refresh tokens; but with a session that
    is open its grants stay, and the sessions whose place it took with theirs. What people allow apps stays,
    and so does the journal. Raises DatabaseUnavailable.
    """
    now = m.now()
    async with m.database.transaction() as tx:
        aged = await sessions.aged(tx, before_s=now - SESSIONS_KEPT_S)
    for digest in aged:
        # One at a time: whoever changes a password or signs out holds several, in another order.
        async with m.database.transaction() as tx:
            await sessions.end(tx, digest, at_s=now)
    async with m.database.transaction() as tx:
        await sessions.forget(tx, before_s=now - SESSIONS_KEPT_S)
    async with m.database.transaction() as tx:
        await sessions.forget_attempts(tx, before_s=now - ATTEMPTS_KEPT_S)
        await sessions.forget_setup_links(tx, before_s=now - _DAY_S)
        await reset_links.forget(tx, before_s=now - _DAY_S)
        await clients.forget_creations(tx, before_s=now - CREATIONS_KEPT_S)
        await turns.forget(tx, before_s=now - _DAY_S)
        untold = await logout_notices.forget(tx, before_s=now - _DAY_S)
        kept_s = now - _GRANTS_KEPT_S
        await grants.forget(
            tx,
            before_s=kept_s,
            idle_before_s=kept_s - refresh.idle_s,
            absolute_before_s=kept_s - refresh.absolute_s,
        )
    if untold:
        log.warning(
            "sign-outs of which apps were not told within a day were forgotten", extra={"number": untold}
        )
