"""How the authorization endpoint answers the client: through the person's browser, in one of three ways.

RFC 6749 §4.1.2 (query), OAuth 2.0 Multiple Response Types §2.1 (fragment), OAuth 2.0 Form Post Response
Mode, and `iss` in every answer (RFC 9207 §2).
"""

from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import quote

from keygrove.protocol.errors import OAuthError
from keygrove.protocol.redirect import RedirectUri

ResponseMode = Literal["query", "fragment", "form_post"]
RESPONSE_MODES: tuple[ResponseMode, ...] = get_args(ResponseMode)


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where and how a request is answered, and the client's `state`, which goes back as it came."""

    redirect_uri: RedirectUri
    response_mode: ResponseMode = "query"
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Redirection:
    """Send the browser to this location, ASCII only, with 303 and never with 307 (RFC 9700 §4.12)."""

    location: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FormPost:
    """Have the browser post these fields, as they are, to `action`."""

    action: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)


def send_code(back: ReturnAddress, code: str, issuer: str) -> Redirection | FormPost:
    """The answer that carries a code (RFC 6749 §4.1.2)."""
    return _send(back, {"code": code}, issuer)


def send_error(back: ReturnAddress, error: OAuthError, issuer: str) -> Redirection | FormPost:
    """The answer that carries an error (RFC 6749 §4.1.2.1); its private detail stays here."""
    return _send(back, {"error": error.code, "error_description": error.description}, issuer)


def _send(back: ReturnAddress, members: dict[str, str], issuer: str) -> Redirection | FormPost:
    if back.state is not None:
        members["state"] = back.state
    members["iss"] = issuer
    uri = back.redirect_uri.uri
    if back.response_mode == "form_post":
        return FormPost(uri, tuple(members.items()))
    if back.response_mode == "fragment":
        return Redirection(f"{uri}#{encode(members)}")
    return Redirection(add_to_query(uri, members) + "#")


def add_to_query(uri: str, members: dict[str, str]) -> str:
    """The URI with members added to its query, which is kept (RFC 6749 §3.1.2). It has no fragment."""
    joint = "?" if "?" not in uri else "" if uri.endswith(("?", "&")) else "&"
    return f"{uri}{joint}{encode(members)}"


def encode(members: dict[str, str]) -> str:
    """Form encoding with %20 for blanks, which decodes alike everywhere (RFC 6749 App. B)."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in members.items())
