"""S08: one key. Its overview with the name, and its permissions."""

from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.examples import examples
from keygrove.backoffice.faults import FAILED, by_field, confirmation_faults, listed
from keygrove.backoffice.here import Here, done, enter
from keygrove.backoffice.key_ready import scope_of
from keygrove.backoffice.keys import Crumb, KeyView, crumbs, view
from keygrove.backoffice.permissions import chosen_scopes, first_choice, groups
from keygrove.backoffice.rendering import page
from keygrove.backoffice.usage import chart_of
from keygrove.management.errors import Fault, Invalid
from keygrove.management.integrations import IntegrationKey, get_key, update_key
from keygrove.management.usage import days
from keygrove.web.forms import read_form


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of a key, with an address of its own."""

    label: str
    href: str
    current: bool


async def find(request: Request) -> tuple[Here, IntegrationKey]:
    """The key in the request's path. Raises SignInNeeded, and NotFound for another company's too."""
    here = await enter(request)
    return here, await get_key(here.m, here.actor, here.company.id, request.path_params["client_id"])


async def overview_page(request: Request) -> Response:
    """GET …/keys/{client_id}. Raises SignInNeeded, NotFound."""
    here, key = await find(request)
    return await _overview(here, key, name=key.name, flash=done(request))


async def rename_now(request: Request) -> Response:
    """POST …/keys/{client_id}. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, key = await find(request)
    form = await read_form(request)
    name = form.one("name")
    try:
        after = await update_key(here.m, here.actor, here.company.id, key.client_id, name=name)
    except Invalid as invalid:
        return await _overview(here, key, name=name, faults=invalid.faults)
    what = "renamed" if after.name != key.name else "unchanged"
    return RedirectResponse(f"{view(here, key).url}?done={what}", status_code=303)


async def permissions_page(request: Request) -> Response:
    """GET …/keys/{client_id}/permissions. Raises SignInNeeded, NotFound."""
    here, key = await find(request)
    return _permissions(here, key, key.permissions, must_confirm=here.must_confirm, flash=done(request))


async def change_permissions_now(request: Request) -> Response:
    """POST …/keys/{client_id}/permissions. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, key = await find(request)
    form = await read_form(request)
    await here.require_admin("key.updated", key.client_id)
    scopes = chosen_scopes(here.m.catalogue, form)
    faults = await confirmation_faults(here, form)
    confirmed = not faults
    if confirmed:
        try:
            after = await update_key(here.m, here.actor, here.company.id, key.client_id, permissions=scopes)
        except Invalid as invalid:
            faults = invalid.faults
        else:
            what = "permissions" if after.permissions != key.permissions else "unchanged"
            return RedirectResponse(f"{view(here, key).url}/permissions?done={what}", status_code=303)
    return _permissions(here, key, scopes, must_confirm=not confirmed, faults=faults)


async def _overview(
    here: Here, key: IntegrationKey, *, name: str, faults: tuple[Fault, ...] = (), flash: str = ""
) -> Response:
    shown = view(here, key)
    return page(
        "key_overview",
        here.shell,
        key.name,
        "Integrations",
        status=FAILED if faults else 200,
        failed=bool(faults),
        key=shown,
        name=name,
        chart=chart_of(await days(here.m, key.client_id)),
        crumbs=_way(here, key),
        tab_items=_tabs(shown, "Overview"),
        flash_text=flash,
        faults=listed(faults),
        errors=by_field(faults),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        discovery_url=here.discovery_url,
        token_url=here.token_url,
        snippets=examples(
            token_url=here.token_url, audience=key.audience, scope=scope_of(key), client_id=key.client_id
        ),
    )


def _permissions(
    here: Here,
    key: IntegrationKey,
    scopes: Collection[str],
    *,
    must_confirm: bool,
    faults: tuple[Fault, ...] = (),
    flash: str = "",
) -> Response:
    shown = view(here, key)
    targets = {"permissions": first_choice(here.m.catalogue, key.audience)}
    return page(
        "key_permissions",
        here.shell,
        "Permissions",
        key.name,
        "Integrations",
        status=FAILED if faults else 200,
        failed=bool(faults),
        key=shown,
        crumbs=_way(here, key),
        tab_items=_tabs(shown, "Permissions"),
        flash_text=flash,
        faults=listed(faults, targets),
        errors=by_field(faults),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        confirm=must_confirm,
        groups=groups(here.m.catalogue, scopes, audience=key.audience),
    )


def _way(here: Here, key: IntegrationKey) -> tuple[Crumb, ...]:
    return crumbs(here, Crumb("Internal integration keys", here.keys_url), Crumb(key.name))


def _tabs(key: KeyView, current: str) -> tuple[Tab, ...]:
    addresses = (("Overview", key.url), ("Permissions", f"{key.url}/permissions"))
    return tuple(Tab(label, href, label == current) for label, href in addresses)
