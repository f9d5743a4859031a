"""An issuer's metadata: OpenID Connect Discovery 1.0 §4, else RFC 8414 §3."""

from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

from keygrove.sdk.http import is_safe_url
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Unreachable, get

_OPENID = "/.well-known/openid-configuration"
_OAUTH = "/.well-known/oauth-authorization-server"

Metadata = dict[str, Any]


def check_issuer(issuer: str) -> str:
    """Return an issuer from configuration as it is. Raises ValueError unless it is a URL we may trust."""
    if not is_safe_url(issuer) or "?" in issuer:
        raise ValueError("the issuer must be an https URL, or an http URL on this machine, without a query")
    return issuer


def discover(issuer: str) -> Generator[HttpRequest, HttpAnswer | None, Metadata]:
    """Fetch the metadata of an issuer. Raises Unreachable.

    The document must name exactly the issuer that was asked (RFC 8414 §3.3), or another issuer's keys could
    be passed off as this one's.
    """
    answer = yield from get(issuer.removesuffix("/") + _OPENID)
    if answer.status in (404, 410):
        answer = yield from get(_inserted(issuer))
    if answer.status != 200:
        raise Unreachable(f"the issuer's metadata answered {answer.status}")
    metadata = answer.json_object()
    if metadata.get("issuer") != issuer:
        slash = _slash(metadata.get("issuer"), issuer)
        raise Unreachable(f"the issuer's metadata names another issuer{slash}")
    return metadata


def endpoint(metadata: Metadata, name: str) -> str:
    """Return an endpoint's URL from metadata. Raises Unreachable when it is missing or not to be trusted."""
    url = metadata.get(name)
    if not isinstance(url, str) or not is_safe_url(url):
        raise Unreachable(f"the issuer's metadata has no usable {name}")
    return url


def _slash(named: object, issuer: str) -> str:
    """Say so if only a slash at the end differs: that is hard to see, and still another issuer."""
    if named == issuer.removesuffix("/"):
        return ", one without the slash at its end"
    return ", one with a slash at its end" if named == f"{issuer}/" else ""


def _inserted(issuer: str) -> str:
    """Put the well-known path between host and path (RFC 8414 §3.1)."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}{_OAUTH}{parts.path.removesuffix('/')}"
