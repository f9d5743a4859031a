"""The keys of an issuer and its metadata: fetched when needed, kept, and renewed behind the scenes.

Up to FRESH_S seconds old they are used as they are. Up to OLD_S they are used while newer ones are fetched.
Then newer ones are waited for; if none can be had, the last good set serves on, up to LOST_S, and an API that
is called every minute or more often does not wait again while each attempt fails. A key that the issuer
withdraws is therefore refused after at most OLD_S seconds, unless the issuer cannot be reached.
"""

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from keygrove.crypto.jose import PublicKeys
from keygrove.sdk.discovery import Metadata, discover, endpoint
from keygrove.sdk.flight import Flight, Waiting
from keygrove.sdk.http import TIMEOUT_S
from keygrove.sdk.steps import AsyncFetch, Fetch, HttpAnswer, HttpRequest, Unreachable, get

FRESH_S = 300
OLD_S = 900
LOST_S = 24 * 3600
RETRY_S = 30  # the least time between two attempts once there are keys, whatever tokens ask for

_log = logging.getLogger("keygrove.sdk")


class KeysUnavailable(Exception):
    """There are no keys: none could be fetched yet, or not for a day, or not the one that is needed.

    The text says why the last attempt failed.
    """


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: PublicKeys
    metadata: Metadata
    fetched_at: float


_Fetched = tuple[PublicKeys, Metadata]


class KeyCache:
    """The keys of one issuer, shared by all threads and tasks of a process."""

    def __init__(
        self, issuer: str, fetch: Fetch | AsyncFetch, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`monotonic` counts seconds and never goes back."""
        self._issuer = issuer
        self._monotonic = monotonic
        self._kept: _Kept | None = None
        self._failures = 0
        self._failure = ""
        self._failed_at = float("-inf")
        self._next_attempt_at = monotonic()
        self.flight: Flight[_Fetched] = Flight(fetch, self._land, patience_s=2 * TIMEOUT_S + 1)

    def fresh(self) -> PublicKeys | None:
        """Return keys to verify with when nothing needs to be done for them."""
        kept = self._kept
        return kept.keys if kept is not None and self._age() <= FRESH_S else None

    def usable(self) -> Waiting[PublicKeys]:
        """Return keys to verify with, waiting only if that is needed. Raises KeysUnavailable."""
        kept = yield from self._usable()
        return kept.keys

    def metadata(self) -> Waiting[Metadata]:
        """Return the issuer's metadata, which is fetched and kept with the keys. Raises KeysUnavailable."""
        kept = yield from self._usable()
        return kept.metadata

    def _usable(self) -> Waiting[_Kept]:
        age = self._age()
        if age > FRESH_S and self._may_try():
            landed = self.flight.join(self._refresh)
            if age > LOST_S or (age > OLD_S and not self._failed_lately()):
                yield landed
        kept = self._kept
        if kept is None or self._age() > LOST_S:
            raise KeysUnavailable(f"no keys of {self._issuer}: {self._failure or 'no answer came in time'}")
        return kept

    def newer(self, known: PublicKeys) -> Waiting[PublicKeys | None]:
        """Look once for newer keys than the known ones; None if there are none, or it is too early."""
        if self._may_try():
            yield self.flight.join(self._refresh)
        kept = self._kept
        return kept.keys if kept is not None and kept.keys is not known else None

    def _age(self) -> float:
        kept = self._kept
        return float("inf") if kept is None else self._monotonic() - kept.fetched_at

    def _failed_lately(self) -> bool:
        """Whether the attempt before the next one failed. After a rest it says nothing any more."""
        return self._monotonic() - self._failed_at < 2 * RETRY_S

    def _may_try(self) -> bool:
        return self._monotonic() >= self._next_attempt_at

    def _refresh(self) -> Generator[HttpRequest, HttpAnswer | None, _Fetched]:
        metadata = yield from discover(self._issuer)
        answer = yield from get(endpoint(metadata, "jwks_uri"))
        if answer.status != 200:
            raise Unreachable(f"the key set answered {answer.status}")
        keys = PublicKeys.parse(answer.json_object())
        if not keys:
            raise Unreachable("the key set has no usable key")
        return keys, metadata

    def _land(self, outcome: _Fetched | Exception) -> None:
        now = self._monotonic()
        if not isinstance(outcome, Exception):
            self._kept, self._failures, self._failure = _Kept(*outcome, now), 0, ""
            self._failed_at, self._next_attempt_at = float("-inf"), now + RETRY_S
            return
        self._failures, self._failure = self._failures + 1, str(outcome) or type(outcome).__name__
        self._failed_at = now
        pause = RETRY_S if self._kept else min(RETRY_S, 2 ** min(self._failures - 1, 5))
        self._next_attempt_at = now + pause
        _log.warning("keys of %s could not be fetched: %s", self._issuer, self._failure)
