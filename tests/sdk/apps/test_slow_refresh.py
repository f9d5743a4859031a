"""A refresh that is slow: waited for in its own time, and never asked for twice while it is under way."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest

from keygrove.sdk import authorization_code, http
from keygrove.sdk import flight as flight_module
from keygrove.sdk.authorization_code import AuthorizationCodeFlow, GrantEnded
from keygrove.sdk.connection import Connection
from keygrove.sdk.errand import REMEMBERED_S, Errand, Errands
from keygrove.sdk.flight import Flight
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Steps, Unreachable
from keygrove.sdk.token_endpoint import TokenError
from sdk.app_issuer import AppIssuer, Refusal, connect, flow_at
from sdk.issuer import Clock

Renew = Callable[[AuthorizationCodeFlow, Connection], Connection]


def renew_async(flow: AuthorizationCodeFlow, connection: Connection) -> Connection:
    """In a loop of its own."""
    return asyncio.run(flow.refresh_async(connection))


either_way = pytest.mark.parametrize("renew", [AuthorizationCodeFlow.refresh, renew_async])


patient_fetch = partial(http.fetch, timeout_s=30)


async def own_fetch(request: HttpRequest) -> HttpAnswer:
    """A fetch that is awaited."""
    return await asyncio.to_thread(patient_fetch, request)


@pytest.fixture
def release(issuer: AppIssuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Refreshes are answered once this is set."""
    answered, answer_to = threading.Event(), issuer.answer_to

    def hold(form: Mapping[str, str]) -> tuple[int, dict[str, object]]:
        if form["grant_type"] == "refresh_token":
            assert answered.wait(25)
        return answer_to(form)

    monkeypatch.setattr(issuer, "answer_to", hold)
    yield answered
    answered.set()


def until_renewed(renew: Renew, flow: AuthorizationCodeFlow, connection: Connection) -> Connection:
    """Ask again and again with the same connection; what comes at last."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            return renew(flow, connection)
        except TokenError as error:
            if isinstance(error, GrantEnded) or "no answer came in time" not in str(error):
                raise
    raise AssertionError("no answer at all")


@either_way
def test_a_refresh_is_waited_for_in_its_own_time(issuer: AppIssuer, renew: Renew) -> None:
    """Keys are waited for less long; an issuer that restarts is asked again when it says so."""
    flow = flow_at(issuer)
    connection = connect(flow, issuer)
    flow._keys.flight._patience_s = 0.1
    issuer.queue = [Refusal(503, headers={"Retry-After": "1"})]
    assert renew(flow, connection).refresh_token == "refresh-3"


@pytest.mark.parametrize("asks", ["in threads", "in loops", "in one loop"])
def test_who_gave_up_asks_again_and_gets_the_tokens(
    issuer: AppIssuer, release: threading.Event, monkeypatch: pytest.MonkeyPatch, asks: str
) -> None:
    """They were under way: asking the issuer again with the spent token would have ended the connection."""
    connection = connect(flow_at(issuer), issuer)
    monkeypatch.setattr(authorization_code, "_PATIENCE_S", 0.1)
    with asyncio.Runner() as loop:
        fetch, renew = {
            "in threads": (patient_fetch, AuthorizationCodeFlow.refresh),
            "in loops": (patient_fetch, renew_async),
            "in one loop": (own_fetch, lambda flow, kept: loop.run(flow.refresh_async(kept))),
        }[asks]
        flow = flow_at(issuer, fetch=fetch)
        for _ in range(3):
            with pytest.raises(TokenError, match="no answer came in time"):
                renew(flow, connection)
        release.set()
        renewed = until_renewed(renew, flow, connection)
        assert (renewed.refresh_token, len(issuer.forms)) == ("refresh-2", 2)
        assert until_renewed(renew, flow, renewed).refresh_token == "refresh-3"
    assert len(issuer.forms) == 3


@pytest.mark.parametrize("fetch", [patient_fetch, own_fetch])
def test_a_caller_that_is_cancelled_loses_nothing(
    issuer: AppIssuer, release: threading.Event, fetch: object
) -> None:
    """Such as a web request whose browser has gone: the next one gets the tokens."""
    connection = connect(flow_at(issuer), issuer)
    flow = flow_at(issuer, fetch=fetch)

    async def run() -> Connection:
        caller = asyncio.create_task(flow.refresh_async(connection))
        await until(lambda: len(issuer.forms) == 2)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        release.set()
        await until(lambda: flow._renewals._known[connection.refresh_token]._success is not None)
        return await flow.refresh_async(connection)

    assert asyncio.run(run()).refresh_token == "refresh-2"
    assert len(issuer.forms) == 2


def test_a_refresh_that_is_awaited_ends_with_its_loop(issuer: AppIssuer) -> None:
    """With a fetch of the app's own: what had not been answered then is asked for again."""
    connection = connect(flow_at(issuer), issuer)
    asked = []

    async def fetch(request: HttpRequest) -> HttpAnswer:
        if request.method == "POST":
            asked.append(request)
            if len(asked) == 1:
                await asyncio.Event().wait()
        return await own_fetch(request)

    flow = flow_at(issuer, fetch=fetch)

    async def leave() -> None:
        caller = asyncio.create_task(flow.refresh_async(connection))
        await until(lambda: len(asked) == 1)
        caller.cancel()

    asyncio.run(leave())
    assert renew_async(flow, connection).refresh_token == "refresh-2"
    assert len(asked) == 2


async def until(happened: Callable[[], bool]) -> None:
    """Let the loop go on until something has happened."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - it happens in a thread
            await asyncio.sleep(0.005)


class Slow:
    """Steps whose answers come when a test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.begun = 0
        self.releases = [threading.Event() for _ in range(3)]
        self.errands: Errands[str] = Errands(self.fetch, patience_s=0.05, monotonic=self.clock)
        self.wait = Flight(self.fetch, lambda _: None, patience_s=60).wait

    def fetch(self, request: HttpRequest) -> HttpAnswer:
        """Hang."""
        number = int(request.url.removeprefix("https://auth.example.com/"))
        assert self.releases[number].wait(10)
        return HttpAnswer(status=200)

    def steps(self) -> Steps[str]:
        """The first try brings "0", the second "1"."""
        number = self.begun
        self.begun += 1
        yield HttpRequest(method="GET", url=f"https://auth.example.com/{number}")
        return str(number)

    def run(self, name: str) -> str:
        """Ask, and give up soon."""
        return self.wait(self.errands.run(name, self.steps))

    def fails(self, name: str) -> None:
        """Ask in vain."""
        with pytest.raises(Unreachable, match="in time"):
            self.run(name)

    def land(self, number: int, errand: Errand[str]) -> None:
        """Let a try come to its end."""
        self.releases[number].set()
        asyncio.run(until(lambda: errand._success is not None))

    def begins(self, number: int) -> None:
        """Wait until so many tries have begun."""
        asyncio.run(until(lambda: self.begun == number))


def test_an_errand_under_way_is_not_forgotten() -> None:
    """However long that takes; nor is an outcome that nobody has had."""
    slow = Slow()
    slow.fails("a")
    slow.begins(1)
    slow.clock.at += 2 * REMEMBERED_S
    slow.fails("a")
    slow.land(0, slow.errands._known["a"])
    slow.clock.at += 2 * REMEMBERED_S
    slow.errands._patience_s = 10
    slow.releases[1].set()
    assert slow.run("b") == "1"
    assert slow.run("a") == "0"
    slow.clock.at += REMEMBERED_S
    slow.releases[2].set()
    assert slow.run("c") == "2"
    assert list(slow.errands._known) == ["c"]


def test_what_a_run_that_was_given_up_brings_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run after it may find that there is nothing to be had any more."""
    monkeypatch.setattr(flight_module, "_GIVEN_UP_S", 0.0)
    slow = Slow()
    slow.fails("a")
    slow.begins(1)
    time.sleep(0.1)
    slow.fails("a")
    slow.begins(2)
    slow.land(0, slow.errands._known["a"])
    assert slow.run("a") == "0"
    slow.releases[1].set()
    assert slow.run("a") == "0"


def test_giving_up_is_not_told_as_what_was_wrong_before() -> None:
    """Least of all as the end of a connection."""
    begun = []
    release = threading.Event()

    def fetch(_: HttpRequest) -> HttpAnswer:
        release.wait(10)
        return HttpAnswer(status=200)

    def steps() -> Steps[str]:
        begun.append(1)
        if len(begun) == 1:
            raise TokenError(description="no more", error="invalid_grant")
        yield HttpRequest(method="GET", url="https://auth.example.com")
        return "outcome"

    errand = Errand(fetch, steps, patience_s=10)
    with pytest.raises(TokenError, match="invalid_grant"):
        errand._flight.wait(errand.outcome())
    errand._flight._patience_s = 0.1
    with pytest.raises(Unreachable, match="in time"):
        errand._flight.wait(errand.outcome())
    release.set()
