"""Revocation, POST /oauth2/revoke (RFC 7009): a client gives up a token, and with it all of its grant."""

from keygrove.endpoints.answers import json_response
from keygrove.endpoints.assertions import signed_with
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.cross_origin import errors_are_readable
from keygrove.endpoints.exchange import Exchange
from keygrove.endpoints.grants import end_grant, find_refresh_token, read_access_token
from keygrove.protocol.authorization_grant import AuthorizationGrant
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client_authentication import authenticate_client, read_credentials
from keygrove.protocol.errors import InvalidRequest
from keygrove.protocol.message import Request, Response, read_form
from keygrove.protocol.revocation import revoke as decide
from keygrove.protocol.token import Facts
from keygrove.storage import clients, grants
from keygrove.storage.database import Transaction
from keygrove.storage.journal import GAVE_BACK


async def revoke(server: AuthorizationServer, request: Request) -> Response:
    """End the grant of a token; 200 too when there is nothing to end (RFC 7009 §2.2). Raises nothing."""
    return await Exchange(server, request, "revocation", errors_are_readable).answer(_revoke)


async def _revoke(exchange: Exchange) -> Response:
    server, request = exchange.server, exchange.request
    parameters = read_form(request)
    parameters.refuse_repeats(except_for=frozenset())
    exchange.credentials = credentials = read_credentials(request, parameters)
    text = parameters.one("token")
    key_set = await signed_with(server, credentials)
    async with server.database.transaction() as tx:
        client = await clients.by_id(tx, credentials.client_id)
        digest = server.digests.of("client_secret", credentials.client_secret)
        exchange.facts = Facts(client, digest, signed_with=key_set)
        authenticated = authenticate_client(credentials, client, digest, signed_with=key_set)
        if text is None:
            raise InvalidRequest("token is missing.")
        now = int(server.clock())
        token, grant = await _find(tx, server, text, now=now)
        ending = decide(authenticated, token, grant, now=now)
        if ending is not None:
            await end_grant(tx, server, request, ending, reason=GAVE_BACK)
    return json_response({})


async def _find(
    tx: Transaction, server: AuthorizationServer, text: str, *, now: int
) -> tuple[AccessToken | None, AuthorizationGrant | None]:
    """The access token that a text is, and the grant it names; or that of a refresh token, used or not.

    `token_type_hint` would save nothing: the two kinds look different (RFC 7009 §2.1).
    """
    refreshing = await find_refresh_token(tx, server, text)
    if refreshing is not None:
        return None, refreshing[0].grant
    token = await read_access_token(tx, server, text, now=now)
    if token is None or not token.grant_id:
        return token, None
    stored = await grants.by_id(tx, token.grant_id)
    return token, stored.grant if stored is not None else None
