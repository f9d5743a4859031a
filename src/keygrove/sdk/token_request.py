"""One client credentials request with its retries (RFC 6749 §4.4, §5), as steps without I/O."""

import re
from base64 import b64encode
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from urllib.parse import quote_plus, urlencode

from keygrove.crypto.secrets import Secret
from keygrove.sdk.discovery import discover, endpoint
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Pause, Steps, Unreachable, answered

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to ask for, where, and as whom. Either `token_url` or `issuer` is set."""

    client_id: str
    client_secret: Secret
    issuer: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token and how long it lives from now, in seconds."""

    access_token: str = field(repr=False)
    life_s: float


def request_token(order: Order, chance: Callable[[], float]) -> Steps[Grant]:
    """Ask for a token; again after a pause when the server is unreachable, broken or busy. Raises TokenError.

    `chance` returns a number between 0 and 1 and spreads clients that failed together.
    """
    for attempt in range(1, ATTEMPTS + 1):
        pause = _FIRST_PAUSE_S * 2 ** (attempt - 1) * (0.5 + chance() / 2)
        try:
            answer = yield from _ask(order)
        except Unreachable as error:
            failure = TokenError(description=f"the token endpoint cannot be reached: {error}")
        else:
            if answer.status == 200:
                return _grant(answer)
            failure = _refusal(answer)
            if answer.status != 429 and answer.status < 500:
                raise failure
            pause = max(pause, failure.retry_after_s)
        if attempt == ATTEMPTS or pause > LONGEST_PAUSE_S:
            raise failure
        yield Pause(pause)
    raise AssertionError("the last attempt returns or raises")


def _ask(order: Order) -> Generator[HttpRequest, HttpAnswer | None, HttpAnswer]:
    url, methods = order.token_url, None
    if not url:
        metadata = yield from discover(order.issuer)
        url = endpoint(metadata, "token_endpoint")
        methods = metadata.get("token_endpoint_auth_methods_supported")
    answer = yield _request(order, url, by_basic=isinstance(methods, list) and _only_basic(methods))
    return answered(answer)


def _only_basic(methods: Sequence[object]) -> bool:
    return "client_secret_basic" in methods and "client_secret_post" not in methods


def _request(order: Order, url: str, *, by_basic: bool) -> HttpRequest:
    """Credentials go into the body, as most servers like it, or into the header (RFC 6749 §2.3.1)."""
    form = {"grant_type": "client_credentials"}
    if order.scopes:
        form["scope"] = " ".join(order.scopes)
    if order.audience:
        form["audience"] = order.audience
    headers = {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
        "user-agent": "keygrove",
    }
    secret = order.client_secret.reveal()
    if by_basic:
        pair = f"{quote_plus(order.client_id)}:{quote_plus(secret)}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": order.client_id, "client_secret": secret}
    return HttpRequest(method="POST", url=url, headers=headers, body=urlencode(form).encode())


def _grant(answer: HttpAnswer) -> Grant:
    """Read a successful answer (RFC 6749 §5.1)."""
    try:
        members = answer.json_object()
    except Unreachable as error:
        raise TokenError(status=answer.status, description=str(error)) from error
    token, kind = members.get("access_token"), members.get("token_type")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise TokenError(status=answer.status, description="the answer has no access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenError(status=answer.status, description="the token is not a bearer token")
    return Grant(access_token=token, life_s=_life(members.get("expires_in"), answer.status))


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
        error=_words(members.get("error")),
        description=_words(members.get("error_description"))
        or f"the token endpoint answered {answer.status}",
        retry_after_s=_retry_after(answer.headers.get("retry-after", "")),
    )


def _words(value: object) -> str:
    """Words of the server, fit for one line of a log."""
    return _UNPRINTABLE.sub("?", value)[:300] if isinstance(value, str) else ""


def _retry_after(value: str) -> float:
    """Seconds, or a date (RFC 9110 §10.2.3)."""
    if value.isdecimal():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
