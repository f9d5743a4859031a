"""For an integrator: get an access token and keep it fresh (RFC 6749 §4.4).

    tokens = TokenSource.from_environment(scopes=["marketing.read"])
    headers = {"Authorization": f"Bearer {tokens.get()}"}

or, as `auth=` of httpx2 or httpx, `tokens.auth(httpx2.Auth)`; of requests, `tokens.requests_auth()`.
"""

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from keygrove.crypto.secrets import Secret
from keygrove.sdk import http
from keygrove.sdk.discovery import check_issuer
from keygrove.sdk.flight import Flight, Waiting
from keygrove.sdk.request_auth import RequestsAuth, auth_class
from keygrove.sdk.steps import AsyncFetch, Fetch
from keygrove.sdk.token_endpoint import LONGEST_PAUSE_S, Grant, TokenError
from keygrove.sdk.token_request import Order, request_token

_TIMEOUT_S = 10.0
_PATIENCE_S = LONGEST_PAUSE_S + 3 * _TIMEOUT_S
_fetch = partial(http.fetch, timeout_s=_TIMEOUT_S)
_RETRY_S = 5.0  # the least time between two renewals behind the scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    token: str = field(repr=False)
    renew_at: float
    dies_at: float


class TokenSource:
    """The access token of one key, shared by all threads and tasks of a process.

    A token is renewed behind the scenes when about four fifths of its life are over; the old one serves
    meanwhile. However many ask at once, one request goes out. The secret is never printed.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        issuer: str = "",
        token_url: str = "",
        scopes: Sequence[str] = (),
        audience: str = "",
        fetch: Fetch | AsyncFetch = _fetch,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Configure; nothing is requested yet.

        Give `issuer`, whose metadata names the token endpoint, or `token_url`. Without scopes the server
        grants all that the key has. A `fetch` that is a coroutine function is awaited, and then only
        `get_async` works. Raises ValueError for missing values and for URLs that are neither https nor on
        this machine.
        """
        if not client_id or not client_secret:
            raise ValueError("a client id and a client secret are needed")
        if bool(issuer) == bool(token_url):
            raise ValueError("either an issuer or a token URL is needed")
        if token_url and not http.is_safe_url(token_url):
            raise ValueError("the token URL must be https, or http on this machine")
        self._order = Order(
            client_id=client_id,
            client_secret=Secret(client_secret),
            issuer=check_issuer(issuer) if issuer else "",
            token_url=token_url,
            scopes=tuple(scopes),
            audience=audience,
        )
        self._monotonic = monotonic
        self._chance = chance
        self._held: _Held | None = None
        self._failure: Exception | None = None
        self._next_renewal_at = monotonic()
        self._flight: Flight[Grant] = Flight(fetch, self._land, patience_s=_PATIENCE_S)

    @classmethod
    def from_environment(
        cls,
        *,
        scopes: Sequence[str] = (),
        audience: str = "",
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Read KEYGROVE_CLIENT_ID, KEYGROVE_CLIENT_SECRET and KEYGROVE_ISSUER. Raises ValueError."""
        names = ("KEYGROVE_CLIENT_ID", "KEYGROVE_CLIENT_SECRET", "KEYGROVE_ISSUER")
        if missing := [name for name in names if not environment.get(name)]:
            raise ValueError(f"not set in the environment: {', '.join(missing)}")
        client_id, client_secret, issuer = (environment[name] for name in names)
        return cls(
            client_id=client_id,
            client_secret=client_secret,
            issuer=issuer,
            scopes=scopes,
            audience=audience,
        )

    def get(self) -> str:
        """Return a token that is good a while yet, waiting for one if there is none. Raises TokenError."""
        return self._flight.wait(self._getting())

    async def get_async(self) -> str:
        """Do the same as `get` without blocking the event loop."""
        return await self._flight.wait_async(self._getting())

    def invalidate(self, token: str) -> None:
        """Forget a token that an API refused with 401, so that the next `get` fetches another one."""
        held = self._held
        if held is not None and held.token == token:
            self._held = None

    def auth(self, base: Any) -> Any:
        """Return an `auth=` object for httpx2 or httpx; `base` is the library's `Auth` class."""
        return auth_class(base)(self)

    def requests_auth(self) -> RequestsAuth:
        """Return an `auth=` object for requests."""
        return RequestsAuth(self)

    def __repr__(self) -> str:
        return f"TokenSource(client_id={self._order.client_id!r}, client_secret=<secret>)"

    def _getting(self) -> Waiting[str]:
        held, now = self._held, self._monotonic()
        if held is not None and now < held.dies_at:
            if now >= held.renew_at and now >= self._next_renewal_at:
                self._flight.join(self._request)
            return held.token
        yield self._flight.join(self._request)
        held = self._held
        if held is not None and self._monotonic() < held.dies_at:
            return held.token
        raise self._failed()

    def _request(self) -> Any:
        return request_token(self._order, self._chance)

    def _land(self, outcome: Grant | Exception) -> None:
        now = self._monotonic()
        if isinstance(outcome, Exception):
            self._failure, self._next_renewal_at = outcome, now + _RETRY_S
            return
        life_s = outcome.life_s
        self._failure = None
        self._held = _Held(
            token=outcome.access_token,
            renew_at=now + life_s * (0.75 + self._chance() / 10),
            dies_at=now + life_s - min(10.0, life_s / 10),
        )

    def _failed(self) -> Exception:
        """Return what to raise: a copy for each who waits, since tracebacks are written into exceptions."""
        if isinstance(self._failure, TokenError):
            return replace(self._failure)
        return self._failure or TokenError(description="no token came in time")
