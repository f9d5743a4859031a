"""Looks whether a client signed what it presents, for the first time (RFC 7523 §3)."""

import json
from functools import lru_cache

from keygrove.crypto.jose import SUPPORTED_ALGORITHMS, InvalidKeySet, InvalidToken, PublicKeys, verify
from keygrove.endpoints.context import AuthorizationServer
from keygrove.protocol.client import SIGNED, Client
from keygrove.protocol.client_assertion import check_assertion
from keygrove.protocol.client_authentication import Credentials, SignedCredentials
from keygrove.protocol.errors import InvalidClient
from keygrove.protocol.metadata import PUSHED_REQUEST_PATH, TOKEN_PATH
from keygrove.storage import clients, turns


async def signed_with(server: AuthorizationServer, credentials: Credentials) -> str | None:
    """The client's key set with which it signed the credentials, an assertion; from now on that is used.

    None for clients that are known by something else. Raises InvalidClient, DatabaseUnavailable.
    """
    if not isinstance(credentials, SignedCredentials):
        return None
    now, issuer = int(server.clock()), server.policy.issuer
    async with server.database.transaction() as tx:
        client = await clients.by_id(tx, credentials.client_id)
        if client is None or client.token_endpoint_auth_method != SIGNED:
            return None
        claims = _verified(credentials.assertion, client)
        audiences = (issuer, issuer + TOKEN_PATH, issuer + PUSHED_REQUEST_PATH)
        token_id = check_assertion(claims, client.client_id, audiences, now=now)
        once = server.digests.of("assertion", f"{client.client_id} {token_id}")
        if not await turns.take_once(tx, f"assertion {once}", at_s=now):
            raise InvalidClient(detail="client_assertion: it was used before", challenge=False)
    return client.jwks


@lru_cache(maxsize=64)
def _keys_in(jwks: str) -> PublicKeys:
    return PublicKeys.parse(json.loads(jwks))


def _verified(assertion: str, client: Client) -> dict[str, object]:
    """The claims, signed with one of the client's keys."""
    try:
        keys = _keys_in(client.jwks or "")
        return verify(assertion, keys, algorithms=SUPPORTED_ALGORITHMS, types=("JWT", None), once=True)
    except (InvalidToken, InvalidKeySet, ValueError) as error:
        raise InvalidClient(detail=f"client_assertion: {error}", challenge=False) from None
