"""S18: the form of an app, for a new one and for one that is there."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.app_preview import preview_of
from keygrove.backoffice.app_secret import already_done, app_ready
from keygrove.backoffice.apps import app_crumbs, find, view
from keygrove.backoffice.asked_scopes import shortened
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
from keygrove.management.app_details import AppDetails, details_of, revision_of
from keygrove.management.apps import App, ApplicationType, ChangedMeanwhile, register, update
from keygrove.management.creations import FormUsed
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
    "post_logout_redirect_uris": "After signing out",
    "backchannel_logout_uri": "Told of sign-outs",
    "jwks": "Public keys",
    "logo_uri": "Logo",
    "policy_uri": "Privacy policy",
    "tos_uri": "Terms",
    "owner": "Owner",
    "contact_email": "Contact",
    "reasons": "Permissions",
}
PREVIEW = "preview"
_NOTHING = AppDetails(name="", permissions=(), redirect_uris=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """A form as it is filled in: for the app that it changes, or for a new one.

    `revision` names what its maker looked at when they began; `status` is the answer's if there are faults.
    """

    app: App | None = None
    details: AppDetails = _NOTHING
    kind: str = "web"
    once: str = ""
    revision: str = ""
    must_confirm: bool = False
    faults: tuple[Fault, ...] = ()
    status: int = FAILED


async def new_app_page(request: Request) -> Response:
    """GET …/apps/new. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    return app_form(here, Filling(once=secrets.token_urlsafe(24), must_confirm=here.must_confirm))


async def register_now(request: Request) -> Response:
    """POST …/apps/new. Raises SignInNeeded, NotFound, Forbidden, CrossSite.

    The form's `once` makes a second sending of the same form find the app of the first. With `step` preview
    nothing is done but to show the form again, with how the consent screen looks now.
    """
    here = await enter(request)
    form = await read_form(request)
    filling = Filling(
        details=_details(here, form),
        kind=form.one("kind"),
        once=form.one("once") or secrets.token_urlsafe(24),
        must_confirm=here.must_confirm,
    )
    if form.one("step") == PREVIEW:
        return app_form(here, filling)
    await here.require_admin("app.registered", here.company.id)
    faults = await confirmation_faults(here, form)
    filling = replace(filling, must_confirm=bool(faults))
    if filling.kind not in _KINDS:
        faults = (*faults, Fault("kind", "Choose what sort of program it is."))
    if faults:
        return app_form(here, replace(filling, faults=faults))
    application_type, public = _KINDS[cast(Kind, filling.kind)]
    try:
        new = await register(
            here.m,
            here.actor,
            here.company.id,
            filling.details,
            application_type=application_type,
            public=public,
            form_token=form.one("once") or None,
        )
    except Invalid as invalid:
        return app_form(here, replace(filling, faults=invalid.faults))
    except FormUsed as used:
        return already_done(here, used.made)
    return app_ready(here, new, "Your app is registered")


async def edit_page(request: Request) -> Response:
    """GET …/apps/{client_id}/edit. Raises SignInNeeded, NotFound."""
    here, app = await find(request)
    return app_form(here, editing(here, app))


async def edit_now(request: Request) -> Response:
    """POST …/apps/{client_id}/edit. Raises SignInNeeded, NotFound, Forbidden, CrossSite.

    Answers 409, and keeps what was typed, when somebody else changed the app since the form was opened. With
    `step` preview nothing is done but to show the form again, with how the consent screen looks now.
    """
    here, app = await find(request)
    form = await read_form(request)
    details, revision = _details(here, form, details_of(app)), form.one("revision")
    filling = replace(editing(here, app), details=details, revision=revision)
    if form.one("step") == PREVIEW:
        return app_form(here, filling)
    await here.require_admin("app.updated", app.client_id)
    faults = await confirmation_faults(here, form)
    if faults:
        return app_form(here, replace(filling, faults=faults))
    filling = replace(filling, must_confirm=False)
    try:
        after = await update(
            here.m, here.actor, here.company.id, app.client_id, details, revision=revision or None
        )
    except Invalid as invalid:
        return app_form(here, replace(filling, faults=invalid.faults))
    except ChangedMeanwhile as changed:
        return app_form(here, _overtaken(filling, changed))
    what = "unchanged" if details_of(after) == details_of(app) else "app-saved"
    return RedirectResponse(f"{view(here, app).url}?done={what}", status_code=303)


def editing(here: Here, app: App) -> Filling:
    """The form of an app, as it is now."""
    details, revision = details_of(app), revision_of(app)
    return Filling(app=app, details=details, revision=revision, must_confirm=here.must_confirm)


def _overtaken(filling: Filling, changed: ChangedMeanwhile) -> Filling:
    """What was typed beside how the app is now; saving it again replaces that."""
    now, typed = details_of(changed.app), filling.details
    texts = ("name", *(name for name in _LABELS if name != "reasons"))
    differ = [name for name in texts if getattr(now, name) != getattr(typed, name)]
    said = [Fault(name, f"It now is {_brief(getattr(now, name))}.") for name in differ]
    chosen = (*now.permissions, *now.optional_permissions)
    if set(chosen) != {*typed.permissions, *typed.optional_permissions}:
        said.append(Fault("permissions", f"Now there are {_brief(chosen)}."))
    if set(now.optional_permissions) != set(typed.optional_permissions):
        left = _brief(now.optional_permissions) if now.optional_permissions else "nothing"
        said.append(Fault("permissions", f"People may leave out {left} now."))
    other = (scope for scope, reason in now.reasons.items() if reason != typed.reasons.get(scope))
    said += [Fault("permissions", f"The reason for {_brief(scope)} is another one now.") for scope in other]
    if now.require_pkce != typed.require_pkce:
        said.append(Fault("state", f"PKCE now is {'required' if now.require_pkce else 'not required'}."))
    first = Fault("state", f"{changed} Look through what you entered, and save again to replace it.")
    return replace(
        filling, app=changed.app, revision=revision_of(changed.app), faults=(first, *said), status=409
    )


def _brief(value: str | Sequence[str]) -> str:
    """A value in a sentence, cut off where it is long."""
    text = value if isinstance(value, str) else " ".join(value)
    return f"“{shortened(text, 80)}”" if text else "empty"


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
        status=filling.status if filling.faults else 200,
        failed=bool(filling.faults),
        heading=title,
        app=None if app is None else view(here, app),
        # Its maker may not change what is in review or suspended.
        is_open=app is None or app.state in ("draft", "live"),
        is_public=app is not None and app.public,
        signs=app is not None and app.jwks is not None,
        preview=preview_of(here, details, app),
        revision=filling.revision,
        crumbs=app_crumbs(here, *steps, Crumb("Edit" if steps else title)),
        action=f"{here.apps_url}/new" if app is None else f"{view(here, app).url}/edit",
        cancel_url=here.apps_url if app is None else view(here, app).url,
        details=details,
        redirect_uris="\n".join(details.redirect_uris),
        post_logout_redirect_uris="\n".join(details.post_logout_redirect_uris),
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
        redirect_uris=_lines(form, "redirect_uris"),
        post_logout_redirect_uris=_lines(form, "post_logout_redirect_uris"),
        backchannel_logout_uri=form.one("backchannel_logout_uri"),
        jwks=form.one("jwks") if before.jwks else "",
        description=form.one("description"),
        logo_uri=form.one("logo_uri"),
        policy_uri=form.one("policy_uri"),
        tos_uri=form.one("tos_uri"),
        owner=form.one("owner"),
        contact_email=form.one("contact_email"),
        require_pkce=form.one("require_pkce") != "no",
    )


def _lines(form: Form, name: str) -> tuple[str, ...]:
    return tuple(line for line in form.one(name).splitlines() if line.strip())
