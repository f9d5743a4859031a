"""Every failure as a page: what happened, what to do, and the request id. Usable without a session."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.here import stranger_page
from keygrove.backoffice.times import when_due
from keygrove.management.errors import (
    DatabaseUnavailable,
    Forbidden,
    Invalid,
    NotFound,
    Throttled,
    TooBusy,
)
from keygrove.web.adapter import Disconnected
from keygrove.web.forms import BadForm
from keygrove.web.visits import SignInNeeded, management

log = logging.getLogger("keygrove.backoffice")
Handler = Callable[[Request, Any], Awaitable[Response]]
RETRY_S = 5
_UNCERTAIN = "We can't say whether your change was saved: look before you repeat it."


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a page says about one status."""

    heading: str
    lines: tuple[str, ...]


_TROUBLES = {
    400: Trouble(
        "This request could not be read", ("Nothing was changed. Go back and try again from the page.",)
    ),
    403: Trouble("You may not do this", ("Ask an admin of your company.",)),
    404: Trouble(
        "There is no page at this address",
        ("The address may be mistyped, or what was here was removed. Nothing was changed.",),
    ),
    405: Trouble(
        "This address does not work that way", ("Nothing was changed. Start again from Backoffice.",)
    ),
    409: Trouble(
        "Somebody else changed this first",
        ("Nothing of yours was saved. Open the page again to see how it is now, then repeat your change.",),
    ),
    413: Trouble(
        "That is too much at once", ("Nothing was changed. Shorten what you entered and send it again.",)
    ),
    422: Trouble(
        "Something in the form is not right", ("Nothing was changed. Go back and check the fields.",)
    ),
    429: Trouble("Too many attempts", ("Nothing was changed. Wait a minute, then try again.",)),
    500: Trouble(
        "This did not work, and it is our fault",
        (_UNCERTAIN, "The details are in the server's log."),
    ),
    503: Trouble(
        "Backoffice is busy right now",
        ("Nothing was changed. Try again in a few seconds. Keys keep working meanwhile.",),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status with words of its own, where there are any."""

    status: int
    lines: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def exception_handlers() -> dict[Any, Handler]:
    """For Starlette: from exception to page."""
    return {
        SignInNeeded: _sign_in_first,
        HTTPException: _http,
        BadForm: _bad_form,
        Disconnected: _gone,
        NotFound: _not_found,
        Forbidden: _forbidden,
        Invalid: _invalid,
        Throttled: _throttled,
        TooBusy: _busy,
        DatabaseUnavailable: _unavailable,
        Exception: _bug,
    }


async def _sign_in_first(_request: Request, error: SignInNeeded) -> Response:
    query = f"?{urlencode({'next': error.next})}" if error.next != "/" else ""
    return RedirectResponse(f"/sign-in{query}", status_code=303)


async def _http(request: Request, error: HTTPException) -> Response:
    # Starlette fills in the phrase of the status when nobody gave words; ours are better.
    own = error.detail != HTTPStatus(error.status_code).phrase
    lines = (error.detail,) if own else ()
    return trouble(request, Answer(status=error.status_code, lines=lines, headers=error.headers or {}))


async def _bad_form(request: Request, error: BadForm) -> Response:
    return trouble(request, Answer(status=error.status, lines=(str(error), "Nothing was changed.")))


async def _gone(_request: Request, _error: Disconnected) -> Response:
    # Nobody is there to read it.
    return Response(status_code=400)


async def _not_found(request: Request, _error: NotFound) -> Response:
    return trouble(request, Answer(status=404))


async def _forbidden(request: Request, error: Forbidden) -> Response:
    return trouble(request, Answer(status=403, lines=(str(error),)))


async def _invalid(request: Request, error: Invalid) -> Response:
    return trouble(request, Answer(status=422, lines=(str(error), "Nothing was changed.")))


async def _throttled(request: Request, error: Throttled) -> Response:
    now = management(request).now()
    again = f"Nothing was changed. Try again {when_due(error.retry_at_s, now)}."
    headers = {"Retry-After": str(max(1, error.retry_at_s - now))}
    return trouble(request, Answer(status=429, lines=(again,), headers=headers))


async def _busy(request: Request, error: Exception) -> Response:
    log.warning("busy", extra={"reason": type(error).__name__, "request_id": request.state.request_id})
    return trouble(request, Answer(status=503, headers={"Retry-After": str(RETRY_S)}))


async def _unavailable(request: Request, error: Exception) -> Response:
    # A commit may have been made although its answer was lost.
    log.warning("busy", extra={"reason": type(error).__name__, "request_id": request.state.request_id})
    lines = (_UNCERTAIN,) if request.method == "POST" else ()
    return trouble(request, Answer(status=503, lines=lines, headers={"Retry-After": str(RETRY_S)}))


async def _bug(request: Request, _error: Exception) -> Response:
    return trouble(request, Answer(status=500))


def trouble(request: Request, answer: Answer) -> Response:
    """The page of an error."""
    words = _TROUBLES.get(answer.status) or _TROUBLES[400 if answer.status < 500 else 500]
    response = stranger_page(
        request,
        "trouble",
        words.heading,
        status=answer.status,
        code=answer.status,
        heading=words.heading,
        lines=answer.lines or words.lines,
        ways=(("Go to Backoffice", "/"),),
    )
    response.headers.update(answer.headers)
    return response
