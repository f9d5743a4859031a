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
_METHODS = "GET, HEAD, OPTIONS"


def documents(server: AuthorizationServer) -> dict[str, bytes]:
    """Every public document by its path, as the bytes that are served."""
    scopes = sorted({scope for api in server.policy.apis.values() for scope in api.scopes})
    algorithms = sorted({key["alg"] for key in server.keyring.jwks()["keys"]})
    metadata = _encode(discovery_document(server.policy.issuer, scopes, algorithms))
    return {
        OPENID_CONFIGURATION: metadata,
        AUTHORIZATION_SERVER: metadata,
        JWKS_PATH: _encode(server.keyring.jwks()),
    }


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
