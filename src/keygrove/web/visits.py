"""Who is visiting: the session cookie of a signed-in person, or the form cookie of a stranger.

Every form carries a token derived from the visitor's cookie, so that another site cannot make
the browser send it. Over HTTPS the cookies are `__Host-` ones, bound to this host.
"""

import re
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from keygrove.endpoints.context import AuthorizationServer
from keygrove.management import sign_in
from keygrove.management.companies import Company
from keygrove.management.context import Actor, Management
from keygrove.management.errors import NotFound
from keygrove.management.sign_in import ABSOLUTE_S, NewSession, Session
from keygrove.web.adapter import address_of

_OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_.~-][A-Za-z0-9/_.?&=~-]*)?")
_MAX_PATH = 2048
_FORM_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


class SignInNeeded(Exception):
    """Nobody is signed in; `next` is where to go afterwards."""

    def __init__(self, next_path: str) -> None:
        self.next = next_path
        super().__init__("sign in first")


@dataclass(frozen=True, slots=True)
class Visit:
    """A signed-in person's request."""

    session: Session
    address: str
    request_id: str

    @property
    def form_token(self) -> str:
        """What this person's forms carry in `form_token`."""
        return self.session.form_token

    def company(self, slug: str) -> tuple[Company, Actor]:
        """One of the person's companies, and the person as an actor in it. Raises NotFound."""
        for membership in self.session.memberships:
            if membership.company.slug == slug:
                actor = self.session.actor(membership, address=self.address, request_id=self.request_id)
                return membership.company, actor
        raise NotFound("There is no such company.")

    def as_outsider(self) -> Actor:
        """The person as an actor in a company that is not theirs: somebody without rights."""
        return self.session.outsider(address=self.address, request_id=self.request_id)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A visitor who is not signed in, known by a random cookie only."""

    cookie: str = field(repr=False)
    form_token: str = field(repr=False)


def management(request: Request) -> Management:
    """The platform that this application serves."""
    found: Management = request.app.state.management
    return found


def server(request: Request) -> AuthorizationServer:
    """The authorization server that this application serves."""
    found: AuthorizationServer = request.app.state.server
    return found


async def current(request: Request) -> Visit | None:
    """The signed-in visitor, if there is one."""
    token = request.cookies.get(_name(request, "session"), "")
    session = await sign_in.find_session(management(request), token) if token else None
    return _visit(request, session)


async def unended(request: Request) -> Visit | None:
    """Whose session the browser has, also when it grew too old to be used: apps know of it until it ends.

    Signing out ends it, and signing in. Nobody is signed in by it, and no page shows whose it is.
    """
    token = request.cookies.get(_name(request, "session"), "")
    session = await sign_in.find_unended(management(request), token) if token else None
    return _visit(request, session)


def brings_session(request: Request) -> bool:
    """Whether the browser sent a session cookie, of whatever worth: from another site's form it does not."""
    return _name(request, "session") in request.cookies


async def signed_in(request: Request) -> Visit:
    """The signed-in visitor. Raises SignInNeeded."""
    visit = await current(request)
    if visit is None:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(own_path(wanted) if request.method == "GET" else "/")
    return visit


def stranger(request: Request) -> Stranger:
    """The visitor of a page that needs no sign-in; give the answer the cookie with `remember`.

    A cookie of another shape than ours is replaced, so that nothing planted is ever sent back.
    """
    cookie = request.cookies.get(_name(request, "form"), "")
    if not _FORM_COOKIE.fullmatch(cookie):
        cookie = secrets.token_urlsafe(32)
    return Stranger(cookie, management(request).digests.of("form", cookie))


def remember(response: Response, request: Request, visitor: Stranger) -> None:
    """Set the stranger's cookie; it lives as long as the browser is open."""
    _set_cookie(response, request, "form", visitor.cookie, max_age=None)


def begin(response: Response, request: Request, new: NewSession) -> None:
    """Set the session cookie. The token is fresh: one that was planted before is never used."""
    _set_cookie(response, request, "session", new.token.reveal(), max_age=ABSOLUTE_S)


def end(response: Response, request: Request) -> None:
    """Forget the session and form cookies."""
    for kind in ("session", "form"):
        response.delete_cookie(
            _name(request, kind), path="/", secure=_over_tls(request), httponly=True, samesite="lax"
        )


def form_tokens(request: Request, *, strangers: bool) -> tuple[str, ...]:
    """The form tokens that this visitor's forms may carry; with `strangers` also one without a session.

    A stranger's cookie can be planted where it is no `__Host-` one: it opens no form of who is signed in.
    """
    kinds = ("session", "form") if strangers else ("session",)
    cookies = (request.cookies.get(_name(request, kind), "") for kind in kinds)
    return tuple(management(request).digests.of("form", cookie) for cookie in cookies if cookie)


def own_path(text: str) -> str:
    """A path of this site, or `/` for anything that could lead elsewhere."""
    return text if len(text) <= _MAX_PATH and _OWN_PATH.fullmatch(text) else "/"


def address(request: Request) -> str:
    """The visitor's IP address; empty when a proxy told something else."""
    return address_of(request.scope)


def _visit(request: Request, session: Session | None) -> Visit | None:
    return None if session is None else Visit(session, address(request), request.state.request_id)


def _over_tls(request: Request) -> bool:
    return management(request).issuer.startswith("https://")


def _name(request: Request, kind: str) -> str:
    return f"__Host-keygrove_{kind}" if _over_tls(request) else f"keygrove_{kind}"


def _set_cookie(response: Response, request: Request, kind: str, value: str, *, max_age: int | None) -> None:
    response.set_cookie(
        _name(request, kind),
        value,
        max_age=max_age,
        path="/",
        secure=_over_tls(request),
        httponly=True,
        samesite="lax",
    )
