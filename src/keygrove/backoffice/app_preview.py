"""S18: how the consent screen of an app looks, as its maker describes it: finished, or still typing."""

from dataclasses import dataclass

from keygrove.backoffice.asked_scopes import Asked, asked_for, not_asked_for, shortened
from keygrove.backoffice.here import Here
from keygrove.management.app_details import AppDetails, known_permissions
from keygrove.management.apps import App
from keygrove.web.asking import AppCard, AskToAllow

_NAMELESS = "Your app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an admin of a company would read, who is asked for all that the app may ask for."""

    name: str
    maker: str
    is_verified: bool
    permissions: tuple[Asked, ...]
    impossible: tuple[str, ...]
    has_policy: bool
    has_terms: bool


def preview_of(here: Here, details: AppDetails, app: App | None = None) -> Preview:
    """The screen for these details, whatever is wrong with them. `app` is the one that they change."""
    catalogue = here.m.catalogue
    needed = known_permissions(here.m, details.permissions)
    optional = known_permissions(here.m, details.optional_permissions)
    apis = (catalogue.api_of(scope) for scope in (*needed, *optional))
    api = next((api for api in apis if api is not None), catalogue.apis[0])
    asked = AskToAllow(
        company_id=here.company.id,
        company=here.company.name,
        audience=api.audience,
        scopes=("openid", *needed, *optional, "offline"),
        new=frozenset(),
        optional=frozenset(optional),
        is_connected=False,
        is_lasting=True,
        lifetime_s=3600,
        has_choice=False,
    )
    name = shortened(details.name) or _NAMELESS
    card = AppCard(
        name=name,
        maker=here.company.name,
        description=details.description,
        is_verified=app is not None and app.verified_at_s is not None,
        is_draft=app is None or app.state in ("draft", "in_review"),
        reasons=details.reasons,
        policy_uri=details.policy_uri or None,
        terms_uri=details.tos_uri or None,
        redirect_uri="",
    )
    return Preview(
        name=name,
        maker=card.maker,
        is_verified=card.is_verified,
        permissions=asked_for(catalogue, asked, card),
        impossible=not_asked_for(catalogue, asked, "the company"),
        has_policy=bool(details.policy_uri.strip()),
        has_terms=bool(details.tos_uri.strip()),
    )
