"""CORS at the endpoints that a public client asks from its pages: token, revocation, pushed requests.

No cookie counts there, so nothing is at stake but what the answer says: errors are for everybody, and a
success is for the pages of the client itself.
"""

from collections.abc import Mapping
from dataclasses import replace

from keygrove.protocol.client import Client
from keygrove.protocol.cross_origin import may_read
from keygrove.protocol.errors import OAuthError
from keygrove.protocol.message import Request, Response

_ALLOW_ORIGIN = "access-control-allow-origin"
_ERRORS = {_ALLOW_ORIGIN: "*", "access-control-expose-headers": "retry-after, www-authenticate"}
PREFLIGHT = Response(
    204,
    (
        (_ALLOW_ORIGIN, "*"),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "3600"),
    ),
    b"",
)


def errors_are_readable(_error: OAuthError) -> Mapping[str, str]:
    """What goes with an error: every page may read it, or whoever writes one never learns what is wrong."""
    return _ERRORS


def is_preflight(request: Request) -> bool:
    """Whether a browser asks what a page may send (Fetch §4.8)."""
    return request.method == "OPTIONS" and any(
        name == "access-control-request-method" for name, _ in request.headers
    )


def readable(response: Response, request: Request, client: Client) -> Response:
    """A success of a public client, which the page that asked may read if it is the client's."""
    origin = next((value for name, value in request.headers if name == "origin"), None)
    if origin is None or not may_read(client, origin):
        return response
    return replace(response, headers=(*response.headers, (_ALLOW_ORIGIN, origin), ("vary", "origin")))
