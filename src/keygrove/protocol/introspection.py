"""What an API may know of a token that somebody showed it (RFC 7662)."""

from collections.abc import Mapping

from keygrove.protocol.authorization_grant import (
    AuthorizationGrant,
    Standing,
    check_standing,
    spelled_both_ways,
)
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InvalidGrant
from keygrove.protocol.resource import Api

INACTIVE: Mapping[str, object] = {"active": False}


def introspect(
    token: AccessToken | None,
    api: Api,
    client: Client | None,
    found: tuple[AuthorizationGrant, Standing] | None,
    *,
    now: int,
) -> Mapping[str, object]:
    """The answer to the API that asks (RFC 7662 §2.2). `now` is in epoch seconds.

    `token` is the access token in question, its signature verified; None when it is nothing of the
    kind. `client` is the one that it names, `found` the grant that it names. Of a token that is not
    for this API, that has expired, or whose client, grant or scopes are gone, the API learns only
    that it is not active. The scope is what is left of the token's.
    """
    if token is None or token.audience != api.audience or now >= token.expires_at:
        return INACTIVE
    if client is None or not client.enabled or client.client_id != token.client_id:
        return INACTIVE
    scope = token.scope.within(_granted(token, api, client, found))
    if not scope:
        return INACTIVE
    return {"active": True, "token_type": "bearer", **token.claims(), "scope": str(scope)}


def _granted(
    token: AccessToken, api: Api, client: Client, found: tuple[AuthorizationGrant, Standing] | None
) -> frozenset[str]:
    """The scopes that the token may still have at this moment."""
    if not token.grant_id:
        return client.granted(api.scopes)
    if found is None or found[0].grant_id != token.grant_id:
        return frozenset()
    grant, standing = found
    try:
        check_standing(grant, standing)
    except InvalidGrant:
        return frozenset()
    return client.may_ask_person(api.scopes) & spelled_both_ways(standing.allowed)
