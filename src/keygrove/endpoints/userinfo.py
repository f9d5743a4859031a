"""The userinfo endpoint, GET or POST /userinfo (OpenID Connect Core §5.3, RFC 6750)."""

from collections.abc import Mapping

from keygrove.endpoints.answers import json_response
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.exchange import Exchange
from keygrove.endpoints.grants import find_person, find_what_token_names, read_access_token
from keygrove.protocol.bearer import challenge, read_bearer
from keygrove.protocol.errors import MethodNotAllowed, OAuthError
from keygrove.protocol.message import Request, Response
from keygrove.protocol.userinfo import userinfo as decide

METHODS = "GET, HEAD, POST, OPTIONS"
# Programs in browsers ask too (OIDC Core §5.3). A bearer token is no cookie, so every origin may.
_CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "www-authenticate"}
_PREFLIGHT = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", METHODS),
    ("access-control-allow-headers", "authorization"),
    ("access-control-max-age", "3600"),
)


async def userinfo(server: AuthorizationServer, request: Request) -> Response:
    """Answer with the claims about the token's person, or with the error of RFC 6750 §3.1. Raises nothing."""
    return await Exchange(server, request, "userinfo", headers_of).answer(_userinfo)


def headers_of(error: OAuthError) -> Mapping[str, str]:
    """What goes with an error: the challenge, which a program in a browser may read (RFC 6750 §3)."""
    if error.status == 405:
        return _CORS | {"allow": METHODS}
    return _CORS | {"www-authenticate": challenge(error)} if error.status < 500 else _CORS


async def _userinfo(exchange: Exchange) -> Response:
    server, request = exchange.server, exchange.request
    if request.method == "OPTIONS":
        return Response(204, _PREFLIGHT, b"")
    if request.method not in METHODS.split(", "):
        raise MethodNotAllowed("Send a GET or a POST request.")
    text = read_bearer(request)
    if text is None:
        return Response(401, (("www-authenticate", challenge()), *_CORS.items()), b"")
    now = int(server.clock())
    client = found = person = None
    async with server.database.transaction() as tx:
        token = await read_access_token(tx, server, text, now=now)
        if token is not None:
            client, found = await find_what_token_names(tx, token)
            person = await find_person(tx, token.subject) if found is not None else None
    return json_response(decide(token, client, found, person, now=now), headers=_CORS)
