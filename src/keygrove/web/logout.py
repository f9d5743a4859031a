"""An app asks that the person be signed out here too (OpenID Connect RP-Initiated Logout 1.0 §2)."""

from dataclasses import dataclass, field, replace

from starlette.requests import Request as PageRequest

from keygrove.endpoints.logout import log_out
from keygrove.management import sign_in
from keygrove.protocol.errors import InvalidRequest, OAuthError
from keygrove.protocol.logout import AskWhether, EndSession, Flaw
from keygrove.protocol.message import Request, decode_form, read_form
from keygrove.protocol.metadata import END_SESSION_PATH
from keygrove.protocol.response_mode import encode
from keygrove.web.adapter import MAX_BODY_BYTES, address_of, read_body, request_of
from keygrove.web.forms import Form
from keygrove.web.visits import Visit, brings_session, current, management, server, unended

# What is passed on in an address or held in a page, as much as at the authorization endpoint.
_MAX_QUERY = 10 * 1024


@dataclass(frozen=True, slots=True)
class AskFirst:
    """Ask this person. `asked` is the request again, for the form; a yes leads to `location`, if any.

    With a `flaw` say so first. `aged`: their session is too old to be used, and no page shows whose it is.
    """

    visit: Visit
    asked: str = field(repr=False)
    location: str | None
    flaw: Flaw | None
    aged: bool = False


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Nobody is signed in here any more. Go there, or say so on a page. `just_now`: somebody was."""

    location: str | None
    just_now: bool


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The request is malformed: say how."""

    error: str
    description: str


@dataclass(frozen=True, slots=True)
class AskByGet:
    """Have the browser send the request again, to there, with its cookies."""

    location: str = field(repr=False)


async def asked_to_sign_out(request: PageRequest) -> AskFirst | SignedOut | NotUnderstood | AskByGet:
    """A request has come, by GET or by POST. Raises Disconnected."""
    try:
        body = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
        whole = replace(request_of(request.scope, body), query=request.scope["query_string"])
        # Another site's form brings no session cookie (SameSite=Lax), and nobody would seem to be signed in.
        if request.method == "POST" and not brings_session(request):
            read_form(whole)
            return AskByGet(f"{END_SESSION_PATH}?{_query(body)}")
        return await _sign_out(request, whole, confirmed=False)
    except OAuthError as error:
        return NotUnderstood(error.code, error.description)


async def confirmed(request: PageRequest, form: Form) -> AskFirst | SignedOut | NotUnderstood:
    """The person said yes on our page, which brings the request again."""
    whole = Request(
        method="GET", path=END_SESSION_PATH, headers=(), query=form.one("asked").encode("ascii", "replace")
    )
    try:
        return await _sign_out(request, whole, confirmed=True)
    except OAuthError as error:
        return NotUnderstood(error.code, error.description)


async def _sign_out(
    request: PageRequest, whole: Request, *, confirmed: bool
) -> AskFirst | SignedOut | NotUnderstood:
    visit = await current(request)
    session = visit.session if visit is not None else None
    decision = await log_out(
        server(request),
        whole,
        subject=session.person.id if session is not None else None,
        session_id=session.sid if session is not None else None,
        confirmed=confirmed,
    )
    if visit is not None and isinstance(decision, AskWhether):
        return AskFirst(visit, _again(whole), decision.location, decision.flaw)
    m = management(request)
    who = {"address": address_of(request.scope), "request_id": request.state.request_id}
    if visit is not None:
        await sign_in.sign_out(m, visit.session, **who)
    hinted = decision.hinted if isinstance(decision, EndSession) else None
    if hinted is not None and hinted.session_id is not None:
        await sign_in.sign_out_of_aged(m, hinted.session_id, hinted.subject, **who)
    if visit is None and (aged := await unended(request)) is not None:
        # Nobody is signed in by it, but apps take them to be: any page could send people here to end that.
        if not confirmed:
            return AskFirst(aged, _again(whole), decision.location, None, aged=True)
        await sign_in.sign_out(m, aged.session, **who)
        visit = aged
    return SignedOut(decision.location, just_now=visit is not None)


def _again(whole: Request) -> str:
    return _query(whole.body) if whole.method == "POST" else whole.query.decode()


def _query(body: bytes) -> str:
    """A form's parameters as a query. Raises InvalidRequest, also when it is too long for one."""
    query = "&".join(encode({name: value}) for name, value in decode_form(body))
    if len(query) > _MAX_QUERY:
        raise InvalidRequest("The request is too large.")
    return query
