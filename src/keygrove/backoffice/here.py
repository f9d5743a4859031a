"""Where a request is: the person, the company at hand, what they may do, and the shell around the page."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.rendering import page
from keygrove.backoffice.shell import CompanyLink, PersonCard, Shell, Theme
from keygrove.management.companies import Company, refuse_entry
from keygrove.management.context import Actor, Management
from keygrove.management.errors import NotFound
from keygrove.management.record import require_admin
from keygrove.web.visits import Stranger, Visit, management, remember, signed_in, stranger

THEME_COOKIE = "keygrove_theme"
_ROLES = {"admin": "Admin", "auditor": "Auditor"}

# What was just done, said after the redirect. Only the code travels in the address.
_DONE = {
    "signed-out": "You are signed out.",
    "signed-out-there": "That browser is signed out.",
    "signed-out-elsewhere": "You are signed out everywhere else.",
    "password-changed": "Your password is changed. You are signed out everywhere else.",
    "password-reset": "Your password is changed. Sign in with the new one.",
    "renamed": "The name is changed.",
    "permissions": "The permissions are changed. New tokens follow at once.",
    "unchanged": "Nothing was changed.",
    "removed": "The key is removed. Its next token request is refused.",
    "app-registered": "The app is registered, as a draft.",
    "app-saved": "The changes are saved.",
    "app-submitted": "The app is submitted. The operator reviews it.",
    "app-withdrawn": "The app is a draft again. You can change it now.",
    "app-removed": "The app is removed. Its next token request is refused.",
    "disconnected": "The app is disconnected. It gets no more tokens for this company.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """A signed-in person in one of their companies."""

    m: Management
    visit: Visit
    company: Company
    actor: Actor
    shell: Shell

    @property
    def integrations_url(self) -> str:
        """The address of Settings: Integrations."""
        return f"{self.shell.base}/settings/integrations"

    @property
    def keys_url(self) -> str:
        """The address of the key list."""
        return f"{self.integrations_url}/keys"

    @property
    def apps_url(self) -> str:
        """The address of the apps that the company makes."""
        return f"{self.shell.base}/settings/apps"

    @property
    def may_change(self) -> bool:
        """Whether the person may create, change and remove keys and apps."""
        return self.actor.role == "admin"

    @property
    def whom_to_ask(self) -> str:
        """Who can do what this person may not."""
        return f"an admin of {self.company.name}"

    @property
    def must_confirm(self) -> bool:
        """Whether the last sign-in is too long ago for a change that matters."""
        return not self.visit.session.is_recent(self.m.now())

    async def require_admin(self, action: str, target_id: str) -> None:
        """Return for an admin. Raises Forbidden for anybody else, and records what they tried."""
        await require_admin(self.m, self.actor, action, target_id=target_id, company_id=self.company.id)

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.m.issuer}/oauth2/token"

    @property
    def discovery_url(self) -> str:
        """The discovery document."""
        return f"{self.m.issuer}/.well-known/openid-configuration"


async def enter(request: Request) -> Here:
    """The company in the request's path. Raises SignInNeeded, and NotFound for a company of others too."""
    visit, slug = await signed_in(request), request.path_params["slug"]
    try:
        company, actor = visit.company(slug)
    except NotFound:
        await refuse_entry(management(request), visit.as_outsider(), slug)
        raise
    return Here(
        m=management(request),
        visit=visit,
        company=company,
        actor=actor,
        shell=visit_shell(request, visit, company=company),
    )


def done(request: Request) -> str:
    """The words for what was just done, if anything."""
    return _DONE.get(request.query_params.get("done", ""), "")


def theme(request: Request) -> Theme:
    """The theme that the visitor chose; empty to follow the system."""
    match request.cookies.get(THEME_COOKIE):
        case "light":
            return "light"
        case "dark":
            return "dark"
        case _:
            return ""


def visit_shell(request: Request, visit: Visit, *, company: Company | None = None) -> Shell:
    """The shell around a page for somebody who is signed in."""
    links = companies_of(visit)
    current = next((link for link in links if company is not None and link.slug == company.slug), None)
    person = visit.session.person
    role = f"{current.role} of {current.name}" if current is not None else ""
    return Shell(
        platform=management(request).platform_name,
        path=request.url.path,
        request_id=visit.request_id,
        theme=theme(request),
        form_token=visit.form_token,
        person=PersonCard(person.name, person.email, role),
        company=current,
        companies=links,
    )


def stranger_shell(request: Request, visitor: Stranger) -> Shell:
    """The shell around a page for somebody who is not signed in."""
    return Shell(
        platform=management(request).platform_name,
        path=request.url.path,
        request_id=request.state.request_id,
        theme=theme(request),
        form_token=visitor.form_token,
    )


def stranger_page(request: Request, template: str, *title: str, **values: Any) -> Response:
    """A page for a visitor who is not signed in, with the cookie that makes its forms work (see `page`)."""
    visitor = stranger(request)
    response = page(template, stranger_shell(request, visitor), *title, **values)
    remember(response, request, visitor)
    return response


def companies_of(visit: Visit) -> tuple[CompanyLink, ...]:
    """The person's companies."""
    return tuple(
        CompanyLink(
            membership.company.slug, membership.company.name, _ROLES.get(membership.role, membership.role)
        )
        for membership in visit.session.memberships
    )
