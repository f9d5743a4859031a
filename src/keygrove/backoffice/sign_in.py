"""S01: sign in and sign out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.faults import FAILED, Listed, by_field, too_many
from keygrove.backoffice.here import done, stranger_page, visit_shell
from keygrove.backoffice.rendering import page
from keygrove.management import sign_in
from keygrove.management.errors import Fault, Invalid, Throttled
from keygrove.web.forms import read_form
from keygrove.web.visits import address, begin, current, end, management, own_path, unended


async def sign_in_page(request: Request) -> Response:
    """GET /sign-in. Whoever is signed in already goes on."""
    wanted = own_path(request.query_params.get("next", "/"))
    if await current(request) is not None:
        return RedirectResponse(wanted, status_code=303)
    return _form(request, wanted=wanted)


async def sign_in_now(request: Request) -> Response:
    """POST /sign-in. A session that the browser had before ends: its cookie is replaced."""
    form = await read_form(request, strangers=True)
    wanted, email, m = own_path(form.one("next")), form.one("email"), management(request)
    try:
        new = await sign_in.sign_in(
            m,
            email=email,
            password=form.one("password"),
            address=address(request),
            user_agent=request.headers.get("user-agent", ""),
            request_id=request.state.request_id,
        )
    except Invalid as invalid:
        return _form(request, wanted=wanted, email=email, faults=invalid.faults)
    except Throttled as throttled:
        now = m.now()
        fault = Fault("email", too_many(throttled.retry_at_s, now))
        response = _form(request, wanted=wanted, email=email, faults=(fault,), status=429)
        response.headers["Retry-After"] = str(max(1, throttled.retry_at_s - now))
        return response
    before = await unended(request)
    if before is not None:
        await sign_in.change_over(
            m, before.session, new.session, address=before.address, request_id=before.request_id
        )
    response = RedirectResponse(wanted, status_code=303)
    begin(response, request, new)
    return response


def _form(
    request: Request, *, wanted: str, email: str = "", faults: tuple[Fault, ...] = (), status: int = FAILED
) -> Response:
    # One fault at most, told in full at the field: the list on top says what to do about it.
    advice = "Check your e-mail address and password." if status == FAILED else "Wait before you try again."
    return stranger_page(
        request,
        "sign_in",
        "Sign in",
        status=status if faults else 200,
        failed=bool(faults),
        faults=tuple(Listed(advice, fault.field) for fault in faults),
        errors=by_field(faults),
        email=email[:254],
        next=wanted,
        flash_text=done(request),
    )


async def sign_out_page(request: Request) -> Response:
    """GET /sign-out: ask, since a link alone must not end a session."""
    visit = await current(request)
    if visit is None:
        return RedirectResponse("/sign-in", status_code=303)
    return page("sign_out", visit_shell(request, visit), "Sign out")


async def sign_out_now(request: Request) -> Response:
    """POST /sign-out: of this browser or of all. A session that is too old to be used ends only itself."""
    form = await read_form(request)
    visit = await unended(request)
    if visit is not None:
        everywhere = form.one("everywhere") and await current(request) is not None
        leave = sign_in.sign_out_everywhere if everywhere else sign_in.sign_out
        await leave(management(request), visit.session, address=visit.address, request_id=visit.request_id)
    response = RedirectResponse("/sign-in?done=signed-out", status_code=303)
    end(response, request)
    return response
