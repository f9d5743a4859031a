"""S16: the apps that a company connected, and how it disconnects them."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.app_activity import in_words, sentence, told
from keygrove.backoffice.faults import confirmation_faults
from keygrove.backoffice.here import Here, done, enter
from keygrove.backoffice.keys import Crumb, crumbs
from keygrove.backoffice.question import Question, ask
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import Moment, moment
from keygrove.management.connected_apps import ConnectedApp, Happening, activity, disconnect, get_connected
from keygrove.management.errors import Fault
from keygrove.web.forms import read_form

_SHOWN = 3
_OF_ACCESS = ("connected", "widened", "again", "gave-back", "stolen")


@dataclass(frozen=True, slots=True)
class PersonView:
    """Who connected an app, when, and what they allow it."""

    name: str
    email: str
    given: Moment
    allowed: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What keeps a connected app from the company's data, in a word and in a sentence or two."""

    label: str
    pill: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedView:
    """A connected app in words. `mark` is None when nothing keeps it from working.

    `can` is what it may do, the API's permissions first.
    """

    name: str
    maker: str
    client_id: str
    is_verified: bool
    people: tuple[PersonView, ...]
    can: tuple[str, ...]
    scopes: tuple[str, ...]
    last_used: Moment | None
    mark: Mark | None
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


def view(here: Here, app: ConnectedApp, happened: Sequence[Happening] = ()) -> ConnectedView:
    """The connected app as pages show it, with what `happened` to it where that is at hand."""
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
        mark=_mark(here, app, happened),
        url=f"{here.integrations_url}/apps/{app.client_id}",
    )


def _mark(here: Here, app: ConnectedApp, happened: Sequence[Happening]) -> Mark | None:
    platform, company = here.shell.platform, here.company.name
    if app.is_removed:
        meaning = "Its maker removed the app, for good. Disconnect it to take back what it was allowed."
        return Mark("Removed", "bad", meaning)
    if app.state == "suspended":
        meaning = (
            f"{platform} stopped the app. It gets no tokens until {platform} lets it work again; what it was "
            f"allowed for {company} stays. Disconnect it to take that back."
        )
        return Mark("Suspended", "bad", meaning)
    if not app.has_access:
        meaning = (
            f"{_why_no_access(here, happened)} It is still allowed to come again without being asked anew. "
            "Disconnect it to take that back."
        )
        return Mark("No access now", "new", meaning)
    return None


def _why_no_access(here: Here, happened: Sequence[Happening]) -> str:
    last = next((one for one in happened if one.what in _OF_ACCESS), None)
    day = "" if last is None else moment(last.at_s, here.m.now()).day
    match last:
        case Happening(what="gave-back"):
            return f"The app gave its access back on {day}."
        case Happening(what="stolen"):
            return f"Its access ended on {day}, because a code or token of it was used twice."
    return "The app holds no access at the moment."


async def find(request: Request) -> tuple[Here, ConnectedApp]:
    """The connected app in the request's path. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    return here, await get_connected(here.m, here.company.id, request.path_params["client_id"])


async def connected_page(request: Request) -> Response:
    """GET …/integrations/apps/{client_id}. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    happened = await activity(here.m, here.company.id, app.client_id)
    return page(
        "connected_app",
        here.shell,
        app.name,
        "Connected apps",
        "Integrations",
        app=view(here, app, happened),
        activity=told(here, happened),
        crumbs=crumbs(here, Crumb(app.name)),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        flash_text=done(request),
    )


async def disconnect_page(request: Request) -> Response:
    """GET …/integrations/apps/{client_id}/disconnect. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return _question(here, view(here, app))


async def disconnect_now(request: Request) -> Response:
    """POST …/apps/{client_id}/disconnect. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, app = await find(request)
    form = await read_form(request)
    await here.require_admin("app.disconnected", app.client_id)
    faults = await confirmation_faults(here, form)
    if faults:
        return _question(here, view(here, app), faults)
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
