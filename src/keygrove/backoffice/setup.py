"""S00: the first run. The link printed in the terminal makes a company and the first account, its admin's."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.faults import FAILED, by_field, listed
from keygrove.backoffice.here import stranger_page
from keygrove.management import setup
from keygrove.management.errors import Fault, Invalid, LinkExpired, NotFound
from keygrove.management.people import MIN_CHARACTERS
from keygrove.web.forms import Form, read_form
from keygrove.web.visits import address, begin, management

_LABELS = {"name": "Your name", "password": "Password"}
PASSWORD_HINT = f"At least {MIN_CHARACTERS} characters of any kind. A phrase is easy to remember."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What was filled in so far; never the password."""

    company_name: str = ""
    name: str = ""
    email: str = ""


async def setup_page(request: Request) -> Response:
    """GET /setup?token=…. Once somebody can sign in it is gone, and says so."""
    token = request.query_params.get("token", "")
    try:
        await setup.check(management(request), token)
    except LinkExpired:
        return _ended(request)
    except NotFound:
        return _done(request)
    return _form(request, token, Entered())


async def setup_now(request: Request) -> Response:
    """POST /setup. Once somebody can sign in it is gone, and says so."""
    form = await read_form(request, strangers=True)
    token = form.one("token")
    entered = _entered(form)
    try:
        new = await setup.complete(
            management(request),
            token,
            company_name=entered.company_name,
            name=entered.name,
            email=entered.email,
            password=form.one("password"),
            address=address(request),
            user_agent=request.headers.get("user-agent", ""),
            request_id=request.state.request_id,
        )
    except LinkExpired:
        return _ended(request)
    except NotFound:
        return _done(request)
    except Invalid as invalid:
        return _form(request, token, entered, invalid.faults)
    response = RedirectResponse("/", status_code=303)
    begin(response, request, new)
    return response


def _entered(form: Form) -> Entered:
    return Entered(company_name=form.one("company_name"), name=form.one("name"), email=form.one("email"))


def _form(request: Request, token: str, entered: Entered, faults: tuple[Fault, ...] = ()) -> Response:
    return stranger_page(
        request,
        "setup",
        "Set up",
        status=FAILED if faults else 200,
        failed=bool(faults),
        token=token,
        values=entered,
        faults=listed(faults, labels=_LABELS),
        errors=by_field(faults),
        password_hint=PASSWORD_HINT,
    )


def _ended(request: Request) -> Response:
    return stranger_page(request, "setup_ended", "Set up", status=410)


def _done(request: Request) -> Response:
    return stranger_page(request, "setup_done", "Set-up is done", status=404)
