"""One authorization request in a browser, from the first page to the way back (OpenID Connect Core §3.1.2.3).

    begin       a request has come
    go_on       a page of ours was sent back; what it says is noted, and the question is asked anew

Both end in what to do next (`Next`): leave, or show a page.
"""

from dataclasses import dataclass, field, replace

from starlette.requests import Request as PageRequest

from keygrove.endpoints.authorization import AlreadyAnswered, Answered, Attempt, Note, Shown, authorize
from keygrove.endpoints.pushing import pull
from keygrove.management import sign_in
from keygrove.management.context import Actor
from keygrove.management.record import event
from keygrove.management.sign_in import NewSession, Session
from keygrove.protocol.authorization import ErrorPage
from keygrove.protocol.consent import AskConsent, Consent, Interaction, SignedIn, SignIn
from keygrove.protocol.errors import OAuthError
from keygrove.protocol.message import FORM, Request, decode_form, read_form
from keygrove.protocol.metadata import AUTHORIZATION_PATH
from keygrove.protocol.response_mode import FormPost, Redirection, encode
from keygrove.web.adapter import address_of, read_body, request_of
from keygrove.web.asking import Page, page_values
from keygrove.web.forms import CrossSite, Form
from keygrove.web.sealed import Held, Offer, hold, seal, unseal
from keygrove.web.visits import (
    Stranger,
    Visit,
    brings_session,
    current,
    management,
    server,
    stranger,
    unended,
)

# A request is held in its pages, so what is sent with it must leave room for the rest of the form.
MAX_BODY_BYTES = 32 * 1024
_MAX_QUERY = 10 * 1024


@dataclass(frozen=True, slots=True)
class Leave:
    """Send the browser there with 303 (RFC 9700 §4.12)."""

    location: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeaveByForm:
    """Have the browser post these fields to `action`."""

    action: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody can be trusted with the error but the person: show it."""

    error: str
    description: str


@dataclass(frozen=True, slots=True)
class Ended:
    """This request was answered before."""


Next = Leave | LeaveByForm | Refused | Ended | Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What comes next, for whose browser, and the session that began just now, if one did."""

    next: Next
    visitor: Stranger
    began: NewSession | None = None


async def begin(request: PageRequest) -> Outcome:
    """A request has come, by GET or by POST. Raises Disconnected."""
    visitor = stranger(request)
    try:
        body = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
    except OAuthError as error:
        return Outcome(next=Refused(error.code, error.description), visitor=visitor)
    whole = replace(request_of(request.scope, body), query=request.scope["query_string"])
    # Another site's form brings no session cookie (SameSite=Lax). The browser sends it if it comes by GET.
    if request.method == "POST" and not brings_session(request):
        location = _by_get(whole)
        if location is not None:
            return Outcome(next=Leave(location), visitor=visitor)
    try:
        whole, pushed_id = pull(server(request), whole)
    except ErrorPage as page:
        return Outcome(next=Refused(page.error.code, page.error.description), visitor=visitor)
    raw = whole.body if whole.method == "POST" else whole.query
    held = hold(whole.method, raw, now=management(request).now())
    if pushed_id is not None:
        held = replace(held, id=pushed_id)
    visit = await current(request)
    return Outcome(next=await _next(request, visitor, visit, held, whole=whole), visitor=visitor)


async def go_on(request: PageRequest, form: Form) -> Outcome:
    """A page of ours was sent back. Raises NotOurs, CrossSite; on signing in Invalid, Throttled, TooBusy."""
    visitor, held = take_up(request, form)
    visit, began = await current(request), None
    if form.one("step") == "sign-in":
        began = await _sign_in(request, form)
        held = replace(held, done=_signed_in_anew(held.done, began.session, visit))
        visit = Visit(began.session, address_of(request.scope), request.state.request_id)
    elif form.one("step") == "cancel":
        held = replace(held, done=replace(held.done, cancelled=True))
    elif visit is not None:
        if form.one("form_token") != visit.form_token:
            raise CrossSite
        held = replace(held, done=_after(held, form, visit.session))
    return Outcome(next=await _next(request, visitor, visit, held), visitor=visitor, began=began)


async def ask_to_sign_in(request: PageRequest, form: Form) -> Outcome:
    """The sign-in page of a request under way, after a failure or for another account. Raises NotOurs.

    It is asked as if nobody were signed in, so it never ends in a code; after a failure, with its reason.
    """
    visitor, held = take_up(request, form)
    visit = await current(request)
    return Outcome(next=await _next(request, visitor, visit, held, nobody=True), visitor=visitor)


def take_up(request: PageRequest, form: Form) -> tuple[Stranger, Held]:
    """The request that a form of ours carries, and whose browser sent it. Raises NotOurs."""
    visitor = stranger(request)
    return visitor, unseal(management(request), form.one("interaction"), visitor)


def _by_get(request: Request) -> str | None:
    """The same request by GET; None when it is malformed or does not fit."""
    try:
        read_form(request)
        pairs = decode_form(request.body)
    except OAuthError:
        return None
    query = "&".join(encode({name: value}) for name, value in pairs)
    return f"{AUTHORIZATION_PATH}?{query}" if len(query) <= _MAX_QUERY else None


async def _sign_in(request: PageRequest, form: Form) -> NewSession:
    """Begin a session; the one that the browser had ends, for its cookie is replaced."""
    m = management(request)
    new = await sign_in.sign_in(
        m,
        email=form.one("email"),
        password=form.one("password"),
        address=address_of(request.scope),
        user_agent=request.headers.get("user-agent", ""),
        request_id=request.state.request_id,
    )
    before = await unended(request)
    if before is not None:
        await sign_in.change_over(
            m, before.session, new.session, address=before.address, request_id=before.request_id
        )
    return new


def _signed_in_anew(done: Interaction, session: Session, before: Visit | None) -> Interaction:
    """What was done, with this sign-in. Somebody else than before chooses for themselves."""
    if before is not None and before.session.person.id != session.person.id:
        done = replace(done, company_id=None, allowed=None)
    return replace(done, signed_in=session.sid)


def _after(held: Held, form: Form, session: Session) -> Interaction:
    """What was done, with what this form says."""
    done, offer = held.done, held.offer
    match form.one("step"):
        case "keep-account":
            return replace(done, chose_account=session.sid)
        case "choose-company":
            return replace(done, company_id=form.one("company") or None, allowed=None)
        case "other-company":
            return replace(done, company_id=None, allowed=None)
        case "allow" if offer is not None:
            left_out = offer.optional - {scope for value in form.all("optional") for scope in value.split()}
            consent = Consent(session.person.id, offer.company_id, frozenset(offer.scopes) - left_out)
            return replace(done, company_id=offer.company_id, allowed=consent)
        case _:
            return done


async def _next(
    request: PageRequest,
    visitor: Stranger,
    visit: Visit | None,
    held: Held,
    *,
    whole: Request | None = None,
    nobody: bool = False,
) -> Next:
    """Ask what comes next; with `nobody` as if nobody were signed in.

    `whole` is the request as it came, before it is held in a page.
    """
    attempt = Attempt(
        request=whole or _as_it_came(request, held),
        interaction_id=held.id,
        signed_in=None if nobody else _signed_in(visit),
        done=held.done,
        note=_note(request, visit),
    )
    try:
        outcome = await authorize(server(request), attempt)
    except ErrorPage as page:
        return Refused(page.error.code, page.error.description)
    except AlreadyAnswered:
        return Ended()
    if isinstance(outcome, Answered):
        return _leave(outcome.answer)
    if nobody and held.why is not None:
        outcome = replace(outcome, step=SignIn(held.why))
    return _page(request, visitor, visit, held, outcome)


def _as_it_came(request: PageRequest, held: Held) -> Request:
    return Request(
        method=held.method,
        path=AUTHORIZATION_PATH,
        headers=(("content-type", FORM),),
        query=held.parameters if held.method == "GET" else b"",
        body=held.parameters if held.method == "POST" else b"",
        address=address_of(request.scope),
        request_id=request.state.request_id,
    )


def _signed_in(visit: Visit | None) -> SignedIn | None:
    """Who is signed in. A session without a name, of an older version, is of no use to apps."""
    if visit is None or visit.session.sid is None:
        return None
    session = visit.session
    return SignedIn(
        subject=session.person.id,
        auth_time=session.created_at_s,
        proved_at=session.confirmed_at_s,
        amr=("pwd",),
        acr=None,
        session_id=visit.session.sid,
    )


def _leave(answer: Redirection | FormPost) -> Next:
    if isinstance(answer, Redirection):
        return Leave(answer.location)
    return LeaveByForm(answer.action, answer.fields)


def _page(request: PageRequest, visitor: Stranger, visit: Visit | None, held: Held, shown: Shown) -> Page:
    """The page, with the request held in it, and what it asks to allow: a yes means just that."""
    step, offer, why = shown.step, None, None
    if isinstance(step, AskConsent):
        offer = Offer(company_id=step.company_id, scopes=step.scope.tokens, optional=step.optional)
    if isinstance(step, SignIn):
        why = step.reason
    ask, app = page_values(shown, chose_company=held.done.company_id is not None)
    return Page(
        ask=ask,
        app=app,
        session=visit.session if visit is not None else None,
        form_token=visit.form_token if visit is not None else visitor.form_token,
        sealed=seal(management(request), replace(held, offer=offer, why=why), visitor),
    )


def _note(request: PageRequest, visit: Visit | None) -> Note:
    """How the journal is told of a new consent. Only who is signed in gives one."""
    m = management(request)

    def actor(company_id: str) -> Actor:
        if visit is None:
            raise RuntimeError("nobody is signed in")
        for membership in visit.session.memberships:
            if membership.company.id == company_id:
                return visit.session.actor(membership, address=visit.address, request_id=visit.request_id)
        return visit.as_outsider()

    return lambda client_id, consent: event(
        actor(consent.company_id),
        "app.connected",
        at=m.clock(),
        target_id=client_id,
        company_id=consent.company_id,
        detail={"scope": " ".join(sorted(consent.scopes))},
    )
