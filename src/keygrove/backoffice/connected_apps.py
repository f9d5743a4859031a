"""S16: the apps that a company connected, and how it disconnects them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.faults import confirmation_faults
from keygrove.backoffice.here import Here, done, enter
from keygrove.backoffice.keys import Crumb, crumbs
from keygrove.backoffice.question import Question, ask
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import Moment, moment
from keygrove.management.catalogue import Catalogue
from keygrove.management.connected_apps import ConnectedApp, disconnect, get_connected
from keygrove.management.errors import Fault
from keygrove.web.forms import read_form

# What is said on the consent page to who allows it, said to the company.
_WORDS = {
    "profile": "See the name of who connects it",
    "email": "See the e-mail address of who connects it",
    "offline": "Stay connected when nobody is there",
}
_OF_EVERY_APP = "openid"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PersonView:
    """Who connected an app, when, and what they allow it."""

    name: str
    email: str
    given: Moment
    allowed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedView:
    """A connected app in words. `can` is what it may do, the API's permissions first."""

    name: str
    maker: str
    client_id: str
    is_verified: bool
    people: tuple[PersonView, ...]
    can: tuple[str, ...]
    scopes: tuple[str, ...]
    last_used: Moment | None
    url: str

    @property
    def connected_by(self) -> str:
        """ "Ana", "Ana and 2 more"."""
        more = len(self.people) - 1
        return f"{self.people[0].name} and {more} more" if more else self.people[0].name

    @property
    def in_brief(self) -> str:
        """ "read bookings, read events, read orders and 2 more"."""
        more = len(self.can) - _SHOWN
        words = sentence(self.can[:_SHOWN])
        return f"{words[:1].lower()}{words[1:]}" + (f" and {more} more" if more > 0 else "")


def view(here: Here, app: ConnectedApp) -> ConnectedView:
    """The connected app as pages show it."""
    now, catalogue = here.m.now(), here.m.catalogue
    return ConnectedView(
        name=app.name,
        maker=app.maker,
        client_id=app.client_id,
        is_verified=app.verified_at_s is not None,
        people=tuple(
            PersonView(
                one.name,
                one.email,
                moment(one.given_at_s, now),
                sentence(in_words(catalogue, one.scope.tokens)),
            )
            for one in app.people
        ),
        can=in_words(catalogue, app.scope.tokens),
        scopes=app.scope.tokens,
        last_used=None if app.last_used_at_s is None else moment(app.last_used_at_s, now),
        url=f"{here.integrations_url}/apps/{app.client_id}",
    )


def in_words(catalogue: Catalogue, scopes: Iterable[str]) -> tuple[str, ...]:
    """What scopes let an app do. Writing includes reading, which is then not said."""
    held = dict.fromkeys("offline" if scope == "offline_access" else scope for scope in scopes)
    included = {
        permission.read
        for api in catalogue.apis
        for permission in api.permissions
        if permission.write in held
    }
    of_api = [scope for scope in catalogue.scopes() if scope in held and scope not in included]
    gone = [scope for scope in held if scope not in {*catalogue.scopes(), *_WORDS, _OF_EVERY_APP}]
    return (
        *(catalogue.label(scope) for scope in (*of_api, *gone)),
        *(words for scope, words in _WORDS.items() if scope in held),
    )


def sentence(words: Sequence[str]) -> str:
    """ "Read bookings, stay connected". Of nothing: what every app may."""
    first, *rest = words or ("Know who connects it",)
    return ", ".join((first, *(f"{each[:1].lower()}{each[1:]}" for each in rest)))


async def find(request: Request) -> tuple[Here, ConnectedView]:
    """The connected app in the request's path. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    return here, view(here, await get_connected(here.m, here.company.id, request.path_params["client_id"]))


async def connected_page(request: Request) -> Response:
    """GET …/integrations/apps/{client_id}. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return page(
        "connected_app",
        here.shell,
        app.name,
        "Connected apps",
        "Integrations",
        app=app,
        crumbs=crumbs(here, Crumb(app.name)),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        flash_text=done(request),
    )


async def disconnect_page(request: Request) -> Response:
    """GET …/integrations/apps/{client_id}/disconnect. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return _question(here, app)


async def disconnect_now(request: Request) -> Response:
    """POST …/apps/{client_id}/disconnect. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, app = await find(request)
    form = await read_form(request)
    await here.require_admin("app.disconnected", app.client_id)
    faults = await confirmation_faults(here, form)
    if faults:
        return _question(here, app, faults)
    await disconnect(here.m, here.actor, here.company.id, app.client_id)
    return RedirectResponse(f"{here.integrations_url}?done=disconnected", status_code=303)


def _question(here: Here, app: ConnectedView, faults: tuple[Fault, ...] = ()) -> Response:
    used = f"It was last used {app.last_used.relative}." if app.last_used else "It was not used yet."
    question = Question(
        title=("Disconnect", app.name, "Integrations"),
        heading=f"Disconnect {app.name}?",
        lines=(
            f"The app gets no more tokens for {here.company.name}, whoever connected it.",
            "Access tokens that it has end within 60 minutes, at once where the API asks about them.",
            used,
            "An admin can connect it again.",
        ),
        client_id=app.client_id,
        action=f"{app.url}/disconnect",
        cancel_url=app.url,
        button="Disconnect",
        busy="Disconnecting…",
        refused="disconnect an app",
        crumbs=crumbs(here, Crumb(app.name, app.url), Crumb("Disconnect")),
        section="integrations",
    )
    return ask(here, question, faults)
