"""S18: the apps that a company makes for others, and an app as pages show it."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.here import Here, done, enter
from keygrove.backoffice.keys import Crumb, crumbs
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import Moment, moment
from keygrove.management.apps import App, AppState, get_app, list_apps


@dataclass(frozen=True, slots=True)
class Standing:
    """A state of an app in words: the pill's, and what it means for this company's app."""

    label: str
    pill: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """An app with its address, its state and its moments in words."""

    client_id: str
    short_id: str
    name: str
    kind: str
    permissions: tuple[str, ...]
    standing: Standing
    created: Moment
    created_by: str
    updated: Moment
    url: str


def kind_of(app: App) -> str:
    """What sort of program the app is, as the form asks for it."""
    if app.application_type == "native":
        return "Native app on people's devices" if app.public else "Native app with a secret"
    return "App in the browser" if app.public else "Web app on a server"


def standing(here: Here, state: AppState) -> Standing:
    """The state in words."""
    company, platform = here.company.name, here.shell.platform
    return {
        "draft": Standing(
            "Draft",
            "new",
            f"Only {company} can connect it, to try it. Submit it for review when it is ready for others.",
        ),
        "in_review": Standing(
            "In review",
            "warning",
            f"{platform} looks at it. Until then only {company} can connect it, and it stays as it is.",
        ),
        "live": Standing("Live", "good", "Every company can connect it. Its name and permissions are fixed."),
        "suspended": Standing(
            "Suspended",
            "bad",
            f"{platform} stopped it. It gets no tokens and nobody can connect it.",
        ),
    }[state]


def view(here: Here, app: App) -> AppView:
    """The app as pages show it."""
    now = here.m.now()
    return AppView(
        client_id=app.client_id,
        short_id=f"{app.client_id[:10]}…{app.client_id[-4:]}",
        name=app.name,
        kind=kind_of(app),
        permissions=(*app.scope.tokens, *app.optional_scope.tokens),
        standing=standing(here, app.state),
        created=moment(app.created_at_s, now),
        created_by=app.created_by,
        updated=moment(app.updated_at_s, now),
        url=f"{here.apps_url}/{app.client_id}",
    )


def app_crumbs(here: Here, *steps: Crumb) -> tuple[Crumb, ...]:
    """The way from Settings to a page about apps."""
    return crumbs(here, Crumb("Apps you make", here.apps_url if steps else ""), *steps)


async def find(request: Request) -> tuple[Here, App]:
    """The app in the request's path. Raises SignInNeeded, and NotFound for another company's too."""
    here = await enter(request)
    return here, await get_app(here.m, here.actor, here.company.id, request.path_params["client_id"])


async def app_list(request: Request) -> Response:
    """GET …/settings/apps. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    found = await list_apps(here.m, here.company.id)
    states: tuple[AppState, ...] = ("draft", "in_review", "live", "suspended")
    return page(
        "app_list",
        here.shell,
        "Apps you make",
        "Settings",
        crumbs=app_crumbs(here),
        apps_url=here.apps_url,
        apps=tuple(view(here, app) for app in found),
        standings=tuple(standing(here, state) for state in states),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        flash_text=done(request),
    )
