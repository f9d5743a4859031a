"""Protocol errors as HTTP responses (RFC 6749 §5.2)."""

from collections.abc import Mapping

import msgspec

from keygrove.protocol.errors import (
    InvalidClient,
    MethodNotAllowed,
    OAuthError,
    TemporarilyUnavailable,
    TooManyFailures,
)
from keygrove.protocol.message import Response

RETRY_AFTER_S = 1
# Of every JSON answer that must not be stored (RFC 6749 §5.1).
_HEADERS = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("pragma", "no-cache"),
    ("x-content-type-options", "nosniff"),
)
_encode_json = msgspec.json.Encoder().encode


def json_response(
    body: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that must not be stored (RFC 6749 §5.1)."""
    all_headers = (*_HEADERS, *headers.items()) if headers else _HEADERS
    return Response(status, all_headers, _encode_json(body))


def error_response(
    error: OAuthError, *, request_id: str, headers_beside: Mapping[str, str] | None = None
) -> Response:
    """The answer to a refused request. The error's private detail stays here.

    `headers_beside` are the endpoint's own, and win.
    """
    headers = {}
    if isinstance(error, InvalidClient) and error.challenge:
        headers["www-authenticate"] = 'Basic realm="keygrove", charset="UTF-8"'
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = "POST"
    if isinstance(error, TooManyFailures):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, TemporarilyUnavailable):
        headers["retry-after"] = str(RETRY_AFTER_S)
    if error.status == 413:
        headers["connection"] = "close"
    body = {"error": error.code, "error_description": error.description, "request_id": request_id}
    return json_response(body, status=error.status, headers=headers | dict(headers_beside or {}))
