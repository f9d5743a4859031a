"""S17 and its neighbors: an app sends somebody here, to sign in and to allow it (OIDC Core §3.1.2.3)."""

from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.asked_scopes import asked_for, held_besides, not_asked_for, shortened
from keygrove.backoffice.errors import Answer, trouble
from keygrove.backoffice.faults import FAILED, Listed, by_field, too_many
from keygrove.backoffice.here import stranger_shell, theme
from keygrove.backoffice.rendering import page
from keygrove.backoffice.shell import Shell
from keygrove.management.errors import Fault, Invalid, Throttled
from keygrove.web import interaction
from keygrove.web.asking import AppCard, AskCompany, AskSignIn, AskToAllow, Page, SayWhyNot
from keygrove.web.defenses import letting_forms_reach
from keygrove.web.forms import read_form
from keygrove.web.interaction import Ended, Leave, LeaveByForm, Outcome, Refused
from keygrove.web.sealed import NotOurs
from keygrove.web.visits import begin, management, remember

_FORBIDDEN = 403
_LOST = (
    "This page was open for too long, or it was not opened in this browser.",
    "Nothing was shared. Go back to the app and start again from there.",
)


async def authorize_page(request: Request) -> Response:
    """GET and POST /oauth2/auth: an app sent somebody here."""
    if request.method == "HEAD":
        raise HTTPException(405, headers={"Allow": "GET, POST"})
    return _answer(request, await interaction.begin(request))


async def continue_now(request: Request) -> Response:
    """POST /oauth2/auth/continue: a page of the way was filled in."""
    form = await read_form(request, strangers=True)
    email = form.one("email")
    try:
        if form.one("step") == "another-account":
            return _answer(request, await interaction.ask_to_sign_in(request, form))
        return _answer(request, await interaction.go_on(request, form))
    except NotOurs:
        return trouble(request, Answer(status=_FORBIDDEN, lines=_LOST))
    except Invalid as invalid:
        outcome = await interaction.ask_to_sign_in(request, form)
        return _answer(request, outcome, faults=invalid.faults, email=email)
    except Throttled as throttled:
        now = management(request).now()
        outcome = await interaction.ask_to_sign_in(request, form)
        fault = Fault("email", too_many(throttled.retry_at_s, now))
        response = _answer(request, outcome, faults=(fault,), email=email, status=429)
        response.headers["Retry-After"] = str(max(1, throttled.retry_at_s - now))
        return response


def _answer(
    request: Request,
    outcome: Outcome,
    *,
    faults: tuple[Fault, ...] = (),
    email: str = "",
    status: int = FAILED,
) -> Response:
    """What comes next as a response, with the cookies of this browser."""
    match outcome.next:
        case Leave(location):
            # As it is: a redirect URI is compared and used as a string.
            response = Response(status_code=303, headers={"Location": location})
        case LeaveByForm() as leave:
            response = _form_post(request, outcome, leave)
        case Refused() as refused:
            response = _refusal(request, outcome, refused)
        case Ended():
            response = _ended(request, outcome)
        case Page() as shown:
            response = _page(request, shown, faults=faults, email=email, status=status)
    if outcome.began is not None:
        begin(response, request, outcome.began)
    remember(response, request, outcome.visitor)
    return response


def _page(request: Request, shown: Page, *, faults: tuple[Fault, ...], email: str, status: int) -> Response:
    ask, app = shown.ask, shown.app
    name = shortened(app.name)
    shell = _shell(request, shown)
    values: dict[str, Any] = {
        "name": name,
        "app": app,
        "maker": shortened(app.maker),
        "sealed": shown.sealed,
        "return_to": destination(app.redirect_uri),
        "person": shown.session.person if shown.session is not None else None,
        "faults": (),
    }
    match ask:
        case AskSignIn():
            advice = (
                "Wait before you try again."
                if status != FAILED
                else "Check your e-mail address and password."
            )
            values |= {
                "ask": ask,
                "faults": tuple(Listed(advice, fault.field) for fault in faults),
                "errors": by_field(faults),
                "email": (email or _hint(ask, shown))[:254],
            }
            response = page(
                "connect_sign_in",
                shell,
                "Sign in",
                name,
                status=status if faults else 200,
                failed=bool(faults),
                **values,
            )
        case AskCompany(choices, first):
            response = page(
                "choose_company", shell, "Choose a company", name, choices=choices, first=first, **values
            )
        case AskToAllow():
            response = page("consent", shell, f"Connect {name}", **values, **_consent(request, ask, app))
        case SayWhyNot():
            response = page("connect_refused", shell, f"Connect {name}", why=ask, **values)
    response.headers["Content-Security-Policy"] = letting_forms_reach(app.redirect_uri)
    return response


def _consent(request: Request, ask: AskToAllow, app: AppCard) -> dict[str, Any]:
    catalogue, company = management(request).catalogue, shortened(ask.company)
    every = asked_for(catalogue, ask, app)
    return {
        "ask": ask,
        "company": company,
        "permissions": [asked for asked in every if not asked.choice],
        "choices": [asked for asked in every if asked.choice],
        "keeps": held_besides(catalogue, ask),
        "impossible": not_asked_for(catalogue, ask, company),
        "minutes": ask.lifetime_s // 60,
    }


def _hint(ask: AskSignIn, shown: Page) -> str:
    """The address to begin with: whose session it is, when it is they who must sign in again."""
    if ask.why in ("again", "sensitive") and shown.session is not None:
        return shown.session.person.email
    return ask.hint


def _form_post(request: Request, outcome: Outcome, leave: LeaveByForm) -> Response:
    response = page(
        "form_post",
        stranger_shell(request, outcome.visitor),
        "Back to the app",
        action=leave.action,
        fields=leave.fields,
        return_to=destination(leave.action),
    )
    response.headers["Content-Security-Policy"] = letting_forms_reach(leave.action)
    return response


def _refusal(request: Request, outcome: Outcome, refused: Refused) -> Response:
    return page(
        "authorization_error",
        stranger_shell(request, outcome.visitor),
        "This app can't be connected",
        status=400,
        error=refused.error,
        description=refused.description,
    )


def _ended(request: Request, outcome: Outcome) -> Response:
    shell = stranger_shell(request, outcome.visitor)
    return page("authorization_ended", shell, "Answered already", status=_FORBIDDEN)


def _shell(request: Request, shown: Page) -> Shell:
    return Shell(
        platform=management(request).platform_name,
        path=request.url.path,
        request_id=request.state.request_id,
        theme=theme(request),
        form_token=shown.form_token,
    )


def destination(uri: str) -> str:
    """Where a redirect URI leads, for people: its host, or "the app on this device"."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else "the app on this device"
