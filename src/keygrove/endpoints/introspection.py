"""Introspection, POST /oauth2/introspect (RFC 7662): an API asks what a token that it was shown is worth."""

from keygrove.endpoints.answers import json_response
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.exchange import Exchange
from keygrove.endpoints.grants import find_what_token_names, read_access_token
from keygrove.protocol.client import Client
from keygrove.protocol.client_authentication import Credentials, authenticate_client, read_credentials
from keygrove.protocol.errors import InvalidClient, InvalidRequest
from keygrove.protocol.introspection import introspect as decide
from keygrove.protocol.message import Request, Response, read_form
from keygrove.protocol.scope import NO_SCOPE
from keygrove.protocol.token import Facts
from keygrove.storage import api_credentials
from keygrove.storage.database import Transaction


async def introspect(server: AuthorizationServer, request: Request) -> Response:
    """Tell an API about a token for it; of all else, that it is not active. Raises nothing."""
    return await Exchange(server, request, "introspection").answer(_introspect)


async def _introspect(exchange: Exchange) -> Response:
    server, request = exchange.server, exchange.request
    parameters = read_form(request)
    parameters.refuse_repeats(except_for=frozenset())
    if request.header("authorization") is None and parameters.one("client_id") is None:
        raise InvalidClient(detail="no credentials", challenge=True)
    exchange.credentials = credentials = read_credentials(request, parameters)
    text = parameters.one("token")
    async with server.database.transaction() as tx:
        exchange.facts = facts = await _load(tx, server, credentials)
        api = authenticate_client(credentials, facts.client, facts.secret_digest).client
        if text is None:
            raise InvalidRequest("token is missing.")
        now = int(server.clock())
        token, client, found = await read_access_token(tx, server, text, now=now), None, None
        if token is not None:
            client, found = await find_what_token_names(tx, token)
    return json_response(decide(token, server.policy.apis.get(api.audience), client, found, now=now))


async def _load(tx: Transaction, server: AuthorizationServer, credentials: Credentials) -> Facts:
    """The API that asks, as a client that has a secret: it proves itself in the same way."""
    stored = await api_credentials.by_id(tx, credentials.client_id)
    digest = server.digests.of("client_secret", credentials.client_secret)
    if stored is None:
        return Facts(None, digest)
    api = Client(
        client_id=stored.client_id,
        secret_digest=stored.secret_digest,
        grant_types=frozenset(),
        scope=NO_SCOPE,
        audience=stored.audience,
        company_id="",
        enabled=True,
    )
    return Facts(api, digest)
