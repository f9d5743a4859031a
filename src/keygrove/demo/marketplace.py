"""Waves Marketplace: a third party's app, which a company connects to its account at the platform.

It knows Keygrove through the SDK alone, and forgets its visitors when it stops. Its address says localhost
where Keygrove's says 127.0.0.1: to a browser these are two sites, as they would be in earnest.
"""

import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from keygrove.crypto.jose import InvalidToken
from keygrove.demo.account import Account, AccountUnreachable, TokenNotTaken, look_into
from keygrove.demo.platform import AUDIENCE, MARKETING_READ
from keygrove.sdk.authorization_code import AuthorizationCodeFlow, GrantEnded
from keygrove.sdk.connection import Connection
from keygrove.sdk.key_cache import KeysUnavailable
from keygrove.sdk.pending import AuthorizationFailed, AuthorizationRefused
from keygrove.sdk.token_endpoint import TokenError

PLATFORM: Final = "Understory"
NAME: Final = "Waves Marketplace"
CALLBACK: Final = "/callback"
TOLD: Final = "/backchannel-logout"
SCOPES: Final = ("openid", "offline", MARKETING_READ)
_COOKIE = "waves"
_MAX_VISITS = 1000
_SOON_S = 60
_pages = Environment(
    loader=PackageLoader("keygrove.demo", "pages"), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True, slots=True)
class Note:
    """Something to tell on the next page. `kind` is `good` or `bad`."""

    kind: str
    text: str


@dataclass(slots=True)
class Visit:
    """What the app knows of one browser."""

    pending: str | None = None
    connection: Connection | None = None
    note: Note | None = None


class Visits:
    """The visits under way, by a random name that the browser keeps; the oldest make room for new ones.

    A session at the platform may end while a connection of it is made or renewed: what then comes is dropped.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Visit] = {}
        self._over: dict[str, None] = {}
        self._lock = threading.Lock()

    def of(self, request: Request) -> Visit:
        """The visit of a browser; a new one, not kept yet, when it has none."""
        return self._kept.get(request.cookies.get(_COOKIE, "")) or Visit()

    def end_session(self, session_id: str) -> None:
        """End the connections that were made in a session at the platform."""
        with self._lock:
            while len(self._over) >= _MAX_VISITS:
                del self._over[next(iter(self._over))]
            self._over[session_id] = None
            for visit in self._kept.values():
                if _session(visit.connection) == session_id:
                    visit.connection, visit.note = None, _SIGNED_OUT

    def change(self, visit: Visit, before: Connection | None, connection: Connection) -> bool:
        """Put a connection in the place of the one before; False when that or its session is over by now."""
        with self._lock:
            if visit.connection is not before:
                return False
            if _session(connection) in self._over:
                visit.connection, visit.note = None, _SIGNED_OUT
                return False
            visit.connection = connection
            return True

    def keep(self, request: Request, visit: Visit, response: Response) -> Response:
        """Keep a visit under a new name, so that a name that somebody planted is worth nothing."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._kept.pop(request.cookies.get(_COOKIE, ""), None)
            while len(self._kept) >= _MAX_VISITS:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = visit
        response.set_cookie(_COOKIE, name, httponly=True, samesite="lax")
        return response


class Marketplace:
    """The app's pages."""

    def __init__(self, flow: AuthorizationCodeFlow, *, address: str, api: str) -> None:
        """`address` is where browsers find the app, `api` where the platform's API is."""
        self._flow = flow
        self._address = address
        self._api = api
        self._visits = Visits()

    def routes(self) -> list[Route]:
        """The addresses it answers."""
        return [
            Route("/", self.home),
            Route("/connect", self.connect, methods=["POST"]),
            Route(CALLBACK, self.callback),
            Route("/refresh", self.refresh, methods=["POST"]),
            Route("/disconnect", self.disconnect, methods=["POST"]),
            Route(TOLD, self.told, methods=["POST"]),
            Route("/waves.css", _style),
        ]

    def home(self, request: Request) -> Response:
        """What the app is for; once it is connected, what it sees of the company."""
        if request.url.netloc != urlsplit(self._address).netloc:
            return RedirectResponse(f"{self._address}/", 307)
        visit = self._visits.of(request)
        connection, account = visit.connection, None
        if connection is not None:
            try:
                account = self._account(visit, connection)
            except GrantEnded:
                visit.connection, visit.note = None, _ENDED
            except (AccountUnreachable, AuthorizationFailed, TokenError) as error:
                visit.note = Note("bad", f"We cannot look at your account now: {error}")
        note, visit.note = visit.note, None
        return _page("home.html", note=note, connection=visit.connection, account=account)

    def connect(self, request: Request) -> Response:
        """Send the person to the platform."""
        visit = self._visits.of(request)
        try:
            started = self._flow.start()
        except TokenError as error:
            visit.note = Note("bad", f"{PLATFORM} cannot be reached: {error}")
            return self._visits.keep(request, visit, RedirectResponse("/", 303))
        visit.pending = started.pending
        return self._visits.keep(request, visit, RedirectResponse(started.url, 303))

    def callback(self, request: Request) -> Response:
        """Take the answer that the browser brings from there."""
        visit = self._visits.of(request)
        pending, visit.pending = visit.pending, None
        before = visit.connection
        try:
            connection = self._flow.callback(request.url.query, pending)
        except AuthorizationRefused as refused:
            visit.note = _refused(refused)
        except (AuthorizationFailed, TokenError) as error:
            visit.note = Note("bad", f"The connection was not made. {error}")
        else:
            if self._visits.change(visit, before, connection):
                visit.note = Note("good", f"You are connected to {PLATFORM}.")
        return self._visits.keep(request, visit, RedirectResponse("/", 303))

    def refresh(self, request: Request) -> Response:
        """Get a new access token, as the app does by itself when the old one ends."""
        visit = self._visits.of(request)
        connection = visit.connection
        if connection is not None:
            try:
                renewed = self._flow.refresh(connection)
            except GrantEnded:
                visit.connection, visit.note = None, _ENDED
            except (AuthorizationFailed, TokenError) as error:
                visit.note = Note("bad", f"There is no new access token: {error}")
            else:
                if self._visits.change(visit, connection, renewed):
                    visit.note = Note("good", f"{PLATFORM} gave us a new access token.")
        return RedirectResponse("/", 303)

    def disconnect(self, request: Request) -> Response:
        """End the connection, there too."""
        visit = self._visits.of(request)
        if visit.connection is not None:
            try:
                self._flow.revoke(visit.connection)
            except TokenError as error:
                visit.note = Note("bad", f"The connection could not be ended: {error}")
            else:
                visit.connection = None
                visit.note = Note("good", "You are disconnected. We have forgotten your tokens.")
        return RedirectResponse("/", 303)

    async def told(self, request: Request) -> Response:
        """The platform says that somebody signed out there: they are signed out here too.

        Whoever else uses the app for the company is in a session of their own, and stays.
        """
        form = parse_qs((await request.body()).decode("ascii", "replace"))
        try:
            over = await run_in_threadpool(self._flow.signed_out, form.get("logout_token", [""])[0])
        except InvalidToken:
            return PlainTextResponse("This is no logout token.", 400)
        except KeysUnavailable:
            return PlainTextResponse("Try again later.", 503)
        self._visits.end_session(over.session_id)
        return Response(status_code=200)

    def _account(self, visit: Visit, connection: Connection) -> Account:
        """What the API shows. A token that ends soon, or is not taken, is renewed, and the new one kept."""
        if connection.expires_at_s < time.time() + _SOON_S:
            connection = self._renewed(visit, connection)
        try:
            return look_into(self._api, connection.access_token)
        except TokenNotTaken:
            return look_into(self._api, self._renewed(visit, connection).access_token)

    def _renewed(self, visit: Visit, connection: Connection) -> Connection:
        renewed = self._flow.refresh(connection)
        self._visits.change(visit, connection, renewed)
        return renewed


def _session(connection: Connection | None) -> object:
    """The session at the platform in which a connection was made."""
    return connection.person.claims.get("sid") if connection is not None and connection.person else None


_SIGNED_OUT = Note("good", f"You signed out of {PLATFORM}, so you are signed out here too.")
_ENDED = Note("bad", f"{PLATFORM} has ended this connection. To go on, connect again.")


def create_marketplace(flow: AuthorizationCodeFlow, *, issuer: str, address: str, api: str) -> Starlette:
    """Build the app. `flow` leads back to CALLBACK below `address`; `issuer` is where it sends people."""

    async def defend(request: Request, call_next: RequestResponseEndpoint) -> Response:
        ours = request.headers.get("origin") == address or request.url.path == TOLD
        if request.method == "POST" and not ours:
            return PlainTextResponse("Only our own pages may ask for this.", 403)
        response = await call_next(request)
        response.headers.update(headers)
        return response

    policy = f"default-src 'none'; style-src 'self'; form-action 'self' {issuer}; frame-ancestors 'none'"
    headers = {
        "content-security-policy": f"{policy}; base-uri 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
    }
    marketplace = Marketplace(flow, address=address, api=api)
    return Starlette(
        routes=marketplace.routes(), middleware=[Middleware(BaseHTTPMiddleware, dispatch=defend)]
    )


def from_environment(environment: Mapping[str, str] = os.environ) -> Starlette:
    """Build the demo's app. An ASGI server takes this as its factory.

    KEYGROVE_ISSUER, KEYGROVE_CLIENT_ID and KEYGROVE_CLIENT_SECRET are as the SDK reads them,
    KEYGROVE_DEMO_MARKETPLACE is the app's own address, KEYGROVE_DEMO_API the API's. Raises KeyError and
    ValueError when they are not usable.
    """
    address = environment["KEYGROVE_DEMO_MARKETPLACE"]
    flow = AuthorizationCodeFlow.from_environment(
        redirect_uri=address + CALLBACK, scopes=SCOPES, audience=AUDIENCE, environment=environment
    )
    return create_marketplace(
        flow, issuer=environment["KEYGROVE_ISSUER"], address=address, api=environment["KEYGROVE_DEMO_API"]
    )


def _refused(refused: AuthorizationRefused) -> Note:
    if refused.error == "access_denied":
        return Note("bad", "You are not connected: it was not allowed. We have seen nothing of your account.")
    return Note("bad", f"{PLATFORM} did not connect us. It says: {refused}")


def _page(name: str, **values: Any) -> Response:
    connection: Connection | None = values["connection"]
    until = datetime.fromtimestamp(connection.expires_at_s, UTC) if connection else None
    page = _pages.get_template(name).render(name=NAME, platform=PLATFORM, until=until, **values)
    return HTMLResponse(page)


def _style(_: Request) -> Response:
    source = _pages.get_template("waves.css").render()
    return Response(source, media_type="text/css")
