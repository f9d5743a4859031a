"""For the owner of an API: is this request allowed, and whose is it (RFC 6750, RFC 9068 §4)?

    server = ResourceServer(issuer="https://auth.example.com", audience="https://api.example.com")
    principal = server.authenticate(authorization_header, scopes=["marketing.read"])

Tokens are checked here, without asking the issuer: a token of a removed key is good until it expires.
"""

import logging
import time
from collections.abc import Callable, Sequence

from keygrove.crypto.jose import SUPPORTED_ALGORITHMS, InvalidToken, PublicKeys, UnknownKey, verify
from keygrove.sdk import bearer
from keygrove.sdk.access_token import Expected, Principal, read_claims
from keygrove.sdk.discovery import check_issuer
from keygrove.sdk.flight import Waiting
from keygrove.sdk.http import fetch as fetch_by_urllib
from keygrove.sdk.key_cache import KeyCache, KeysUnavailable
from keygrove.sdk.steps import AsyncFetch, Fetch
from keygrove.sdk.unverified import names_another_issuer

_log = logging.getLogger("keygrove.sdk")


class ResourceServer:
    """One API and the issuer it trusts. Make one per process; it is safe to share among threads and tasks."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        algorithms: Sequence[str] = ("RS256", "ES256"),
        token_types: Sequence[str] = ("at+jwt",),
        company_claim: str = "company_id",
        leeway_s: int = 30,
        realm: str | None = None,
        fetch: Fetch | AsyncFetch = fetch_by_urllib,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Configure; nothing is fetched yet.

        `token_types` are the values of the header `typ` to accept; add `JWT` for issuers that know no better.
        `company_claim` names the claim that says whose data the token opens. A `fetch` that is a coroutine
        function is awaited, and then only the asynchronous methods work.

        Raises ValueError for an issuer that is not an https URL (http on this machine), an algorithm that is
        not supported, and an empty audience or type.
        """
        if not audience or not token_types or not all(token_types):
            raise ValueError("an audience and at least one token type are needed")
        if not algorithms or not set(algorithms) <= SUPPORTED_ALGORITHMS:
            raise ValueError(f"the algorithms must be among {sorted(SUPPORTED_ALGORITHMS)}")
        self.issuer = check_issuer(issuer)
        self.realm = realm
        self._algorithms = frozenset(algorithms)
        self._token_types = tuple(token_types)
        self._expected = Expected(
            issuer=issuer, audience=audience, company_claim=company_claim, leeway_s=leeway_s
        )
        self._now = now
        self._keys = KeyCache(issuer, fetch, monotonic)

    def verify(self, token: str) -> Principal:
        """Check an access token. Raises InvalidToken, or KeysUnavailable when there are no keys."""
        return self._keys.flight.wait(self._verifying(token))

    async def verify_async(self, token: str) -> Principal:
        """Do the same as `verify` without blocking the event loop."""
        return await self._keys.flight.wait_async(self._verifying(token))

    def authenticate(
        self,
        authorization: str | Sequence[str] | None,
        *,
        scopes: Sequence[str] = (),
        elsewhere: bool = False,
    ) -> Principal:
        """Judge a request by its Authorization field and the scopes it needs, all of them. Raises Refusal.

        `elsewhere` says that the request also has an `access_token` parameter in its query or form.
        """
        return self._keys.flight.wait(self._authenticating(authorization, scopes, elsewhere))

    async def authenticate_async(
        self,
        authorization: str | Sequence[str] | None,
        *,
        scopes: Sequence[str] = (),
        elsewhere: bool = False,
    ) -> Principal:
        """Do the same as `authenticate` without blocking the event loop."""
        return await self._keys.flight.wait_async(self._authenticating(authorization, scopes, elsewhere))

    def _authenticating(
        self, authorization: str | Sequence[str] | None, scopes: Sequence[str], elsewhere: bool
    ) -> Waiting[Principal]:
        token = bearer.read_token(authorization, elsewhere=elsewhere)
        try:
            principal = yield from self._verifying(token)
        except InvalidToken as error:
            _log.info("token refused: %s", error.reason)
            raise bearer.invalid_token(error.reason) from error
        except KeysUnavailable as error:
            raise bearer.keys_unavailable() from error
        if missing := [scope for scope in scopes if scope not in principal.scopes]:
            raise bearer.insufficient_scope(scopes, missing)
        return principal

    def _verifying(self, token: str) -> Waiting[Principal]:
        keys = self._keys.fresh() or (yield from self._keys.usable())
        try:
            claims = self._check(token, keys)
        except UnknownKey:
            claims = yield from self._looking_again(token, keys)
        return read_claims(claims, self._expected, now=self._now())

    def _looking_again(self, token: str, known: PublicKeys) -> Waiting[dict[str, object]]:
        """Check a token with newer keys than those known, whatever it says of itself: it may be genuine."""
        newer = yield from self._keys.newer(known)
        try:
            return self._check(token, newer or known)
        except UnknownKey as error:
            if names_another_issuer(token, self.issuer):
                raise InvalidToken("the token is from another issuer") from error
            raise

    def _check(self, token: str, keys: PublicKeys) -> dict[str, object]:
        return verify(token, keys, algorithms=self._algorithms, types=self._token_types)
