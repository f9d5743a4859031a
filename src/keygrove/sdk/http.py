"""HTTP by the standard library, with a limit on time, on size and on where it may go.

Redirects are not followed: no endpoint in an issuer's metadata has a reason to redirect, and following one
would send a secret, or trust keys, where nobody configured it.
"""

import http.client
import ipaddress
import time
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import urlsplit

from keygrove.sdk.steps import HttpAnswer, HttpRequest, Unreachable

TIMEOUT_S = 3.0
MAX_BYTES = 512 * 1024
_CHUNK = 64 * 1024


def is_safe_url(url: object) -> bool:
    """Tell whether a URL may carry secrets and keys: https, or http that does not leave this machine."""
    if not isinstance(url, str) or not url.isascii() or any(c <= " " or c in '\\"<>\x7f' for c in url):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a bad port raises
    except ValueError:
        return False
    if not host or parts.fragment or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def fetch(request: HttpRequest, *, timeout_s: float = TIMEOUT_S, max_bytes: int = MAX_BYTES) -> HttpAnswer:
    """Send a request and read its answer whole, whatever the status. Raises Unreachable."""
    deadline = time.monotonic() + timeout_s
    outgoing = urllib.request.Request(  # noqa: S310 - is_safe_url admits http and https only
        request.url, data=request.body, headers=dict(request.headers), method=request.method
    )
    try:
        with _opener(request.url).open(outgoing, timeout=timeout_s) as answer:
            return _read(answer, deadline, max_bytes)
    except urllib.error.HTTPError as error:  # an answer too, only with a status that urllib dislikes
        with error:
            return _read(error, deadline, max_bytes)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(f"{urlsplit(request.url).hostname}: {_reason(error)}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: urllib then treats the redirect as the answer."""


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if _is_loopback(urlsplit(url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))  # a proxy is for what is elsewhere
    return urllib.request.build_opener(*handlers)


def _read(answer: http.client.HTTPResponse | IO[bytes], deadline: float, max_bytes: int) -> HttpAnswer:
    """Read in pieces, so that neither an endless nor a dripping body holds us."""
    body = bytearray()
    try:
        while piece := answer.read1(_CHUNK):  # type: ignore[union-attr]
            body += piece
            if len(body) > max_bytes:
                raise Unreachable("the answer is too large")
            if time.monotonic() > deadline:
                raise Unreachable("the answer is too slow")
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"the answer broke off: {_reason(error)}") from error
    headers = {name.lower(): value for name, value in answer.headers.items()}  # type: ignore[union-attr]
    return HttpAnswer(status=answer.status, headers=headers, body=bytes(body))  # type: ignore[union-attr]


def _reason(error: Exception) -> str:
    """What went wrong, in the words of the system or of TLS: they know nothing of what was sent."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    cause = inner if isinstance(inner, Exception) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return "timed out" if isinstance(cause, TimeoutError) else type(cause).__name__


def _is_loopback(host: str) -> bool:
    """Compare by address or by the one reserved name (RFC 6761 §6.3), never by looking a name up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
