"""Redirect URIs: which ones a client may register, and which one a request may name.

RFC 6749 §3.1.2, RFC 8252 §7 (native apps), RFC 9700 §2.1 and §4.1.3. A request's URI is compared
with the registered ones as a string, so nothing here decodes, resolves or normalizes one.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from keygrove.protocol.client import ApplicationType, Client
from keygrove.protocol.errors import InvalidRedirectUri

MAX_CHARACTERS = 2000
# RFC 3986 §3.3, §3.4: pchar, and what may stand beside it. There is no fragment, not even an empty one.
_PCHAR = r"[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
_PATH = rf"(?P<path>/(?:{_PCHAR}|/)*)"
_QUERY = rf"(?P<query>\?(?:{_PCHAR}|[/?])*)?"
_WEB = re.compile(
    rf"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]+))?{_PATH}?{_QUERY}"
)
# RFC 8252 §7.1: a domain name in reverse, so it has a dot; there is no authority, so one slash only.
_PRIVATE_USE = re.compile(rf"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:(?!//){_PATH}{_QUERY}")
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LOOPBACK_HOSTS = ("127.0.0.1", "[::1]", "localhost")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::[0-9]+)?((?:[/?].*)?)")


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """A redirect URI that is the client's; made by `trust_redirect_uri` only."""

    uri: str

    @property
    def is_claimed(self) -> bool:
        """Whether only the client can receive what is sent there (RFC 8252 §7.2, §8.6).

        True for https, but not on this machine, where any program may listen.
        """
        web = _WEB.fullmatch(self.uri)
        return web is not None and web["scheme"] == "https" and web["host"] not in _LOOPBACK_HOSTS


def trust_redirect_uri(asked: str | None, client: Client) -> RedirectUri:
    """The redirect URI that a request names, once it is known to be the client's.

    It is compared as a string (RFC 9700 §2.1); only a native app's port on loopback may differ
    (RFC 8252 §7.3). It must be named even when the client has registered just one (OIDC Core
    §3.1.2.1). Raises InvalidRedirectUri: nothing may be sent there.
    """
    if asked is None:
        raise InvalidRedirectUri("redirect_uri is missing.")
    native = client.application_type == "native"
    for registered in client.redirect_uris:
        if asked == registered or (native and _differ_in_loopback_port(asked, registered)):
            # What was registered under older rules is held to today's.
            check_redirect_uri(asked, client.application_type)
            return RedirectUri(asked)
    raise InvalidRedirectUri("The redirect_uri is not registered.", detail=f"asked for {asked[:200]!r}")


def check_redirect_uri(uri: str, application_type: ApplicationType) -> None:
    """Raise InvalidRedirectUri, saying why, when a client of this type may not register the URI.

    https goes anywhere, http stays on loopback, and a native app may have a private-use scheme
    that is a domain name in reverse. There is no fragment, no user name, no path with dots, and
    one spelling only: scheme and host in lower case, names in ASCII.
    """
    if len(uri) > MAX_CHARACTERS:
        raise InvalidRedirectUri(f"A redirect URI has at most {MAX_CHARACTERS} characters.")
    if "#" in uri:
        raise InvalidRedirectUri("A redirect URI has no fragment.")
    private = _PRIVATE_USE.fullmatch(uri)
    web = _WEB.fullmatch(uri)
    if private is not None:
        if application_type != "native":
            raise InvalidRedirectUri("Only a native app may register a scheme of its own.")
    elif web is None:
        raise InvalidRedirectUri(
            "Write the redirect URI as https://host/path, host in lower case, without blanks and user name."
        )
    else:
        _check_host(web["host"])
        if web["port"] is not None and not _is_port(web["port"]):
            raise InvalidRedirectUri("The port of the redirect URI is not a number from 1 to 65535.")
        if web["scheme"] == "http" and web["host"] not in _LOOPBACK_HOSTS:
            raise InvalidRedirectUri("Use https; http is for localhost, 127.0.0.1 and [::1] only.")
    match = private or web
    path = (match["path"] or "") if match is not None else ""
    if any(segment.lower().replace("%2e", ".") in (".", "..") for segment in path.split("/")):
        raise InvalidRedirectUri("A redirect URI has no path segment that is one or two dots.")


def _check_host(host: str) -> None:
    try:
        if host.startswith("["):
            if str(IPv6Address(host[1:-1])) != host[1:-1]:
                raise AddressValueError("not its shortest form")
        elif _ENDS_IN_A_NUMBER.fullmatch(host):
            IPv4Address(host)
        elif len(host) > 253 or not _NAME.fullmatch(host):
            raise AddressValueError("not a name")
    except AddressValueError:
        raise InvalidRedirectUri("The host of the redirect URI is neither a name nor an address.") from None


def _is_port(text: str) -> bool:
    """Without leading zeros, 1 to 65535."""
    return text[0] != "0" and int(text) <= 65535


def _differ_in_loopback_port(asked: str, registered: str) -> bool:
    """Whether both are on the same loopback host, with the same path and query (RFC 8252 §7.3)."""
    one, other = _LOOPBACK.fullmatch(asked), _LOOPBACK.fullmatch(registered)
    return one is not None and other is not None and one.groups() == other.groups()
