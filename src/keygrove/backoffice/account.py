"""Your account: another password, and where one is signed in."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.browsers import browser_words
from keygrove.backoffice.faults import FAILED, by_field, listed, too_many
from keygrove.backoffice.here import done, visit_shell
from keygrove.backoffice.rendering import page
from keygrove.backoffice.setup import PASSWORD_HINT
from keygrove.backoffice.times import Moment, moment
from keygrove.management import account, sign_in
from keygrove.management.account import OpenSession, SignedIn
from keygrove.management.errors import Fault, Invalid, NotFound, Throttled
from keygrove.web.forms import read_form
from keygrove.web.visits import SignInNeeded, Visit, begin, management, signed_in

_ACCOUNT = "/account"
# Both fields of the form are passwords.
_LABELS = {"password": "Current password", "new_password": "New password"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A place where the person is signed in. `sid` names it and is no secret; empty when it has no name."""

    sid: str
    browser: str
    address: str
    since: Moment
    seen: Moment
    is_here: bool


async def account_page(request: Request) -> Response:
    """GET /account. Raises SignInNeeded."""
    return await _page(request, await signed_in(request))


async def change_password_now(request: Request) -> Response:
    """POST /account. Raises SignInNeeded, CrossSite."""
    visit, m = await signed_in(request), management(request)
    form = await read_form(request)
    password = form.one("password")
    if not password:
        return await _page(request, visit, Fault("password", "Enter your current password."))
    try:
        new = await account.change_password(
            m,
            visit.session,
            password=password,
            new_password=form.one("new_password"),
            address=visit.address,
            request_id=visit.request_id,
        )
    except Invalid as invalid:
        return await _page(request, visit, *invalid.faults)
    except Throttled as throttled:
        now = m.now()
        fault = Fault("password", too_many(throttled.retry_at_s, now))
        response = await _page(request, visit, fault, status=429)
        response.headers["Retry-After"] = str(max(1, throttled.retry_at_s - now))
        return response
    except NotFound:
        raise SignInNeeded(_ACCOUNT) from None
    response = RedirectResponse(f"{_ACCOUNT}?done=password-changed", status_code=303)
    begin(response, request, new)
    return response


async def sign_out_now(request: Request) -> Response:
    """POST /account/sign-out, of one session or of all others. Raises SignInNeeded, CrossSite, NotFound."""
    visit, m = await signed_in(request), management(request)
    form = await read_form(request)
    who = {"address": visit.address, "request_id": visit.request_id}
    if form.one("others"):
        await sign_in.sign_out_everywhere(m, visit.session, **who, but_here=True)
        return RedirectResponse(f"{_ACCOUNT}?done=signed-out-elsewhere", status_code=303)
    await account.sign_out_of(m, visit.session, form.one("session"), **who)
    return RedirectResponse(f"{_ACCOUNT}?done=signed-out-there", status_code=303)


async def _page(request: Request, visit: Visit, *faults: Fault, status: int = FAILED) -> Response:
    m = management(request)
    try:
        places = await account.signed_in(m, visit.session)
    except NotFound:
        raise SignInNeeded(_ACCOUNT) from None
    return page(
        "account",
        visit_shell(request, visit),
        "Your account",
        status=status if faults else 200,
        failed=bool(faults),
        faults=listed(faults, labels=_LABELS),
        errors=by_field(faults),
        password_hint=PASSWORD_HINT,
        sessions=_views(places, m.now()),
        more=places.more,
        flash_text=done(request),
    )


def _views(places: SignedIn, now_s: int) -> tuple[SessionView, ...]:
    return (
        _view(places.here, now_s, is_here=True),
        *(_view(each, now_s, is_here=False) for each in places.others),
    )


def _view(session: OpenSession, now_s: int, *, is_here: bool) -> SessionView:
    return SessionView(
        sid=session.sid or "",
        browser=browser_words(session.user_agent),
        address=session.address,
        since=moment(session.created_at_s, now_s),
        seen=moment(session.seen_at_s, now_s),
        is_here=is_here,
    )
