"""S02: a link of the operator's, with which who forgot the password chooses another one."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.faults import FAILED, by_field, listed
from keygrove.backoffice.here import stranger_page
from keygrove.backoffice.setup import PASSWORD_HINT
from keygrove.management import password_reset
from keygrove.management.errors import Fault, Invalid, LinkExpired
from keygrove.web.forms import read_form
from keygrove.web.visits import address, management

_TITLE = "Choose a new password"
_LABELS = {"password": "New password"}


async def reset_page(request: Request) -> Response:
    """GET /reset-password?token=…. Looking at it spends nothing."""
    return await _form(request, request.query_params.get("token", ""))


async def reset_now(request: Request) -> Response:
    """POST /reset-password. Raises CrossSite."""
    form = await read_form(request, strangers=True)
    token = form.one("token")
    try:
        await password_reset.complete(
            management(request),
            token,
            form.one("password"),
            address=address(request),
            request_id=request.state.request_id,
        )
    except LinkExpired:
        return _ended(request)
    except Invalid as invalid:
        return await _form(request, token, *invalid.faults)
    return RedirectResponse("/sign-in?done=password-reset", status_code=303)


async def _form(request: Request, token: str, *faults: Fault) -> Response:
    try:
        person = await password_reset.check(management(request), token)
    except LinkExpired:
        return _ended(request)
    return stranger_page(
        request,
        "reset_password",
        _TITLE,
        status=FAILED if faults else 200,
        failed=bool(faults),
        token=token,
        email=person.email,
        faults=listed(faults, labels=_LABELS),
        errors=by_field(faults),
        password_hint=PASSWORD_HINT,
    )


def _ended(request: Request) -> Response:
    return stranger_page(request, "reset_ended", _TITLE, status=410)
