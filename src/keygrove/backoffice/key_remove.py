"""S11: remove a key, after one plain question."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.faults import FAILED, by_field, confirmation_faults, listed
from keygrove.backoffice.here import Here
from keygrove.backoffice.key_detail import find
from keygrove.backoffice.keys import Crumb, crumbs, view
from keygrove.backoffice.rendering import page
from keygrove.management.errors import Fault
from keygrove.management.integrations import IntegrationKey, remove_key
from keygrove.web.forms import read_form


async def remove_page(request: Request) -> Response:
    """GET …/keys/{client_id}/remove. Raises SignInNeeded, NotFound."""
    here, key = await find(request)
    return _form(here, key)


async def remove_now(request: Request) -> Response:
    """POST …/keys/{client_id}/remove. Raises SignInNeeded, NotFound, Forbidden, CrossSite."""
    here, key = await find(request)
    form = await read_form(request)
    await here.require_admin("key.removed", key.client_id)
    faults = await confirmation_faults(here, form)
    if faults:
        return _form(here, key, faults)
    await remove_key(here.m, here.actor, here.company.id, key.client_id)
    return RedirectResponse(f"{here.keys_url}?done=removed", status_code=303)


def _form(here: Here, key: IntegrationKey, faults: tuple[Fault, ...] = ()) -> Response:
    shown = view(here, key)
    way = (
        Crumb("Internal integration keys", here.keys_url),
        Crumb(key.name, shown.url),
        Crumb("Remove"),
    )
    return page(
        "key_remove",
        here.shell,
        "Remove",
        key.name,
        "Integrations",
        status=FAILED if faults else 200,
        failed=bool(faults),
        key=shown,
        crumbs=crumbs(here, *way),
        faults=listed(faults),
        errors=by_field(faults),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        confirm=here.must_confirm,
    )
