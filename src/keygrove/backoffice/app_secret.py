"""S07 for an app: its Secret Key passes through here once, and is kept nowhere."""

import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.apps import app_crumbs, find, view
from keygrove.backoffice.examples import dotenv
from keygrove.backoffice.faults import confirmation_faults
from keygrove.backoffice.here import Here
from keygrove.backoffice.keys import Crumb
from keygrove.backoffice.question import Question, ask
from keygrove.backoffice.rendering import page
from keygrove.backoffice.secret_gone import Gone, secret_gone
from keygrove.backoffice.times import moment
from keygrove.management.apps import App, NewApp, renew_secret
from keygrove.management.creations import ClientListing, FormUsed
from keygrove.management.errors import Fault, NotFound
from keygrove.web.forms import read_form


async def secret_page(request: Request) -> Response:
    """GET …/apps/{client_id}/secret. Raises SignInNeeded, NotFound, also for an app without a secret."""
    here, app = await find(request)
    return _question(here, app, once=secrets.token_urlsafe(24))


async def renew_now(request: Request) -> Response:
    """POST …/apps/{client_id}/secret. Raises SignInNeeded, NotFound, Forbidden, CrossSite.

    The form's `once` makes a second sending of the same form end no secret.
    """
    here, app = await find(request)
    form = await read_form(request)
    await here.require_admin("app.secret_renewed", app.client_id)
    once = form.one("once") or secrets.token_urlsafe(24)
    faults = await confirmation_faults(here, form)
    if faults:
        return _question(here, app, once=once, faults=faults)
    try:
        new = await renew_secret(here.m, here.actor, here.company.id, app.client_id, form_token=once)
    except FormUsed as used:
        return already_done(here, used.made)
    return app_ready(here, new, "New Secret Key", replaced=True)


def app_ready(here: Here, new: NewApp, heading: str, *, replaced: bool = False) -> Response:
    """The answer to the form that made the secret, which may have `replaced` an old one.

    A public app has none: straight to its own page.
    """
    app = new.app
    if new.client_secret is None:
        return RedirectResponse(f"{view(here, app).url}?done=app-registered", status_code=303)
    secret = new.client_secret.reveal()
    return page(
        "app_ready",
        here.shell,
        heading,
        "Apps you make",
        heading=heading,
        app=view(here, app),
        secret=secret,
        replaced=replaced,
        made=moment(here.m.now(), here.m.now()),
        discovery_url=here.discovery_url,
        redirect_uris=" ".join(app.redirect_uris),
        dotenv=dotenv(issuer=here.m.issuer, client_id=app.client_id, client_secret=secret),
    )


def already_done(here: Here, made: ClientListing) -> Response:
    """The answer to the same form sent again."""
    gone = Gone(
        title=("Done already", "Apps you make"),
        section="apps",
        heading="This was done already.",
        name=made.client_name,
        words="is as it was; sending the form again changed nothing. If nobody stored the Secret Key, "
        "make a new one.",
        view=("View the app", f"{here.apps_url}/{made.client_id}"),
        all=("All apps", here.apps_url),
    )
    return secret_gone(here, gone)


def _question(here: Here, app: App, *, once: str, faults: tuple[Fault, ...] = ()) -> Response:
    if not app.has_secret:
        raise NotFound("This app has no secret.")
    shown = view(here, app)
    question = Question(
        title=("New Secret Key", app.name, "Apps you make"),
        heading=f"New Secret Key for {app.name}?",
        lines=(
            "You get a new Secret Key on the next page. It is shown there once.",
            "The old Secret Key ends at once: the app gets no tokens until it has the new one.",
            "The Client ID stays the same, and companies stay connected.",
        ),
        client_id=app.client_id,
        action=f"{shown.url}/secret",
        cancel_url=shown.url,
        button="Make new Secret Key",
        busy="Making…",
        refused="make a new Secret Key",
        crumbs=app_crumbs(here, Crumb(app.name, shown.url), Crumb("New Secret Key")),
        section="apps",
        once=once,
        kind="warning",
    )
    return ask(here, question, faults)
