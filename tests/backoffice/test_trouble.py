"""Every failure is a page in the same style: what happened, what to do, the request id; never a trace."""

import asyncio
import contextlib
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keygrove.backoffice.errors import exception_handlers
from keygrove.crypto.secrets import Digests
from keygrove.management.errors import (
    DatabaseUnavailable,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    Throttled,
    TooBusy,
)
from keygrove.web.defenses import defended
from keygrove.web.forms import BadForm, CrossSite
from keygrove.web.visits import SignInNeeded

NOON_S = 1_795_780_800


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


def answer_to(error: Exception) -> Answer:
    """The answer to a GET of a page that raises."""

    async def fail(_request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/", fail)], exception_handlers=exception_handlers())
    app.state.management = SimpleNamespace(
        platform_name="Keygrove", issuer="http://127.0.0.1", digests=Digests(b"k" * 32), now=lambda: NOON_S
    )
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "scheme": "http",
            "client": ("192.0.2.1", 1),
        }
        # Starlette answers, then raises a bug again for the server to log.
        with contextlib.suppress(ZeroDivisionError):
            await defended(app, over_tls=False)(scope, receive, send)

    asyncio.run(ask())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]).decode())


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (BadForm("The body is not UTF-8."), 400, "The body is not UTF-8."),
        (CrossSite(), 403, "This form was not sent from its own page."),
        (Forbidden("Ask an admin of your company."), 403, "Ask an admin of your company."),
        (NotFound("no key of that id"), 404, "There is no page at this address"),
        (HTTPException(405, headers={"Allow": "POST"}), 405, "This address does not work that way"),
        (HTTPException(409), 409, "Somebody else changed this first"),
        (BadForm("The request is too large.", status=413), 413, "That is too much at once"),
        (Invalid(Fault("name", "Enter a name.")), 422, "Enter a name."),
        (Throttled(NOON_S + 1), 429, "Try again in 1 second."),
        (Throttled(NOON_S + 89), 429, "Try again in 89 seconds."),
        (Throttled(NOON_S + 90), 429, "Try again at 12:01:30 UTC."),
        (ZeroDivisionError("secret detail"), 500, "This did not work, and it is our fault"),
        (TooBusy(), 503, "Try again in a few seconds."),
        (DatabaseUnavailable("secret detail"), 503, "Try again in a few seconds."),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else type(value).__name__,
)
def test_a_failure_is_a_page(error: Exception, status: int, words: str) -> None:
    """Its words, its request id, nothing of the inside."""
    answer = answer_to(error)
    assert answer.status == status
    assert words in answer.text
    shown = re.search(r'id="request-id"[^>]*>([0-9a-f]+)<', answer.text)
    assert shown is not None
    assert shown[1] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_waiting_has_a_number() -> None:
    """429 and 503 say when to come back; 405 says what works."""
    assert answer_to(Throttled(NOON_S + 60)).headers["retry-after"] == "60"
    assert int(answer_to(TooBusy()).headers["retry-after"]) > 0
    assert answer_to(HTTPException(405, headers={"Allow": "POST"})).headers["allow"] == "POST"


def test_whoever_is_not_signed_in_is_brought_back_afterwards() -> None:
    """A redirect to the sign-in page that carries where they wanted to go."""
    answer = answer_to(SignInNeeded("/c/acme/settings/integrations"))
    assert answer.status == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fc%2Facme%2Fsettings%2Fintegrations"
