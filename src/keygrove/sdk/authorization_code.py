"""For an app that serves many companies: let a person connect it, and keep the connection (RFC 6749 §4.1).

    flow = AuthorizationCodeFlow.from_environment(
        redirect_uri="https://app.example.com/callback", scopes=["openid", "offline", "marketing.read"]
    )
    started = flow.start()                            # send the person to started.url, keep started.pending
    connection = flow.callback(query, pending)
    connection = flow.refresh(connection)             # raises GrantEnded when it was disconnected meanwhile

Every method has a twin for asyncio: `start_async` and so on.
"""

import os
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Self, TypeVar

from keygrove.crypto.jose import SUPPORTED_ALGORITHMS, InvalidToken, PublicKeys, UnknownKey, verify
from keygrove.crypto.secrets import Secret
from keygrove.protocol.backchannel_logout import LOGOUT_TOKEN_TYPE
from keygrove.sdk import http
from keygrove.sdk.connection import Connection, granted_scopes
from keygrove.sdk.discovery import Metadata, check_issuer, endpoint
from keygrove.sdk.errand import Errand, Errands
from keygrove.sdk.flight import Waiting
from keygrove.sdk.id_token import ExpectedPerson, read_id_token, read_renewed_id_token
from keygrove.sdk.key_cache import KeyCache, KeysUnavailable
from keygrove.sdk.logout_token import SignedOut, read_logout_token
from keygrove.sdk.pending import Answer, AuthorizationFailed, Pending
from keygrove.sdk.steps import AsyncFetch, Fetch, HttpAnswer, HttpRequest, Steps, Unreachable, answered
from keygrove.sdk.token_endpoint import (
    ATTEMPTS,
    Credentials,
    Grant,
    TokenError,
    ask_until_answered,
    auth_methods,
    read_grant,
    request_of,
)

Value = TypeVar("Value")
LONGEST_PAUSE_S = 5.0  # a person waits
# Shorter than the ten seconds within which a server gives the same refresh token again: an answer that was
# lost is asked for a second time before the first asking counts as theft.
_TIMEOUT_S = 4.0
_PATIENCE_S = 45.0
_fetch = partial(http.fetch, timeout_s=_TIMEOUT_S)


@dataclass(eq=False, kw_only=True)
class GrantEnded(TokenError):
    """The connection is over: it was ended by the person, the company or the issuer, or has grown too old.

    Only the person can make a new one.
    """


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the person, and what to keep in their session until they are back."""

    url: str
    pending: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Landed:
    grant: Grant
    expires_at_s: float


class AuthorizationCodeFlow:
    """One app at one issuer. Make one per process; it is safe to share among threads and tasks."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str = "",
        redirect_uri: str,
        scopes: Sequence[str] = ("openid",),
        audience: str = "",
        algorithms: Sequence[str] = ("RS256", "ES256"),
        id_token_types: Sequence[str | None] = ("JWT",),
        leeway_s: int = 30,
        fetch: Fetch | AsyncFetch = _fetch,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Configure; nothing is requested yet.

        An app without a secret is a public client. `id_token_types` are the values of the header `typ` to
        accept; add None for issuers whose ID tokens have none. A `fetch` that is a coroutine function is
        awaited, and then only the asynchronous methods work, all in one loop that outlives their callers: a
        refresh under way ends with its loop, and what it brings may be lost. The default runs in threads.

        Raises ValueError for missing values, an issuer that is not an https URL (http on this machine), and
        an algorithm that is not supported.
        """
        if not client_id or not redirect_uri or not scopes:
            raise ValueError("a client id, a redirect URI and at least one scope are needed")
        if not algorithms or not set(algorithms) <= SUPPORTED_ALGORITHMS:
            raise ValueError(f"the algorithms must be among {sorted(SUPPORTED_ALGORITHMS)}")
        self._issuer = check_issuer(issuer)
        self._credentials = Credentials(client_id, Secret(client_secret))
        self._redirect_uri = redirect_uri
        self._scopes = tuple(scopes)
        self._audience = audience
        self._algorithms = frozenset(algorithms)
        self._id_token_types = tuple(id_token_types)
        self._leeway_s = leeway_s
        self._fetch = fetch
        self._now = now
        self._chance = chance
        self._keys = KeyCache(issuer, fetch)
        self._renewals: Errands[_Landed] = Errands(fetch, patience_s=_PATIENCE_S)

    @classmethod
    def from_environment(
        cls,
        *,
        redirect_uri: str,
        scopes: Sequence[str] = ("openid",),
        audience: str = "",
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Read KEYGROVE_ISSUER, KEYGROVE_CLIENT_ID and, unless the app is a public client,
        KEYGROVE_CLIENT_SECRET. Raises ValueError.
        """
        names = ("KEYGROVE_ISSUER", "KEYGROVE_CLIENT_ID")
        if missing := [name for name in names if not environment.get(name)]:
            raise ValueError(f"not set in the environment: {', '.join(missing)}")
        return cls(
            issuer=environment["KEYGROVE_ISSUER"],
            client_id=environment["KEYGROVE_CLIENT_ID"],
            client_secret=environment.get("KEYGROVE_CLIENT_SECRET", ""),
            redirect_uri=redirect_uri,
            scopes=scopes,
            audience=audience,
        )

    def start(self, *, prompt: str = "", login_hint: str = "", max_age_s: int | None = None) -> Started:
        """Begin: make the URL to send the person to (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

        With `max_age_s` the person must have signed in within so many seconds before now, or do so again.
        Raises TokenError when the issuer cannot be reached or used; its text says why.
        """
        return self._keys.flight.wait(self._starting(prompt, login_hint, max_age_s))

    async def start_async(
        self, *, prompt: str = "", login_hint: str = "", max_age_s: int | None = None
    ) -> Started:
        """Do the same as `start` without blocking the event loop."""
        return await self._keys.flight.wait_async(self._starting(prompt, login_hint, max_age_s))

    def callback(self, answer: Answer, pending: str | None) -> Connection:
        """Finish: judge the answer that the person's browser brings, and exchange its code for tokens.

        `answer` is the callback's URL, its query or the body of a form post as they came; or their decoded
        parameters as pairs, the repeated ones too. `pending` is what `start` gave; take it out of the
        session, for it serves once. The code is presented once, whatever becomes of the answer: a second time
        would count as theft. Raises AuthorizationRefused when the issuer answered with an error,
        AuthorizationFailed when the answer or its ID token is not to be believed, TokenError when the token
        endpoint gives no tokens. After any of them a person starts again.
        """
        return self._keys.flight.wait(self._calling_back(answer, pending))

    async def callback_async(self, answer: Answer, pending: str | None) -> Connection:
        """Do the same as `callback` without blocking the event loop."""
        return await self._keys.flight.wait_async(self._calling_back(answer, pending))

    def refresh(self, connection: Connection) -> Connection:
        """Renew the access token. Keep what this returns in place of `connection`: refresh tokens serve once.

        However many ask with one connection, one request goes out, and all get its outcome, also those who
        gave up and ask again. Raises, within a minute, GrantEnded when the connection is over, TokenError
        when no token came, AuthorizationFailed when the new ID token is about somebody else. One that cannot
        be verified for lack of its key is put aside: the new tokens come with the ID token and the person
        from before.
        """
        return self._keys.flight.wait(self._refreshing(connection))

    async def refresh_async(self, connection: Connection) -> Connection:
        """Do the same as `refresh` without blocking the event loop."""
        return await self._keys.flight.wait_async(self._refreshing(connection))

    def revoke(self, connection: Connection) -> None:
        """End the connection at the issuer (RFC 7009). Raises TokenError when that could not be done."""
        self._keys.flight.wait(self._revoking(connection))

    async def revoke_async(self, connection: Connection) -> None:
        """Do the same as `revoke` without blocking the event loop."""
        await self._keys.flight.wait_async(self._revoking(connection))

    def signed_out(self, logout_token: str) -> SignedOut:
        """Judge the `logout_token` that the issuer posted (Back-Channel Logout 1.0 §2.6): end that session.

        Then answer 200. Raises InvalidToken, to be answered with 400, and KeysUnavailable, also when the key
        of this very token cannot be had now, with 503: the issuer comes again after that, never after a 400.
        """
        return self._keys.flight.wait(self._signing_out(logout_token))

    async def signed_out_async(self, logout_token: str) -> SignedOut:
        """Do the same as `signed_out` without blocking the event loop."""
        return await self._keys.flight.wait_async(self._signing_out(logout_token))

    def __repr__(self) -> str:
        return f"AuthorizationCodeFlow(client_id={self._credentials.client_id!r}, client_secret=<secret>)"

    def _starting(self, prompt: str, login_hint: str, max_age_s: int | None) -> Waiting[Started]:
        metadata = yield from self._metadata()
        pending = Pending(
            issuer=self._issuer,
            client_id=self._credentials.client_id,
            redirect_uri=self._redirect_uri,
            scope=" ".join(self._scopes),
            started_at_s=int(self._now()),
            max_age_s=max_age_s,
        )
        url = pending.url(
            _endpoint(metadata, "authorization_endpoint"),
            audience=self._audience,
            prompt=prompt,
            login_hint=login_hint,
        )
        return Started(url, pending.dump())

    def _calling_back(self, answer: Answer, kept: str | None) -> Waiting[Connection]:
        pending = Pending.load(kept)
        if (pending.issuer, pending.client_id) != (self._issuer, self._credentials.client_id):
            raise AuthorizationFailed(description="The sign-in under way is with another issuer.")
        metadata = yield from self._metadata()
        code = pending.read_answer(answer, metadata, now=self._now())
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.code_verifier,
        }
        # Once only: a code that comes again after a lost answer revokes what it gave (RFC 6749 §4.1.2).
        steps = partial(self._exchange, metadata, form, attempts=1)
        errand = Errand(self._fetch, steps, patience_s=_PATIENCE_S)
        landed = yield from _outcome(errand.outcome())
        connection = _connection(landed, tuple(pending.scope.split()))
        if not pending.wants_id_token:
            return replace(connection, id_token="")
        if not connection.id_token:
            raise AuthorizationFailed(description="The issuer sent no ID token.")
        expected = self._expected(connection, pending.nonce)
        if pending.max_age_s is not None:
            expected = replace(expected, signed_in_after_s=pending.started_at_s - pending.max_age_s)
        try:
            claims = yield from self._claims(connection.id_token, self._id_token_types)
            person = read_id_token(claims, expected, now=self._now())
        except InvalidToken as error:
            raise _disbelieved(error) from error
        except KeysUnavailable as error:
            raise TokenError(description="the keys of the issuer cannot be had") from error
        return replace(connection, person=person)

    def _refreshing(self, connection: Connection) -> Waiting[Connection]:
        if not connection.refresh_token:
            raise GrantEnded(
                description="there is no refresh token: offline was not asked for or not allowed"
            )
        metadata = yield from self._metadata()
        form = {"grant_type": "refresh_token", "refresh_token": connection.refresh_token}
        run = self._renewals.run(connection.refresh_token, lambda: self._exchange(metadata, form))
        try:
            landed = yield from _outcome(run)
        except TokenError as error:
            if error.error != "invalid_grant":
                raise
            raise GrantEnded(**asdict(error)) from error
        renewed = _connection(landed, connection.scopes)
        if not renewed.refresh_token:
            renewed = replace(renewed, refresh_token=connection.refresh_token)
        before = connection.person
        if before is None or not renewed.id_token:
            return replace(renewed, id_token=connection.id_token, person=before)
        try:
            claims = yield from self._claims(renewed.id_token, self._id_token_types)
            expected = self._expected(renewed, "")
            person = read_renewed_id_token(claims, expected, before, now=self._now())
        except (UnknownKey, KeysUnavailable):
            # The old refresh token is spent, so the new one must not get lost. Who answered, TLS has proved
            # (§3.1.3.7); who the person is, was known before.
            return replace(renewed, id_token=connection.id_token, person=before)
        except InvalidToken as error:
            raise _disbelieved(error) from error
        return replace(renewed, person=person)

    def _revoking(self, connection: Connection) -> Waiting[None]:
        metadata = yield from self._metadata()
        kind = "refresh_token" if connection.refresh_token else "access_token"
        form = {"token": getattr(connection, kind), "token_type_hint": kind}
        steps = partial(self._post, metadata, "revocation_endpoint", form)
        yield from _outcome(Errand(self._fetch, steps, patience_s=_PATIENCE_S).outcome())

    def _signing_out(self, logout_token: str) -> Waiting[SignedOut]:
        try:
            claims = yield from self._claims(logout_token, (LOGOUT_TOKEN_TYPE,))
        except UnknownKey as error:
            # Perhaps a new one: right after a rotation it may be too early to look for keys again.
            raise KeysUnavailable("the key of the logout token is not known, not yet perhaps") from error
        return read_logout_token(
            claims,
            issuer=self._issuer,
            client_id=self._credentials.client_id,
            leeway_s=self._leeway_s,
            now=self._now(),
        )

    def _metadata(self) -> Waiting[Metadata]:
        """The metadata; the keys are there then too, so that no code is spent in vain."""
        try:
            return (yield from self._keys.metadata())
        except KeysUnavailable as error:
            raise TokenError(description=f"the issuer cannot be reached or used: {error}") from error

    def _exchange(
        self, metadata: Metadata, form: dict[str, str], *, attempts: int = ATTEMPTS
    ) -> Steps[_Landed]:
        answer = yield from self._post(metadata, "token_endpoint", form, attempts=attempts)
        grant = read_grant(answer)
        return _Landed(grant, self._now() + grant.life_s)

    def _post(
        self, metadata: Metadata, name: str, form: dict[str, str], *, attempts: int = ATTEMPTS
    ) -> Steps[HttpAnswer]:
        methods = auth_methods(metadata, name)
        request = request_of(_endpoint(metadata, name), form, self._credentials, methods)

        def ask() -> Generator[HttpRequest, HttpAnswer | None, HttpAnswer]:
            return answered((yield request))

        asking = ask_until_answered(ask, self._chance, attempts=attempts, longest_pause_s=LONGEST_PAUSE_S)
        return (yield from asking)

    def _expected(self, connection: Connection, nonce: str) -> ExpectedPerson:
        return ExpectedPerson(
            issuer=self._issuer,
            client_id=self._credentials.client_id,
            access_token=connection.access_token,
            nonce=nonce,
            leeway_s=self._leeway_s,
        )

    def _claims(self, token: str, types: Sequence[str | None]) -> Waiting[dict[str, object]]:
        """What a verified token says. Raises InvalidToken, UnknownKey among them, and KeysUnavailable."""
        keys = yield from self._keys.usable()
        try:
            return self._verify(token, keys, types)
        except UnknownKey:
            newer = yield from self._keys.newer(keys)
            if newer is None:
                raise
            return self._verify(token, newer, types)

    def _verify(self, token: str, keys: PublicKeys, types: Sequence[str | None]) -> dict[str, object]:
        return verify(token, keys, algorithms=self._algorithms, types=types)


def _disbelieved(error: InvalidToken) -> AuthorizationFailed:
    return AuthorizationFailed(description=f"The ID token is refused: {error.reason}.")


def _endpoint(metadata: Metadata, name: str) -> str:
    try:
        return endpoint(metadata, name)
    except Unreachable as error:
        raise TokenError(description=str(error)) from error


def _outcome(waiting: Waiting[Value]) -> Waiting[Value]:
    """What an errand brings. Raises TokenError."""
    try:
        return (yield from waiting)
    except Unreachable as error:
        raise TokenError(description=str(error)) from error


def _connection(landed: _Landed, asked: tuple[str, ...]) -> Connection:
    members = landed.grant.members
    refresh_token, id_token = members.get("refresh_token"), members.get("id_token")
    return Connection(
        access_token=landed.grant.access_token,
        expires_at_s=landed.expires_at_s,
        scopes=granted_scopes(members, asked),
        refresh_token=refresh_token if isinstance(refresh_token, str) else "",
        id_token=id_token if isinstance(id_token, str) else "",
    )
