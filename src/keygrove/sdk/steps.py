"""Rules that need I/O, written without doing it.

A rule is a generator: it yields what it needs, an HttpRequest or a Pause, and is sent the outcome. One rule
thus serves threads and asyncio alike, and a test can answer in place of the network.
"""

import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Need = TypeVar("Need")
Outcome = TypeVar("Outcome")
Result = TypeVar("Result")


class Unreachable(Exception):
    """No usable answer came: no connection, too slow, too large. The text says which, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request to send. The body may hold a secret, so it is not printed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer that came back whole. Header names are in lower case. The body may hold a token."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises Unreachable when it is anything else."""
        try:
            value = json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise Unreachable("the answer is not JSON") from error
        if not isinstance(value, dict):
            raise Unreachable("the answer is not a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait, in seconds."""

    seconds: float


Fetch = Callable[[HttpRequest], HttpAnswer]
AsyncFetch = Callable[[HttpRequest], Awaitable[HttpAnswer]]
Steps = Generator[HttpRequest | Pause, HttpAnswer | None, Result]


def get(url: str) -> Generator[HttpRequest, HttpAnswer | None, HttpAnswer]:
    """Fetch a JSON document. Raises Unreachable; the status is the caller's to judge."""
    answer = yield HttpRequest(method="GET", url=url, headers={"accept": "application/json"})
    return answered(answer)


def answered(answer: HttpAnswer | None) -> HttpAnswer:
    """Return the answer that a driver owes to every HttpRequest."""
    if answer is None:
        raise Unreachable("no answer")
    return answer


def drive(steps: Generator[Need, Outcome, Result], perform: Callable[[Need], Outcome]) -> Result:
    """Run steps to their end, performing what they need. Unreachable is raised inside the steps."""
    try:
        need = next(steps)
        while True:
            try:
                outcome = perform(need)
            except Unreachable as error:
                need = steps.throw(error)
            else:
                need = steps.send(outcome)
    except StopIteration as end:
        result: Result = end.value
        return result


async def drive_async(
    steps: Generator[Need, Outcome, Result], perform: Callable[[Need], Awaitable[Outcome]]
) -> Result:
    """Do the same as `drive`, awaiting each performance."""
    try:
        need = next(steps)
        while True:
            try:
                outcome = await perform(need)
            except Unreachable as error:
                need = steps.throw(error)
            else:
                need = steps.send(outcome)
    except StopIteration as end:
        result: Result = end.value
        return result
