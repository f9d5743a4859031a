"""S04: Settings: Integrations."""

from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.connected_apps import view
from keygrove.backoffice.here import done, enter
from keygrove.backoffice.rendering import page
from keygrove.management.connected_apps import list_connected


async def integrations_page(request: Request) -> Response:
    """GET …/settings/integrations. Raises SignInNeeded, NotFound."""
    here = await enter(request)
    return page(
        "integrations",
        here.shell,
        "Settings: Integrations",
        apps=tuple(view(here, app) for app in await list_connected(here.m, here.company.id)),
        flash_text=done(request),
        discovery_url=here.discovery_url,
        token_url=here.token_url,
    )
