"""S03: where a person starts, and the choice between companies."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.here import companies_of, visit_shell
from keygrove.backoffice.rendering import page
from keygrove.web.visits import signed_in


async def start(request: Request) -> Response:
    """GET /. Straight to the only company, or the list of them. Raises SignInNeeded."""
    visit = await signed_in(request)
    links = companies_of(visit)
    if len(links) == 1:
        return RedirectResponse(f"/c/{links[0].slug}/settings/integrations", status_code=303)
    return page("companies", visit_shell(request, visit), "Companies", companies=links)
