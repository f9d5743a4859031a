"""One refresh at a time, and what becomes of one that hangs, fails or cannot start."""

import asyncio
import threading
from collections.abc import Generator

import pytest

from keygrove.sdk import flight as flight_module
from keygrove.sdk.flight import Flight, Landed
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Unreachable, get


def ask() -> Generator[HttpRequest, HttpAnswer | None, int]:
    """Steps that fetch something and give its status."""
    answer = yield from get("https://example.com")
    return answer.status


def waiting(landed: Landed) -> Generator[Landed, None, None]:
    """Wait for one run."""
    yield landed


def test_a_run_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits goes on, the next one starts afresh, and the late outcome is dropped."""
    monkeypatch.setattr(flight_module, "_GIVEN_UP_S", 0.0)
    release, outcomes, statuses = threading.Event(), list[int | Exception](), iter([500, 200])

    def fetch(_: HttpRequest) -> HttpAnswer:
        status = next(statuses)
        if status == 500:
            release.wait(10)
        return HttpAnswer(status=status)

    flight = Flight(fetch, outcomes.append, patience_s=0.05)
    first = flight.join(ask)
    flight.wait(waiting(first))
    assert not first.done()
    threading.Event().wait(0.06)
    second = flight.join(ask)
    flight.wait(waiting(second))
    second.result(5)
    assert outcomes == [200]
    release.set()
    first.result(5)
    assert outcomes == [200]


def test_a_run_that_fails_lands_its_error() -> None:
    """Whatever it is; the next run is another one."""

    def fetch(_: HttpRequest) -> HttpAnswer:
        raise (Unreachable("gone") if not outcomes else ZeroDivisionError)

    outcomes: list[int | Exception] = []
    flight = Flight(fetch, outcomes.append, patience_s=5)
    first = flight.join(ask)
    flight.wait(waiting(first))
    second = flight.join(ask)
    flight.wait(waiting(second))
    assert first is not second
    assert [type(outcome) for outcome in outcomes] == [Unreachable, ZeroDivisionError]


def test_a_run_that_cannot_start_says_so() -> None:
    """An asynchronous one without a loop; afterwards one can start."""

    async def fetch(_: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=204)

    outcomes: list[int | Exception] = []
    flight = Flight(fetch, outcomes.append, patience_s=5)
    with pytest.raises(RuntimeError):
        flight.join(ask)

    async def join() -> None:
        await flight.wait_async(waiting(flight.join(ask)))

    asyncio.run(join())
    assert [type(outcome) for outcome in outcomes] == [RuntimeError, int]


def test_a_run_whose_loop_ends_lands_as_unreachable() -> None:
    """So that nobody waits for it in the next loop."""

    async def fetch(_: HttpRequest) -> HttpAnswer:
        await asyncio.sleep(60)
        raise AssertionError

    outcomes: list[int | Exception] = []
    flight = Flight(fetch, outcomes.append, patience_s=5)

    async def leave() -> None:
        flight.join(ask)
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert [type(outcome) for outcome in outcomes] == [Unreachable]
