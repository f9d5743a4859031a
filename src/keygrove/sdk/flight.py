"""At most one refresh at a time: threads and tasks that need its outcome wait for the same one."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Generic, TypeVar, cast

from keygrove.sdk.steps import (
    AsyncFetch,
    Fetch,
    HttpAnswer,
    HttpRequest,
    Pause,
    Steps,
    Unreachable,
    drive,
    drive_async,
)

Result = TypeVar("Result")
Value = TypeVar("Value")

_GIVEN_UP_S = 30.0


class Landed(Future[None]):
    """Says that a run has ended, and only that. Nobody waits longer than `patience_s` seconds for it."""

    def __init__(self, patience_s: float) -> None:
        super().__init__()
        self.patience_s = patience_s


Waiting = Generator[Landed, None, Value]


class Flight(Generic[Result]):
    """Runs steps one at a time: in a thread, or as a task when `fetch` is a coroutine function.

    Nobody waits longer than `patience_s` seconds for a run, be it by another flight's `wait`. A run that
    hangs is given up after a while: the next caller starts another, and `land` is not told of the old one.
    """

    def __init__(
        self,
        fetch: Fetch | AsyncFetch,
        land: Callable[[Result | Exception], None],
        *,
        patience_s: float,
    ) -> None:
        """`land` is told each outcome, a result or an exception, before those who wait go on."""
        self._fetch = fetch
        self._land = land
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._current: Landed | None = None
        self._started_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_async = inspect.iscoroutinefunction(fetch) or inspect.iscoroutinefunction(
            getattr(fetch, "__call__", None)  # noqa: B004 - an object whose call is a coroutine function
        )

    @property
    def is_under_way(self) -> bool:
        """Whether a run has not ended, be it given up or not."""
        return self._current is not None

    def join(self, make_steps: Callable[[], Steps[Result]]) -> Landed:
        """Return the run that is under way, or start one."""
        with self._lock:
            now = time.monotonic()
            if self._current is not None and now - self._started_at < max(_GIVEN_UP_S, 2 * self._patience_s):
                return self._current
            self._current, self._started_at = Landed(self._patience_s), now
            self._current.set_running_or_notify_cancel()  # so that one who stops waiting cannot cancel it
            mine = self._current
        try:
            self._start(make_steps(), mine)
        except BaseException:
            self._end(mine, RuntimeError("the refresh could not start"))
            raise
        return mine

    def wait(self, waiting: Waiting[Value]) -> Value:
        """Run code that waits for runs, of any flight, by blocking. Raises TypeError if `fetch` is async."""
        if self.is_async:
            raise TypeError("an asynchronous fetch needs the asynchronous methods")
        return drive(waiting, _block)

    async def wait_async(self, waiting: Waiting[Value]) -> Value:
        """Run code that waits for runs, of any flight, by awaiting them."""
        return await drive_async(waiting, _await)

    def _start(self, steps: Steps[Result], mine: Landed) -> None:
        if self.is_async:
            task = asyncio.get_running_loop().create_task(self._run_async(steps, mine))
            self._tasks.add(task)  # the loop itself holds tasks only weakly
            task.add_done_callback(self._tasks.discard)
        else:
            threading.Thread(
                target=self._run, args=(steps, mine), name="keygrove-refresh", daemon=True
            ).start()

    def _run(self, steps: Steps[Result], mine: Landed) -> None:
        outcome: Result | Exception
        try:
            outcome = drive(steps, self._perform)
        except Exception as error:
            outcome = error
        self._end(mine, outcome)

    async def _run_async(self, steps: Steps[Result], mine: Landed) -> None:
        outcome: Result | Exception = Unreachable("the refresh was cancelled")
        try:
            outcome = await drive_async(steps, self._perform_async)
        except Exception as error:
            outcome = error
        finally:
            self._end(mine, outcome)

    def _perform(self, need: HttpRequest | Pause) -> HttpAnswer | None:
        if isinstance(need, Pause):
            time.sleep(need.seconds)
            return None
        return cast(Fetch, self._fetch)(need)

    async def _perform_async(self, need: HttpRequest | Pause) -> HttpAnswer | None:
        if isinstance(need, Pause):
            await asyncio.sleep(need.seconds)
            return None
        return await cast(AsyncFetch, self._fetch)(need)

    def _end(self, mine: Landed, outcome: Result | Exception) -> None:
        with self._lock:
            if self._current is mine:
                self._current = None
                self._land(outcome)
        mine.set_result(None)


def _block(landed: Landed) -> None:
    with suppress(FutureTimeout):
        landed.result(landed.patience_s)


async def _await(landed: Landed) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.wrap_future(landed), landed.patience_s)
