"""S18: one app. Its state and what comes next, its facts, how its consent screen looks, and its end."""

from dataclasses import replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.app_activity import missed
from keygrove.backoffice.app_form import app_form, editing
from keygrove.backoffice.app_preview import preview_of
from keygrove.backoffice.apps import app_crumbs, find, view
from keygrove.backoffice.faults import FAILED, confirmation_faults, listed
from keygrove.backoffice.here import Here, done
from keygrove.backoffice.keys import Crumb
from keygrove.backoffice.question import Question, ask
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import moment
from keygrove.management.app_details import details_of
from keygrove.management.app_keys import key_ids
from keygrove.management.app_review import submit, withdraw
from keygrove.management.apps import App, remove
from keygrove.management.errors import Fault, Invalid
from keygrove.management.missed_sign_outs import missed_sign_outs
from keygrove.web.forms import read_form

_CODE_CHALLENGE = "CODE_CHALLENGE"


async def overview_page(request: Request) -> Response:
    """GET …/apps/{client_id}. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return await _overview(here, app, flash=done(request))


async def review_now(request: Request) -> Response:
    """POST …/apps/{client_id}/review: submit it (`step` submit), or take it back (`step` withdraw).

    What a review still needs is asked for in the form. Raises SignInNeeded, NotFound, Forbidden, CrossSite.
    """
    here, app = await find(request)
    form = await read_form(request)
    takes_back = form.one("step") == "withdraw"
    try:
        if takes_back:
            await withdraw(here.m, here.actor, here.company.id, app.client_id)
        else:
            await submit(here.m, here.actor, here.company.id, app.client_id)
    except Invalid as invalid:
        if any(fault.field == "state" for fault in invalid.faults):
            return await _overview(here, app, faults=invalid.faults)
        return app_form(here, replace(editing(here, app), faults=invalid.faults))
    what = "app-withdrawn" if takes_back else "app-submitted"
    return RedirectResponse(f"{view(here, app).url}?done={what}", status_code=303)


async def remove_page(request: Request) -> Response:
    """GET …/apps/{client_id}/remove. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return _remove_question(here, app)


async def remove_now(request: Request) -> Response:
    """POST …/apps/{client_id}/remove. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, app = await find(request)
    form = await read_form(request)
    await here.require_admin("app.removed", app.client_id)
    faults = await confirmation_faults(here, form)
    if faults:
        return _remove_question(here, app, faults)
    await remove(here.m, here.actor, here.company.id, app.client_id)
    return RedirectResponse(f"{here.apps_url}?done=app-removed", status_code=303)


async def _overview(here: Here, app: App, *, flash: str = "", faults: tuple[Fault, ...] = ()) -> Response:
    return page(
        "app_overview",
        here.shell,
        app.name,
        "Apps you make",
        status=FAILED if faults else 200,
        failed=bool(faults),
        app=view(here, app),
        said=app,
        key_ids=key_ids(app.jwks),
        submitted=moment(app.submitted_at_s, here.m.now()) if app.submitted_at_s is not None else None,
        missed=missed(here, await missed_sign_outs(here.m, app.client_id)),
        crumbs=app_crumbs(here, Crumb(app.name)),
        preview=preview_of(here, details_of(app), app),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        faults=listed(faults, {"state": ""}),
        flash_text=flash,
        discovery_url=here.discovery_url,
        authorization_url=_authorization_url(here, app),
    )


def _authorization_url(here: Here, app: App) -> str:
    """Where the app sends people, with what it makes itself in capitals."""
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uris[0],
        "scope": " ".join(("openid", *app.scope.tokens, "offline")),
        "state": "STATE",
        "code_challenge": _CODE_CHALLENGE,
        "code_challenge_method": "S256",
    }
    return f"{here.m.issuer}/oauth2/auth?{urlencode(asked)}"


def _remove_question(here: Here, app: App, faults: tuple[Fault, ...] = ()) -> Response:
    shown = view(here, app)
    question = Question(
        title=("Remove", app.name, "Apps you make"),
        heading=f"Remove {app.name}?",
        lines=(
            "The app gets no more tokens, from the very next request. No company can connect it.",
            "Tokens already issued end within 60 minutes.",
            "A removed app can't be restored.",
        ),
        client_id=app.client_id,
        action=f"{shown.url}/remove",
        cancel_url=shown.url,
        button="Remove app",
        busy="Removing…",
        refused="remove an app",
        crumbs=app_crumbs(here, Crumb(app.name, shown.url), Crumb("Remove")),
        section="apps",
    )
    return ask(here, question, faults)
