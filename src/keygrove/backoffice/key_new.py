"""S06: create a key. Its answer is S07, the only page that ever shows the Secret Key."""

import secrets
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.faults import FAILED, by_field, confirmation_faults, listed
from keygrove.backoffice.here import Here, enter
from keygrove.backoffice.key_ready import already_created, key_ready
from keygrove.backoffice.keys import Crumb, crumbs
from keygrove.backoffice.permissions import chosen_scopes, count_in_words, first_choice, groups
from keygrove.backoffice.rendering import page
from keygrove.management.creations import FormUsed
from keygrove.management.errors import Fault, Invalid
from keygrove.management.integrations import create_key
from keygrove.web.forms import read_form


async def new_key_page(request: Request) -> Response:
    """GET …/keys/new. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    return _form(here, once=secrets.token_urlsafe(24), must_confirm=here.must_confirm)


async def create_now(request: Request) -> Response:
    """POST …/keys/new. Raises SignInNeeded, NotFound, Forbidden, CrossSite.

    The form's `once` makes a second sending of the same form find the key of the first.
    """
    here = await enter(request)
    form = await read_form(request)
    await here.require_admin("key.created", here.company.id)
    name, once, scopes = form.one("name"), form.one("once"), chosen_scopes(here.m.catalogue, form)
    faults = await confirmation_faults(here, form)
    confirmed = not faults
    if confirmed:
        try:
            new = await create_key(
                here.m, here.actor, here.company.id, name=name, permissions=scopes, form_token=once or None
            )
        except Invalid as invalid:
            faults = invalid.faults
        except FormUsed as used:
            return already_created(here, used.made)
        else:
            return key_ready(here, new)
    return _form(
        here,
        once=once or secrets.token_urlsafe(24),
        must_confirm=not confirmed,
        name=name,
        scopes=scopes,
        faults=faults,
    )


def _form(
    here: Here,
    *,
    once: str,
    must_confirm: bool,
    name: str = "",
    scopes: Collection[str] = (),
    faults: tuple[Fault, ...] = (),
) -> Response:
    targets = {"permissions": first_choice(here.m.catalogue)}
    return page(
        "key_new",
        here.shell,
        "Create new key",
        "Integrations",
        status=FAILED if faults else 200,
        failed=bool(faults),
        crumbs=crumbs(here, Crumb("Internal integration keys", here.keys_url), Crumb("Create new key")),
        keys_url=here.keys_url,
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        confirm=must_confirm,
        once=once,
        name=name,
        groups=groups(here.m.catalogue, scopes),
        summary=count_in_words(scopes),
        faults=listed(faults, targets),
        errors=by_field(faults),
    )
