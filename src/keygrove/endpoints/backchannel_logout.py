"""Tells apps that a session ended (OpenID Connect Back-Channel Logout 1.0 §2.5), beside answering requests.

Any number of workers and nodes look for what is due; a claim lets one of them make an attempt. One that is
killed over it leaves the row, which is due again when the claim has run out.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from urllib.parse import urlencode

from keygrove.crypto.secrets import new_event_id, new_token_id
from keygrove.endpoints.context import AuthorizationServer
from keygrove.protocol.backchannel_logout import (
    LOGOUT_TOKEN_TYPE,
    LogoutToken,
    Outcome,
    check_logout_uri,
    next_attempt,
    outcome_of,
)
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InvalidRedirectUri
from keygrove.storage import clients, journal, logout_notices
from keygrove.storage.database import DatabaseUnavailable
from keygrove.storage.logout_notices import LogoutNotice

# Sends a form to an address; the status of the answer. Raises NotReached.
Send = Callable[[str, bytes], Awaitable[int]]
PAUSES_S = (10, 60, 600)
AT_ONCE = 4
# A slow app holds up itself: the others have their turn.
_OF_EACH = 2
# An app that listens is told of more, one after the other, so often and until then.
_IN_A_ROW = 25
IN_A_ROW_S = 1.0
# Of what comes next a rival may have claimed some.
_LOOKED_AT = 8
# How many apps take turns.
_CLIENTS = 100
# An app that was not reached is left alone with all that it is to be told, for its pause or this.
_LONGEST_ALONE_S = 60
# Longer than an attempt can take.
_CLAIM_S = 30
log = logging.getLogger("keygrove.logout")


_NOT_WANTED = "the app does not want to be told any more"
_NOT_ALLOWED = "its address is not allowed"
_OUT_OF_REACH = "it could not be reached"
_FAULT = "Keygrove failed"
_ANSWERED = {
    "told": "it was told",
    "refused": "it answered 400",
    "failed": "it answered neither 200, 204 nor 400",
}


class NotReached(Exception):
    """No answer came; the message says why, for the log."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of an attempt: `reason` is one of a few for the journal, `detail` for the operator's log.

    What the maker of an app may read must not tell which names and ports there are in the network behind us.
    """

    outcome: Outcome
    reason: str
    detail: str


@dataclass(slots=True)
class Courier:
    """Brings logout tokens to apps. `pauses_s` are the seconds before each further attempt.

    An app that was told within `in_a_row_s` seconds is told of more at once.
    """

    server: AuthorizationServer
    send: Send = field(repr=False)
    pauses_s: Sequence[int] = PAUSES_S
    in_a_row_s: float = IN_A_ROW_S
    _under_way: "dict[asyncio.Task[None], str]" = field(default_factory=dict)
    # Of the apps that wait, whose turn was when: the larger the later.
    _turns: dict[str, int] = field(default_factory=dict)

    async def start_due(self) -> None:
        """Begin an attempt for what is due, a few at once; they go on when this returns.

        Raises DatabaseUnavailable.
        """
        if len(self._under_way) >= AT_ONCE:
            return
        now = int(self.server.clock())
        for notice in await self._due(now):
            if len(self._under_way) >= AT_ONCE:
                return
            await self._start(notice, now)

    async def _due(self, now: int) -> list[LogoutNotice]:
        """What may begin: apps in turn, of each one first and a second one when all have had theirs."""
        busy = Counter(self._under_way.values())
        async with self.server.database.transaction() as tx:
            clients_due = await logout_notices.clients_due(tx, now_s=now, limit=_CLIENTS)
            self._turns = {client_id: self._turns.get(client_id, 0) for client_id in clients_due}
            in_turn = [
                each for each in sorted(clients_due, key=self._turns.__getitem__) if busy[each] < _OF_EACH
            ]
            found = [
                await logout_notices.due_of(tx, each, now_s=now, limit=_OF_EACH - busy[each])
                for each in in_turn[:AT_ONCE]
            ]
        return [notice for row in zip_longest(*found) for notice in row if notice is not None]

    async def finish(self) -> None:
        """Wait for the attempts under way. Raises nothing."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _start(self, notice: LogoutNotice, now: int) -> None:
        async with self.server.database.transaction() as tx:
            mine = await logout_notices.claim(tx, notice, now_s=now, until_s=now + _CLAIM_S)
        if mine is not None:
            task = asyncio.create_task(self._tell_all(mine))
            self._under_way[task] = mine.client_id
            self._turns[mine.client_id] = max(self._turns.values(), default=0) + 1
            task.add_done_callback(self._under_way.pop)

    async def _tell_all(self, notice: LogoutNotice) -> None:
        """Tell an app of this, and while it listens of more, for a moment: then it is another one's turn."""
        until, number = time.monotonic() + self.in_a_row_s, 1
        try:
            while await self._tell(notice) and number < _IN_A_ROW and time.monotonic() < until:
                following = await self._next_of(notice)
                if following is None:
                    return
                notice, number = following, number + 1
        except DatabaseUnavailable as error:
            log.warning("telling an app waits for the database", extra=_of(notice) | {"reason": str(error)})
        except Exception:
            log.exception("telling an app of a sign-out failed", extra=_of(notice))

    async def _next_of(self, told: LogoutNotice) -> LogoutNotice | None:
        """What the same app is to be told next, claimed; None when there is no more, or all is claimed."""
        now = int(self.server.clock())
        async with self.server.database.transaction() as tx:
            for notice in await logout_notices.due_of(tx, told.client_id, now_s=now, limit=_LOOKED_AT):
                mine = await logout_notices.claim(tx, notice, now_s=now, until_s=now + _CLAIM_S)
                if mine is not None:
                    return mine
        return None

    async def _tell(self, notice: LogoutNotice) -> bool:
        """Make one attempt, and write down what came of it; whether the app was told."""
        async with self.server.database.transaction() as tx:
            client = await clients.by_id(tx, notice.client_id)
        uri = client.backchannel_logout_uri if client is not None and client.enabled else None
        result = await self._ask(uri, notice)
        await self._write_down(notice, client, result)
        return result.outcome == "told"

    async def _ask(self, uri: str | None, notice: LogoutNotice) -> _Result:
        """What the app answers, and why not, if it was not told. Each attempt has a token of its own."""
        if uri is None:
            return _Result("refused", _NOT_WANTED, _NOT_WANTED)
        try:
            # What was registered under older rules is held to today's.
            check_logout_uri(uri)
            status = await self.send(uri, urlencode({"logout_token": await self._token(notice)}).encode())
        except InvalidRedirectUri as error:
            return _Result("refused", _NOT_ALLOWED, error.description)
        except NotReached as error:
            return _Result("failed", _OUT_OF_REACH, str(error))
        except Exception:
            # No key, no certificates, a fault: it is tried again with pauses, and given up, as any other.
            log.exception("telling an app of a sign-out failed", extra=_of(notice))
            return _Result("failed", _FAULT, _FAULT)
        outcome = outcome_of(status)
        return _Result(outcome, _ANSWERED[outcome], f"it answered {status}")

    async def _token(self, notice: LogoutNotice) -> str:
        server, now = self.server, int(self.server.clock())
        token = LogoutToken(
            issuer=server.policy.issuer,
            subject=notice.person_id,
            client_id=notice.client_id,
            session_id=notice.sid,
            token_id=new_token_id(),
            issued_at=now,
        )
        # Signed as ID tokens are (§2.4).
        return await server.signer.sign(
            server.keyring(), token.claims(), LOGOUT_TOKEN_TYPE, algorithm="RS256", now=now
        )

    async def _write_down(self, notice: LogoutNotice, client: Client | None, result: _Result) -> None:
        now = self.server.clock()
        again_at = next_attempt(notice.attempts, self.pauses_s, now=int(now))
        async with self.server.database.transaction() as tx:
            if result.outcome == "failed" and again_at is not None:
                await logout_notices.postpone(tx, notice, until_s=again_at)
            elif await logout_notices.settle(tx, notice) and client is not None and _missed(result):
                await journal.append(tx, _not_told(notice, client, result, at=now))
            if result.reason == _OUT_OF_REACH:
                longest = int(now) + _LONGEST_ALONE_S
                await logout_notices.leave_alone(
                    tx, notice.client_id, until_s=longest if again_at is None else min(again_at, longest)
                )
        said = _of(notice) | {"reason": result.detail}
        match result.outcome, again_at:
            case "told", _:
                log.info("told an app of a sign-out", extra=_of(notice))
            case "refused", _:
                log.warning("an app was not told of a sign-out", extra=said)
            case _, None:
                log.warning("gave up telling an app of a sign-out", extra=said)
            case _:
                log.info("an app is told of a sign-out later", extra=said | {"again_at": again_at})


def _of(notice: LogoutNotice) -> dict[str, str | int]:
    return {"client_id": notice.client_id, "attempt": notice.attempts}


def _missed(result: _Result) -> bool:
    """Whether the app believes that somebody is signed in who is not."""
    return result.outcome != "told" and result.reason != _NOT_WANTED


def _not_told(notice: LogoutNotice, client: Client, result: _Result, *, at: float) -> journal.Event:
    at_us = int(at * 1_000_000)
    return journal.Event(
        id=new_event_id(at_us),
        at_us=at_us,
        actor_kind="system",
        actor_id="keygrove",
        actor_name="Keygrove",
        company_id=client.company_id,
        action="app.told_of_sign_out",
        target_id=notice.client_id,
        outcome=result.outcome,
        detail=json.dumps({"reason": result.reason, "attempts": notice.attempts}, ensure_ascii=True),
        address="",
        request_id="",
    )
