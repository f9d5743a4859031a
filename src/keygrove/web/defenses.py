"""What every page request passes: a sane host, a request id, security headers, an access log line."""

import logging
import re
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from keygrove.web.adapter import Callee, Receive, Scope, Send, address_of, request_id

log = logging.getLogger("keygrove.http")

MAX_HEAD_BYTES = 16 * 1024
MAX_TARGET_BYTES = 12 * 1024
MAX_HEADERS = 100
# Those whose connections end with a header, and those where that header is forbidden (RFC 9113 §8.2.2).
_CLOSING = ("1.0", "1.1")
_VERSIONS = (*_CLOSING, "2", "3")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


def letting_forms_reach(uri: str) -> str:
    """The content security policy of a page whose form leads to `uri`, at once or by a redirect.

    Browsers of the Chromium family hold every redirect after a form post to `form-action`, also those that
    the app itself answers with, to whichever host of its own. So all of https is let through, or the app's
    scheme; plain http only for an app that is being developed on the visitor's machine.
    """
    scheme = urlsplit(uri).scheme
    sources = f"{scheme}:" if scheme == "https" else f"{scheme}: https:"
    return CSP.replace("form-action 'self'", f"form-action 'self' {sources}")


_HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def defended(app: Callee, *, over_tls: bool) -> Callee:
    """Wrap an application of pages. `over_tls`: browsers are told to come by HTTPS only."""
    headers = (*_HEADERS, _HSTS) if over_tls else _HEADERS

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        number, started, status = request_id(scope), time.perf_counter(), 500

        async def send_defended(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                added = [header for header in headers if header[0] not in present]
                if b"cache-control" not in present:
                    added.append((b"cache-control", b"no-store"))
                if b"x-request-id" not in present:
                    added.append((b"x-request-id", number.encode()))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        try:
            await app(scope, receive, send_defended)
        finally:
            # A page has some twenty files of its own: news only where one is missing.
            is_file = scope["path"].startswith("/static/") and status < 400
            log.log(
                logging.DEBUG if is_file else logging.INFO,
                "request",
                extra={
                    "request_id": number,
                    "method": scope["method"][:16],
                    "route": _route(scope),
                    "status": status,
                    "dur_ms": round((time.perf_counter() - started) * 1000, 1),
                    "ip": address_of(scope),
                },
            )

    return call


def refusal(scope: Scope) -> int | None:
    """The status that refuses a request for its head alone; None when the head is sane.

    400 unless it is of a version of HTTP that we know, names its host exactly once, well formed (RFC 9112
    §3.2), and has no NUL in its target, which names nothing and which databases refuse; 414 when its target
    is too long (RFC 9110 §15.5.15); 431 when its headers are too large (RFC 6585 §5). Of HTTP/2 and 3 an ASGI
    server passes on the `:authority` as the host header.
    """
    if scope["http_version"] not in _VERSIONS:
        return 400
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return 400
    # A server need not pass on the path as it was sent.
    if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        return 414
    hosts = size = 0
    headers = scope["headers"]
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"host":
            hosts += 1 if _HOST.fullmatch(value) else 2
    if size > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        return 431
    return None if hosts == 1 else 400


async def send_bare_status(scope: Scope, send: Send, status: int) -> None:
    """Answer with a bare status, and end a connection of HTTP/1."""
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", b"2"),
    ]
    if scope["http_version"] in _CLOSING:
        headers.append((b"connection", b"close"))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def _route(scope: Scope) -> str:
    """The path without its query: tokens may travel there."""
    path: str = scope["path"]
    return path[:200]
