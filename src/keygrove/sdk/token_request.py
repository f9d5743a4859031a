"""One client credentials request with its retries (RFC 6749 §4.4), as steps without I/O."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from keygrove.crypto.secrets import Secret
from keygrove.sdk.discovery import discover, endpoint
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Steps, answered
from keygrove.sdk.token_endpoint import (
    Credentials,
    Grant,
    ask_until_answered,
    auth_methods,
    read_grant,
    request_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to ask for, where, and as whom. Either `token_url` or `issuer` is set."""

    client_id: str
    client_secret: Secret
    issuer: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""


def request_token(order: Order, chance: Callable[[], float]) -> Steps[Grant]:
    """Ask for a token; again after a pause when the server is unreachable, broken or busy. Raises TokenError.

    `chance` returns a number between 0 and 1 and spreads clients that failed together.
    """
    answer = yield from ask_until_answered(lambda: _ask(order), chance)
    return read_grant(answer)


def _ask(order: Order) -> Generator[HttpRequest, HttpAnswer | None, HttpAnswer]:
    url: str = order.token_url
    methods: object = None
    if not url:
        metadata = yield from discover(order.issuer)
        url = endpoint(metadata, "token_endpoint")
        methods = auth_methods(metadata, "token_endpoint")
    form = {"grant_type": "client_credentials"}
    if order.scopes:
        form["scope"] = " ".join(order.scopes)
    if order.audience:
        form["audience"] = order.audience
    answer = yield request_of(url, form, Credentials(order.client_id, order.client_secret), methods)
    return answered(answer)
