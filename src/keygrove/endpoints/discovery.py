"""The documents under /.well-known: RFC 8414, OpenID Connect Discovery 1.0, and the keys (RFC 7517)."""

import json
from collections.abc import Mapping
from hashlib import sha256

from keygrove.endpoints.context import AuthorizationServer
from keygrove.protocol.message import Request, Response
from keygrove.protocol.metadata import (
    AUTHORIZATION_SERVER,
    JWKS_PATH,
    OPENID_CONFIGURATION,
    discovery_document,
)

MAX_AGE_S = 3600
PATHS = (OPENID_CONFIGURATION, AUTHORIZATION_SERVER, JWKS_PATH)
_METHODS = "GET, HEAD, OPTIONS"


class Documents:
    """Every public document as the bytes that are served; made anew when the published keys change."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self._scopes = sorted({scope for api in server.policy.apis.values() for scope in api.scopes})
        self._kids: tuple[str, ...] = ()
        self._by_path: dict[str, bytes] = {}

    def at(self, path: str) -> bytes:
        """The document at one of PATHS, as it is now."""
        keyring, now = self._server.keyring(), int(self._server.clock())
        kids = tuple([key.kid for key in keyring.published(now)])
        if kids != self._kids:
            metadata = discovery_document(self._server.policy.issuer, self._scopes)
            self._by_path = {
                OPENID_CONFIGURATION: _encode(metadata),
                AUTHORIZATION_SERVER: _encode(metadata),
                JWKS_PATH: _encode(keyring.jwks(now)),
            }
            self._kids = kids
        return self._by_path[path]


def serve(document: bytes, request: Request) -> Response:
    """Answer a request for a public document: cacheable, readable from every origin, never in parts."""
    etag = f'"{sha256(document).hexdigest()[:32]}"'
    headers = (
        ("content-type", "application/json"),
        ("cache-control", f"public, max-age={MAX_AGE_S}"),
        ("etag", etag),
        ("access-control-allow-origin", "*"),
        ("x-content-type-options", "nosniff"),
    )
    if request.method == "OPTIONS":
        preflight = (("access-control-allow-methods", _METHODS), ("access-control-max-age", str(MAX_AGE_S)))
        return Response(204, (*headers[3:], *preflight), b"")
    if request.method not in ("GET", "HEAD"):
        return Response(405, (("allow", _METHODS), ("cache-control", "no-store")), b"")
    asked = [value for name, value in request.headers if name == "if-none-match"]
    if _matches(etag, ",".join(asked)):
        return Response(304, headers[1:], b"")
    return Response(200, headers, document)


def _matches(etag: str, if_none_match: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags


def _encode(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
