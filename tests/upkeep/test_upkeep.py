"""Duties: done again and again, whatever becomes of them, until the server stops."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from keygrove.storage.database import DatabaseUnavailable
from keygrove.upkeep import Duty, run_duties

pytestmark = pytest.mark.anyio


async def run_until(done: Callable[[], bool], *duties: Duty) -> None:
    """Run duties until something is so, then stop them as a server that shuts down does."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_duties(duties, stop))
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    stop.set()
    async with asyncio.timeout(5):
        await task


def counting(times: list[float], failure: Exception | None = None) -> Callable[[], Awaitable[None]]:
    """A duty's act that notes when it is done, and then fails if there is a failure."""

    async def act() -> None:
        times.append(time.monotonic())
        if failure is not None:
            raise failure

    return act


async def test_a_duty_is_done_in_time_but_not_in_step() -> None:
    """Never later than it should be, and after pauses that differ."""
    times: list[float] = [time.monotonic()]
    await run_until(lambda: len(times) > 8, Duty("count", 0.05, counting(times)))
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert min(pauses) >= 0.7 * 0.05 * 0.99
    assert max(pauses) - min(pauses) > 0.0005


async def test_a_failing_duty_is_logged_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    """The database being away is a warning, a mistake of ours an error; the other duties go on."""
    away: list[float] = []
    wrong: list[float] = []
    well: list[float] = []
    await run_until(
        lambda: min(len(away), len(wrong), len(well)) >= 3,
        Duty("away", 0.02, counting(away, DatabaseUnavailable("it is away"))),
        Duty("wrong", 0.02, counting(wrong, RuntimeError("a mistake"))),
        Duty("well", 0.02, counting(well)),
    )
    levels = {(vars(record)["duty"], record.levelno, record.exc_info is None) for record in caplog.records}
    assert levels == {("away", logging.WARNING, True), ("wrong", logging.ERROR, False)}


async def test_a_slow_duty_holds_up_nobody_and_is_finished() -> None:
    """It is not cut off in the middle of its work, and not begun again."""
    done: list[str] = []
    times: list[float] = []

    async def work() -> None:
        done.append("begun")
        while len(times) <= 5:  # noqa: ASYNC110 - the other duty adds to them
            await asyncio.sleep(0.01)
        # By then the server is told to stop.
        await asyncio.sleep(0.5)
        done.append("ended")

    await run_until(lambda: len(times) > 5, Duty("work", 0.01, work), Duty("count", 0.02, counting(times)))
    assert done == ["begun", "ended"]


async def test_duties_that_wait_are_stopped_at_once() -> None:
    """A server does not wait an hour for an hourly duty."""
    times: list[float] = []
    await run_until(lambda: True, Duty("seldom", 3600, counting(times)))
    assert times == []
