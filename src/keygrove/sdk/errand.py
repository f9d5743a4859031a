"""Steps that are done once, whoever and however many want their outcome."""

import threading
import time
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from typing import Generic, TypeVar

from keygrove.sdk.flight import Flight, Waiting
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

    def outcome(self) -> Waiting[Result]:
        """Return the outcome, waiting for it if need be. Raises what the steps raise, and Unreachable."""
        if self._success is None:
            yield self._flight.join(self._steps)
        if self._success is not None:
            return self._success
        failure = self._failure or Unreachable("no answer came in time")
        # A copy for each who waits, since tracebacks are written into exceptions.
        raise replace(failure) if is_dataclass(failure) else failure

    def _steps(self) -> Steps[Result]:
        """The steps, or nothing to do for one who came just after they had landed."""
        if self._success is not None:
            return self._success
        return (yield from self._make_steps())

    def _land(self, outcome: Result | Exception) -> None:
        if isinstance(outcome, Exception):
            self._failure = outcome
        else:
            self._success = outcome


class Errands(Generic[Result]):
    """Errands by name. One that succeeded is remembered for REMEMBERED_S seconds from its start, for those
    who come a little later with the same name; then, or when it fails, it is forgotten.
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
        self._known: dict[str, tuple[float, Errand[Result]]] = {}

    def run(self, name: str, make_steps: Callable[[], Steps[Result]]) -> Waiting[Result]:
        """Return the outcome of the errand of that name, which is started if there is none."""
        errand = self._errand(name, make_steps)
        try:
            return (yield from errand.outcome())
        except Exception:
            with self._lock:
                if name in self._known and self._known[name][1] is errand:
                    del self._known[name]
            raise

    def _errand(self, name: str, make_steps: Callable[[], Steps[Result]]) -> Errand[Result]:
        now = self._monotonic()
        with self._lock:
            for old in [each for each, (at, _) in self._known.items() if now - at >= REMEMBERED_S]:
                del self._known[old]
            if name not in self._known:
                self._known[name] = now, Errand(self._fetch, make_steps, patience_s=self._patience_s)
            return self._known[name][1]
