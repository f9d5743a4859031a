"""S20: an app asks that the person be signed out (OpenID Connect RP-Initiated Logout 1.0)."""

from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.connect import destination
from keygrove.backoffice.errors import Answer, trouble
from keygrove.backoffice.here import visit_shell
from keygrove.backoffice.rendering import page
from keygrove.web import logout
from keygrove.web.defenses import letting_forms_reach
from keygrove.web.forms import read_form
from keygrove.web.logout import AskByGet, AskFirst, NotUnderstood, SignedOut
from keygrove.web.visits import end


async def log_out_page(request: Request) -> Response:
    """GET and POST /oauth2/sessions/logout."""
    if request.method == "HEAD":
        raise HTTPException(405, headers={"Allow": "GET, POST"})
    return _answer(request, await logout.asked_to_sign_out(request))


async def log_out_now(request: Request) -> Response:
    """POST /oauth2/sessions/logout/confirm: the person said yes."""
    form = await read_form(request)
    return _answer(request, await logout.confirmed(request, form))


def _answer(request: Request, outcome: AskFirst | SignedOut | NotUnderstood | AskByGet) -> Response:
    match outcome:
        case AskByGet(location):
            return Response(status_code=303, headers={"Location": location})
        case NotUnderstood(_, description):
            return trouble(request, Answer(status=400, lines=(description, "You are still signed in.")))
        case SignedOut(location, just_now):
            target = location or "/sign-in?done=signed-out"
            response = Response(status_code=303, headers={"Location": target})
            # Where no cookie came there may be one all the same: another site's picture must not end it.
            if just_now:
                end(response, request)
            return response
        case AskFirst(visit, asked, location, flaw, aged):
            shell = visit_shell(request, visit)
            response = page(
                "sign_out_of",
                replace(shell, person=None, companies=()) if aged else shell,
                "Sign out",
                status=200 if flaw is None else 400,
                asked=asked,
                flaw=flaw,
                return_to=destination(location) if location is not None else "",
            )
            if location is not None:
                response.headers["Content-Security-Policy"] = letting_forms_reach(location)
            return response
