"""/ui-kit: every component in all its states, for who builds pages and for the tests that look at them."""

from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.examples import examples
from keygrove.backoffice.faults import Listed
from keygrove.backoffice.here import visit_shell
from keygrove.backoffice.key_detail import Tab
from keygrove.backoffice.keys import Crumb
from keygrove.backoffice.permissions import app_groups, groups
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import moment
from keygrove.backoffice.usage import chart_of, use_of
from keygrove.management.catalogue import SAMPLE
from keygrove.management.usage import Day, LastUse
from keygrove.web.visits import management, signed_in

_NOON_S = 1_795_780_800
_SCOPES = SAMPLE.scopes()
_ISSUED = "0 0 0 2 5 4 6 1 0 7 9 8 11 10 2 1 12 14 9 13 11 3 2 15 17 12 16 14 4 6"
_REFUSED = {5: 1, 16: 6, 17: 2, 24: 1}
_FIRST_S = _NOON_S - 43_200 - 29 * 86_400
_DAYS = tuple(
    Day(_FIRST_S + place * 86_400, int(issued), _REFUSED.get(place, 0))
    for place, issued in enumerate(_ISSUED.split())
)
_USE = LastUse(at_s=_NOON_S, address="203.0.113.7", user_agent="My-Company/Marketing-Automation-App 4.2")


async def ui_kit_page(request: Request) -> Response:
    """GET /ui-kit. Raises SignInNeeded."""
    visit = await signed_in(request)
    m = management(request)
    picker = groups(SAMPLE, (_SCOPES[0], _SCOPES[1], _SCOPES[-2]))
    return page(
        "ui_kit",
        visit_shell(request, visit),
        "Components",
        rows=picker[0].rows,
        app_rows=app_groups(SAMPLE, ("profile", "email"), {"profile": "Greets you."}, explain=True)[-1].rows,
        scopes=_SCOPES,
        when=moment(_NOON_S, _NOON_S + 190),
        none=None,
        use=use_of(_USE, _NOON_S + 190),
        chart=chart_of(_DAYS),
        tab_items=(Tab("Overview", "/ui-kit", True), Tab("Permissions", "/ui-kit", False)),
        crumbs=(Crumb("Integrations", "/ui-kit"), Crumb("Components")),
        faults=(
            Listed("Enter a name.", "kit-wrong"),
            Listed("Choose at least one permission.", "kit-choice"),
        ),
        snippets=examples(
            token_url=f"{m.issuer}/oauth2/token",
            audience=SAMPLE.apis[0].audience,
            scope="openid marketing.read",
            client_id="kg_ci_0000000000000000000000000000",
        ),
    )
