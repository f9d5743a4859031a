"""Steps that are done once, whoever and however many want their outcome."""

import threading
import time
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Generic, TypeVar

from keygrove.sdk.flight import Flight, Landed, Waiting
from keygrove.sdk.steps import AsyncFetch, Fetch, Steps, Unreachable

Result = TypeVar("Result")

REMEMBERED_S = 120.0


class Errand(Generic[Result]):
    """One thing to do. A success stays, and is never repeated; after a failure it can be tried again."""

    def __init__(
        self,
        fetch: Fetch | AsyncFetch,
        make_steps: Callable[[], Steps[Result]],
        *,
        patience_s: float,
    ) -> None:
        """Nobody waits longer than `patience_s` seconds for the outcome."""
        self._make_steps = make_steps
        self._success: Result | None = None
        self._failure: Exception | None = None
        self._flight: Flight[Result] = Flight(fetch, self._land, patience_s=patience_s)

    @property
    def has_failed(self) -> bool:
        """Whether it is over and brought nothing."""
        return self._success is None and not self._flight.is_under_way

    def outcome(self) -> Waiting[Result]:
        """Begin, unless that is done; then return the outcome, waiting for it if need be.

        What is to be waited for raises what the steps raise, and Unreachable.
        """
        return self._awaited(self._flight.join(self._steps) if self._success is None else None)

    def _awaited(self, landed: Landed | None) -> Waiting[Result]:
        if landed is not None:
            yield landed
        if self._success is not None:
            return self._success
        if self._failure is None or (landed is not None and not landed.done()):
            raise Unreachable("no answer came in time")
        # A copy for each who waits, since tracebacks are written into exceptions.
        raise replace(self._failure) if is_dataclass(self._failure) else self._failure

    def _steps(self) -> Steps[Result]:
        """The steps, or nothing to do for one who came just after they had landed."""
        if self._success is None:
            result = yield from self._make_steps()
            # Kept here, not when it lands: a run that its flight has given up may bring it yet.
            self._success = result if self._success is None else self._success
        return self._success

    def _land(self, outcome: Result | Exception) -> None:
        if isinstance(outcome, Exception):
            self._failure = outcome


class Errands(Generic[Result]):
    """Errands by name. One that succeeded is remembered until somebody has its outcome, and REMEMBERED_S
    seconds longer, for those who come a little later with the same name. One that failed is forgotten.
    """

    def __init__(
        self,
        fetch: Fetch | AsyncFetch,
        *,
        patience_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`monotonic` counts seconds and never goes back."""
        self._fetch = fetch
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, Errand[Result]] = {}
        self._had_at: dict[str, float] = {}

    def run(self, name: str, make_steps: Callable[[], Steps[Result]]) -> Waiting[Result]:
        """Return the outcome of the errand of that name, which is started if there is none.

        Who gives up may ask again: what is under way meanwhile is waited for, not done a second time. Two
        are begun again: one that hangs, which its flight gives up after twice the patience (30 s at least),
        and, if `fetch` is a coroutine function, one whose loop ended: it is a task there, and ends too.
        """
        with self._lock:  # also while it begins, so that it is not forgotten just before
            self._forget()
            if name not in self._known:
                self._known[name] = Errand(self._fetch, make_steps, patience_s=self._patience_s)
            errand = self._known[name]
            waiting = errand.outcome()
        try:
            result = yield from waiting
        except Exception:
            with self._lock:
                self._forget()
            raise
        with self._lock:
            if self._known.get(name) is errand:
                self._had_at.setdefault(name, self._monotonic())
        return result

    def _forget(self) -> None:
        now = self._monotonic()
        old = [name for name, at in self._had_at.items() if now - at >= REMEMBERED_S]
        for name in [*old, *(name for name, errand in self._known.items() if errand.has_failed)]:
            del self._known[name]
            self._had_at.pop(name, None)
