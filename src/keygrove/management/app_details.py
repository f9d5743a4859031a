"""What the maker of an app says about it, and what must be true of that (RFC 7591 §2)."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from keygrove.management.app_keys import check_jwks, key_ids
from keygrove.management.context import Management
from keygrove.management.errors import Fault, Invalid
from keygrove.management.integrations import choose_permissions
from keygrove.management.names import clean_name
from keygrove.management.people import is_email_address
from keygrove.protocol.backchannel_logout import check_logout_uri
from keygrove.protocol.client import ApplicationType
from keygrove.protocol.errors import InvalidRedirectUri
from keygrove.protocol.redirect import check_redirect_uri
from keygrove.protocol.scope import OFFLINE, OPENID, PERSON, Scope
from keygrove.storage.apps import App

T = TypeVar("T")
MAX_REDIRECT_URIS = 20
DESCRIPTION_CHARACTERS = 300
REASON_CHARACTERS = 200
NEEDS_PERMISSION = "Choose at least one permission."
# Every app may ask for these; they need no registration.
_OPEN_TO_ALL = OFFLINE | {OPENID}
_FRAGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
_PAGE = "Enter an address that begins with https://, such as https://example.com/{}."


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDetails:
    """What is said about an app, as it was entered: nothing is checked yet.

    `permissions` are scopes of one API, `profile` and `email`; `optional_permissions` those of them that the
    app does without unless it asks. `reasons` say why, by scope. `jwks` is what an app signs with that was
    registered so (RFC 7523), a JSON Web Key Set.
    """

    name: str
    permissions: Sequence[str]
    redirect_uris: Sequence[str]
    optional_permissions: Sequence[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    owner: str = ""
    contact_email: str = ""
    require_pkce: bool = True
    post_logout_redirect_uris: Sequence[str] = ()
    backchannel_logout_uri: str = ""
    jwks: str = ""


def described(m: Management, app: App, details: AppDetails) -> App:
    """The app as the details describe it; writing brings reading along.

    Raises Invalid with every fault at once, by the names of the details.
    """
    faults: list[Fault] = []

    def tried(work: Callable[[], T], instead: T) -> T:
        try:
            return work()
        except Invalid as invalid:
            faults.extend(invalid.faults)
            return instead

    kind = app.application_type
    name = tried(lambda: clean_name(details.name, field="name", shortest=3), app.name)
    audience, scope, optional = tried(lambda: _permissions(m, details), (app.audience, app.scope, Scope()))
    asked = (*scope.tokens, *optional.tokens)
    after = replace(
        app,
        name=name,
        audience=audience,
        scope=scope,
        optional_scope=optional,
        reasons=tried(lambda: _reasons(details.reasons, asked), {}),
        redirect_uris=tried(lambda: _redirect_uris(details.redirect_uris, kind), ()),
        description=tried(lambda: _text(details.description, "description", DESCRIPTION_CHARACTERS), ""),
        logo_uri=tried(lambda: _page(details.logo_uri, "logo_uri", "logo.svg"), None),
        policy_uri=tried(lambda: _page(details.policy_uri, "policy_uri", "privacy"), None),
        tos_uri=tried(lambda: _page(details.tos_uri, "tos_uri", "terms"), None),
        owner=tried(lambda: _text(details.owner, "owner", 80), ""),
        contact_email=tried(lambda: _email(details.contact_email), ""),
        require_pkce=app.public or details.require_pkce,
        post_logout_redirect_uris=tried(
            lambda: _uris(details.post_logout_redirect_uris, "post_logout_redirect_uris", kind), ()
        ),
        backchannel_logout_uri=tried(lambda: _told_at(details.backchannel_logout_uri), None),
        jwks=tried(lambda: _jwks(app, details.jwks), app.jwks),
        updated_at_s=m.now(),
    )
    if faults:
        raise Invalid(*faults)
    return after


def details_of(app: App) -> AppDetails:
    """The app's details as a form shows them."""
    return AppDetails(
        name=app.name,
        permissions=app.scope.tokens,
        optional_permissions=app.optional_scope.tokens,
        redirect_uris=app.redirect_uris,
        reasons=app.reasons,
        description=app.description,
        logo_uri=app.logo_uri or "",
        policy_uri=app.policy_uri or "",
        tos_uri=app.tos_uri or "",
        owner=app.owner,
        contact_email=app.contact_email,
        require_pkce=app.require_pkce,
        post_logout_redirect_uris=app.post_logout_redirect_uris,
        backchannel_logout_uri=app.backchannel_logout_uri or "",
        jwks=app.jwks or "",
    )


def known_permissions(m: Management, scopes: Iterable[str]) -> tuple[str, ...]:
    """Those of the scopes that an app may ask for, of whatever API."""
    known = PERSON.union(m.catalogue.scopes())
    return tuple(scope for scope in scopes if scope in known)


def said(app: App) -> dict[str, object]:
    """What is said about an app, as the journal keeps it: keys by their ids."""
    return {**asdict(details_of(app)), "jwks": key_ids(app.jwks)}


def revision_of(app: App) -> str:
    """A name for what is said about the app at this moment: whatever changes, so does the name.

    Whole: if it were short, its maker could look for a harmless and a harmful app that share it.
    """
    text = json.dumps(asdict(details_of(app)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def missing_for_review(app: App) -> tuple[Fault, ...]:
    """What the app still lacks before an operator can review it."""
    permissions = (*app.scope.tokens, *app.optional_scope.tokens)
    explained = all(app.reasons.get(scope) for scope in permissions)
    texts = (
        ("description", app.description, "Say what the app does."),
        ("reasons", explained, "Give a reason for each permission."),
        ("policy_uri", app.policy_uri, "Give the address of your privacy policy."),
        ("tos_uri", app.tos_uri, "Give the address of your terms."),
        ("owner", app.owner, "Say who looks after the app."),
        ("contact_email", app.contact_email, "Give an e-mail address that the operator can write to."),
    )
    return tuple(Fault(name, message) for name, value, message in texts if not value)


def _permissions(m: Management, details: AppDetails) -> tuple[str, Scope, Scope]:
    """The API, what the app always asks for, and what it may ask for besides."""
    needed, optional = set(details.permissions), set(details.optional_permissions)
    person = tuple(scope for scope in ("profile", "email") if scope in needed | optional)
    beyond = [*details.permissions, *details.optional_permissions]
    of_api = [scope for scope in beyond if scope not in PERSON | _OPEN_TO_ALL]
    if not of_api and not person:
        raise Invalid(Fault("permissions", NEEDS_PERMISSION))
    # Without a permission of an API the audience stands for who may ask about its tokens, no more.
    audience, complete = m.catalogue.apis[0].audience, tuple[str, ...]()
    if of_api:
        api, complete = choose_permissions(m, of_api)
        audience = api.audience
        needed = set(api.complete(scope for scope in of_api if scope in needed)) | needed
    everything = (*complete, *person)
    return (
        audience,
        Scope.of(scope for scope in everything if scope in needed),
        Scope.of(scope for scope in everything if scope not in needed),
    )


def _reasons(reasons: Mapping[str, str], asked: Iterable[str]) -> dict[str, str]:
    """The reasons of what is asked for, without empty ones."""
    cleaned = {scope: _text(reasons.get(scope, ""), "reasons", REASON_CHARACTERS) for scope in asked}
    return {scope: reason for scope, reason in cleaned.items() if reason}


def _redirect_uris(given: Sequence[str], kind: ApplicationType) -> tuple[str, ...]:
    uris = _uris(given, "redirect_uris", kind)
    if not uris:
        raise Invalid(Fault("redirect_uris", "Enter at least one redirect URI."))
    return uris


def _uris(given: Sequence[str], field: str, kind: ApplicationType) -> tuple[str, ...]:
    """The URIs, each once. Raises Invalid for the first that cannot be registered, saying which."""
    uris = tuple(dict.fromkeys(uri.strip() for uri in given if uri.strip()))
    if len(uris) > MAX_REDIRECT_URIS:
        raise Invalid(Fault(field, f"Enter at most {MAX_REDIRECT_URIS} addresses."))
    for number, uri in enumerate(uris, start=1):
        try:
            check_redirect_uri(uri, kind)
        except InvalidRedirectUri as error:
            which = f"Line {number}: " if len(uris) > 1 else ""
            raise Invalid(Fault(field, which + error.description)) from None
    return uris


def _page(text: str, field: str, example: str) -> str | None:
    """The address of a page, None for nothing. It follows the rules of redirect URIs, but for a fragment."""
    text = text.strip()
    if not text:
        return None
    address, _, fragment = text.partition("#")
    try:
        check_redirect_uri(address, "web")
    except InvalidRedirectUri:
        raise Invalid(Fault(field, _PAGE.format(example))) from None
    if not _FRAGMENT.fullmatch(fragment):
        raise Invalid(Fault(field, _PAGE.format(example)))
    return text


def _jwks(app: App, text: str) -> str | None:
    """The key set of an app that signs; how an app proves itself is settled when it is registered."""
    if app.jwks is not None:
        return check_jwks(text)
    if text:
        raise Invalid(Fault("jwks", "This app doesn't sign. Register one that does, with its keys."))
    return None


def _told_at(text: str) -> str | None:
    """Where the app is told of sign-outs, None for nothing (OIDC Back-Channel Logout §2.2)."""
    text = text.strip()
    if not text:
        return None
    try:
        check_logout_uri(text)
    except InvalidRedirectUri:
        wrong = f"{_PAGE.format('logout')} It has no # part." if "#" in text else _PAGE.format("logout")
        raise Invalid(Fault("backchannel_logout_uri", wrong)) from None
    return text


def _text(text: str, field: str, longest: int) -> str:
    """One line of words, empty for nothing. Line breaks are blanks."""
    words = " ".join(text.split())
    return clean_name(words, field=field, longest=longest) if words else ""


def _email(text: str) -> str:
    text = text.strip()
    if text and not is_email_address(text):
        raise Invalid(Fault("contact_email", "Enter an e-mail address, such as name@example.com."))
    return text
