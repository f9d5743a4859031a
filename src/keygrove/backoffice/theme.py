"""Light, dark, or as the system has it: kept in a cookie, so that a page is right from its first byte."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keygrove.backoffice.here import THEME_COOKIE
from keygrove.web.forms import read_form
from keygrove.web.visits import management, own_path

_YEAR_S = 365 * 24 * 3600


async def choose_theme(request: Request) -> Response:
    """POST /theme: keep the choice and go back. Raises CrossSite."""
    form = await read_form(request, strangers=True)
    response = RedirectResponse(own_path(form.one("back")), status_code=303)
    choice = form.one("theme")
    if choice in ("light", "dark"):
        response.set_cookie(
            THEME_COOKIE,
            choice,
            max_age=_YEAR_S,
            path="/",
            httponly=True,
            samesite="lax",
            secure=management(request).issuer.startswith("https://"),
        )
    else:
        response.delete_cookie(THEME_COOKIE, path="/")
    return response
