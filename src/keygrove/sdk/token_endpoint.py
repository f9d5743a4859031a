"""Requests where a client proves itself, and how they are repeated and read (RFC 6749 §2.3.1, §5)."""

import re
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from urllib.parse import quote_plus, urlencode

from keygrove.crypto.secrets import Secret
from keygrove.sdk.discovery import Metadata
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Pause, Steps, Unreachable

ATTEMPTS = 4
LONGEST_PAUSE_S = 60.0
_FIRST_PAUSE_S = 0.5
_UNSAID_LIFE_S = 300.0  # when the server does not say how long the token lives
_TOKEN = re.compile(r"[\x21-\x7E]+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7E]")


@dataclass(eq=False, kw_only=True)  # not frozen: Python itself writes to exceptions
class TokenError(Exception):
    """No token could be had. `error` and `description` are the server's words (RFC 6749 §5.2), if it had any.

    `status` is 0 when no answer came. `retry_after_s` is how many seconds the server asks to be left alone.
    """

    description: str
    error: str = ""
    status: int = 0
    retry_after_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.error}: {self.description}" if self.error else self.description


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. A public client (RFC 6749 §2.1) has an empty secret."""

    client_id: str
    client_secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token and how long it lives from now, in seconds; `members` are all that the answer held."""

    access_token: str = field(repr=False)
    life_s: float
    members: Mapping[str, object] = field(repr=False, default_factory=dict)


def auth_methods(metadata: Metadata, name: str) -> object:
    """How clients may prove themselves at an endpoint: by Basic where that is not said (RFC 8414 §2)."""
    methods = metadata.get(f"{name}_auth_methods_supported")
    return ["client_secret_basic"] if methods is None else methods


def request_of(url: str, form: Mapping[str, str], credentials: Credentials, methods: object) -> HttpRequest:
    """Build a request. Credentials go into the body, as most servers like it, or into the header.

    `methods` is what `auth_methods` gave, or None where no metadata was read; the header is used where
    nothing else is taken (RFC 6749 §2.3.1).
    """
    headers = {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
        "user-agent": "keygrove",
    }
    client_id, secret = credentials.client_id, credentials.client_secret.reveal()
    if not secret:
        form = {**form, "client_id": client_id}
    elif isinstance(methods, list) and _only_basic(methods):
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form = {**form, "client_id": client_id, "client_secret": secret}
    return HttpRequest(method="POST", url=url, headers=headers, body=urlencode(form).encode())


def ask_until_answered(
    ask: Callable[[], Generator[HttpRequest, HttpAnswer | None, HttpAnswer]],
    chance: Callable[[], float],
    *,
    attempts: int = ATTEMPTS,
    longest_pause_s: float = LONGEST_PAUSE_S,
) -> Steps[HttpAnswer]:
    """Return the first answer with status 200; ask again after a pause when the server is unreachable,
    broken or busy. Raises TokenError; at once when the credentials are wrong, whatever the status.

    `chance` returns a number between 0 and 1 and spreads clients that failed together.
    """
    for attempt in range(1, attempts + 1):
        pause = _FIRST_PAUSE_S * 2 ** (attempt - 1) * (0.5 + chance() / 2)
        try:
            answer = yield from ask()
        except Unreachable as error:
            failure = TokenError(description=f"the token endpoint cannot be reached: {error}")
        else:
            if answer.status == 200:
                return answer
            failure = _refusal(answer)
            is_busy = answer.status == 429 or answer.status >= 500
            if not is_busy or failure.error == "invalid_client":  # no pause makes a wrong secret right
                raise failure
            pause = max(pause, failure.retry_after_s)
        if attempt == attempts or pause > longest_pause_s:
            raise failure
        yield Pause(pause)
    raise AssertionError("the last attempt returns or raises")


def read_grant(answer: HttpAnswer) -> Grant:
    """Read a successful answer (RFC 6749 §5.1). Raises TokenError."""
    try:
        members = answer.json_object()
    except Unreachable as error:
        raise TokenError(status=answer.status, description=str(error)) from error
    token, kind = members.get("access_token"), members.get("token_type")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise TokenError(status=answer.status, description="the answer has no access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenError(status=answer.status, description="the token is not a bearer token")
    return Grant(access_token=token, life_s=_life(members.get("expires_in"), answer.status), members=members)


def printable(value: object) -> str:
    """Words of the server, fit for one line of a log; empty for what is no text."""
    return _UNPRINTABLE.sub("?", value)[:300] if isinstance(value, str) else ""


def _only_basic(methods: Sequence[object]) -> bool:
    return "client_secret_basic" in methods and "client_secret_post" not in methods


def _life(expires_in: object, status: int) -> float:
    """Some servers send the number as a string."""
    if expires_in is None:
        return _UNSAID_LIFE_S
    try:
        life_s = float(expires_in) if isinstance(expires_in, int | float | str) else 0.0
    except (ValueError, OverflowError):
        life_s = 0.0
    if not isfinite(life_s) or life_s <= 0 or isinstance(expires_in, bool):
        raise TokenError(status=status, description="the answer has no usable expires_in")
    return life_s


def _refusal(answer: HttpAnswer) -> TokenError:
    try:
        members = answer.json_object()
    except Unreachable:
        members = {}
    return TokenError(
        status=answer.status,
        error=printable(members.get("error")),
        description=printable(members.get("error_description"))
        or f"the token endpoint answered {answer.status}",
        retry_after_s=_retry_after(answer.headers.get("retry-after", "")),
    )


def _retry_after(value: str) -> float:
    """Seconds, or a date (RFC 9110 §10.2.3)."""
    if value.isdecimal():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
