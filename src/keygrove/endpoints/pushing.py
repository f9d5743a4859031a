"""Pushed authorization requests, POST /oauth2/par (RFC 9126). The request travels in its name, encrypted.

So nothing is stored, however many are pushed, and every node knows them all.
"""

import secrets
from dataclasses import replace

import msgspec

from keygrove.crypto.vault import MasterKeyError
from keygrove.endpoints.answers import json_response
from keygrove.endpoints.assertions import signed_with
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.cross_origin import errors_are_readable
from keygrove.endpoints.exchange import Exchange
from keygrove.protocol.authorization import ErrorPage
from keygrove.protocol.client_authentication import authenticate_client, read_credentials
from keygrove.protocol.errors import InvalidRequest, OAuthError
from keygrove.protocol.message import Request, Response, read_form, read_query_or_form
from keygrove.protocol.pushed_request import (
    LIFETIME_S,
    REQUEST_URI_PREFIX,
    PushedRequest,
    check_pushed_request,
    is_current,
)
from keygrove.protocol.token import MAY_REPEAT, Facts
from keygrove.storage import clients

# Base64 as it stands in URLs (RFC 4648 §5).
_TO_URL, _FROM_URL = str.maketrans("+/", "-_"), str.maketrans("-_", "+/")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PushedRequest)


async def push(server: AuthorizationServer, request: Request) -> Response:
    """Take a request ahead of the browser, and name it (RFC 9126 §2.2). Raises nothing."""
    return await Exchange(server, request, "push", errors_are_readable).answer(_push)


async def _push(exchange: Exchange) -> Response:
    server, request = exchange.server, exchange.request
    parameters = read_form(request)
    parameters.refuse_repeats(except_for=MAY_REPEAT)
    exchange.credentials = credentials = read_credentials(request, parameters)
    key_set = await signed_with(server, credentials)
    async with server.database.transaction() as tx:
        client = await clients.by_id(tx, credentials.client_id)
    digest = server.digests.of("client_secret", credentials.client_secret)
    exchange.facts = Facts(client, digest, signed_with=key_set)
    authenticated = authenticate_client(credentials, client, digest, signed_with=key_set)
    kept = check_pushed_request(authenticated, parameters, request.body, server.policy)
    pushed = PushedRequest(id=secrets.token_hex(16), parameters=kept, made_at_s=int(server.clock()))
    sealed = server.pushed.seal(_encoder.encode(pushed), name=credentials.client_id)
    name = sealed.translate(_TO_URL).rstrip("=")
    return json_response({"request_uri": REQUEST_URI_PREFIX + name, "expires_in": LIFETIME_S}, status=201)


def pull(server: AuthorizationServer, request: Request) -> tuple[Request, str | None]:
    """The request that an authorization request names, and its id; one that names none of ours as it is.

    Nothing else in it counts (RFC 9126 §4, RFC 9101 §6.3). Raises ErrorPage for a name that is unknown,
    too old, or another client's.
    """
    try:
        parameters = read_query_or_form(request)
        name, client_id = parameters.one("request_uri") or "", parameters.one("client_id") or ""
    except OAuthError:
        # Told by whoever reads it next.
        return request, None
    if not name.startswith(REQUEST_URI_PREFIX):
        return request, None
    text = name.removeprefix(REQUEST_URI_PREFIX)
    try:
        sealed = text.translate(_FROM_URL) + "=" * (-len(text) % 4)
        pushed = _decoder.decode(server.pushed.open(sealed, name=client_id))
    except (ValueError, MasterKeyError, msgspec.DecodeError):
        raise ErrorPage(_unknown("not ours, or not this client's")) from None
    if not is_current(pushed, now=int(server.clock())):
        raise ErrorPage(_unknown("it has expired"))
    return replace(request, method="GET", query=pushed.parameters, body=b""), pushed.id


def _unknown(why: str) -> InvalidRequest:
    return InvalidRequest("The request_uri is unknown or has expired.", detail=f"request_uri: {why}")
