"""S18: the form of an app, for a new one and for one that is there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.app_secret import already_done, app_ready
from keygrove.backoffice.apps import app_crumbs, find, view
from keygrove.backoffice.faults import FAILED, by_field, confirmation_faults, listed
from keygrove.backoffice.here import Here, enter
from keygrove.backoffice.keys import Crumb
from keygrove.backoffice.permissions import (
    app_groups,
    chosen_scopes,
    first_choice,
    given_reasons,
    left_open,
    unexplained,
)
from keygrove.backoffice.rendering import page
from keygrove.management.app_details import AppDetails, details_of
from keygrove.management.apps import App, AppAlready, ApplicationType, register, update
from keygrove.management.errors import Fault, Invalid
from keygrove.web.forms import Form, read_form

Kind = Literal["web", "browser", "native"]
# Which programs can keep a secret, and where they run (RFC 6749 §2.1, RFC 7591 §2).
_KINDS: Mapping[Kind, tuple[ApplicationType, bool]] = {
    "web": ("web", False),
    "browser": ("web", True),
    "native": ("native", True),
}
_LABELS = {
    "description": "Description",
    "redirect_uris": "Redirect URIs",
    "logo_uri": "Logo",
    "policy_uri": "Privacy policy",
    "tos_uri": "Terms",
    "owner": "Owner",
    "contact_email": "Contact",
    "reasons": "Permissions",
}
_NOTHING = AppDetails(name="", permissions=(), redirect_uris=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """A form as it is filled in: for the app that it changes, or for a new one."""

    app: App | None = None
    details: AppDetails = _NOTHING
    kind: str = "web"
    once: str = ""
    must_confirm: bool = False
    faults: tuple[Fault, ...] = ()


async def new_app_page(request: Request) -> Response:
    """GET …/apps/new. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    return app_form(here, Filling(once=secrets.token_urlsafe(24), must_confirm=here.must_confirm))


async def register_now(request: Request) -> Response:
    """POST …/apps/new. Raises SignInNeeded, NotFound, Forbidden, CrossSite.

    The form's `once` makes a second sending of the same form find the app of the first.
    """
    here = await enter(request)
    form = await read_form(request)
    await here.require_admin("app.registered", here.company.id)
    details, once, kind = _details(here, form), form.one("once"), form.one("kind")
    faults = await confirmation_faults(here, form)
    confirmed = not faults
    if kind not in _KINDS:
        faults = (*faults, Fault("kind", "Choose what sort of program it is."))
    if not faults:
        application_type, public = _KINDS[cast(Kind, kind)]
        try:
            new = await register(
                here.m,
                here.actor,
                here.company.id,
                details,
                application_type=application_type,
                public=public,
                form_token=once or None,
            )
        except Invalid as invalid:
            faults = invalid.faults
        except AppAlready as already:
            return already_done(here, already.app)
        else:
            return app_ready(here, new, "Your app is registered")
    return app_form(
        here,
        Filling(
            details=details,
            kind=kind,
            once=once or secrets.token_urlsafe(24),
            must_confirm=not confirmed,
            faults=faults,
        ),
    )


async def edit_page(request: Request) -> Response:
    """GET …/apps/{client_id}/edit. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return app_form(here, Filling(app=app, details=details_of(app), must_confirm=here.must_confirm))


async def edit_now(request: Request) -> Response:
    """POST …/apps/{client_id}/edit. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, app = await find(request)
    form = await read_form(request)
    await here.require_admin("app.updated", app.client_id)
    details = _details(here, form, details_of(app))
    faults = await confirmation_faults(here, form)
    confirmed = not faults
    if confirmed:
        try:
            after = await update(here.m, here.actor, here.company.id, app.client_id, details)
        except Invalid as invalid:
            faults = invalid.faults
        else:
            what = "unchanged" if details_of(after) == details_of(app) else "app-saved"
            return RedirectResponse(f"{view(here, app).url}?done={what}", status_code=303)
    return app_form(here, Filling(app=app, details=details, must_confirm=not confirmed, faults=faults))


def app_form(here: Here, filling: Filling) -> Response:
    """The form as a page, with what is wrong with it."""
    catalogue, details, app = here.m.catalogue, filling.details, filling.app
    chosen = (*details.permissions, *details.optional_permissions)
    targets = {
        "permissions": first_choice(catalogue),
        "reasons": unexplained(catalogue, chosen, details.reasons),
        "kind": "kind-web",
        "state": "",
    }
    errors = by_field(filling.faults)
    title = "Register an app" if app is None else f"Edit {app.name}"
    steps = () if app is None else (Crumb(app.name, view(here, app).url),)
    return page(
        "app_form",
        here.shell,
        title,
        "Apps you make",
        status=FAILED if filling.faults else 200,
        failed=bool(filling.faults),
        heading=title,
        app=None if app is None else view(here, app),
        # Its maker may not change what is in review or suspended.
        is_open=app is None or app.state in ("draft", "live"),
        is_public=app is not None and app.public,
        crumbs=app_crumbs(here, *steps, Crumb("Edit" if steps else title)),
        action=f"{here.apps_url}/new" if app is None else f"{view(here, app).url}/edit",
        cancel_url=here.apps_url if app is None else view(here, app).url,
        details=details,
        redirect_uris="\n".join(details.redirect_uris),
        kind=filling.kind,
        once=filling.once,
        groups=app_groups(
            catalogue,
            chosen,
            details.reasons,
            optional=details.optional_permissions,
            explain="reasons" in errors,
        ),
        confirm=filling.must_confirm,
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        faults=listed(filling.faults, targets, _LABELS),
        errors=errors,
    )


def _details(here: Here, form: Form, before: AppDetails = _NOTHING) -> AppDetails:
    """What the form says; what it does not ask for stays as it was before."""
    scopes, left = chosen_scopes(here.m.catalogue, form), left_open(here.m.catalogue, form)
    optional = tuple(scope for scope in scopes if scope in left)
    return replace(
        before,
        name=form.one("name"),
        permissions=tuple(scope for scope in scopes if scope not in optional),
        optional_permissions=optional,
        reasons=given_reasons(here.m.catalogue, form),
        redirect_uris=form.one("redirect_uris").splitlines(),
        description=form.one("description"),
        logo_uri=form.one("logo_uri"),
        policy_uri=form.one("policy_uri"),
        tos_uri=form.one("tos_uri"),
        owner=form.one("owner"),
        contact_email=form.one("contact_email"),
        require_pkce=form.one("require_pkce") != "no",
    )
