"""Whether an access token still counts, at the endpoints that look it up: userinfo and introspection."""

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing, check_standing
from keygrove.protocol.claims import CLOCKS_DIFFER_S, AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InvalidGrant, InvalidToken

# One text, whatever is wrong with an access token.
INVALID = "The access token is invalid, expired or revoked."


def check_live(
    token: AccessToken | None,
    client: Client | None,
    found: tuple[AuthorizationGrant, Standing] | None,
    *,
    now: int,
) -> AccessToken:
    """Return a token that counts at `now` (epoch seconds): issued, not expired, client and grant still good.

    `token` is an access token of ours, its signature verified; None when it is nothing of the kind. `client`
    is the one that it names; `found` the grant that it names, and None when it names none, because a client
    acts for itself. Raises InvalidToken (RFC 6750 §3.1).
    """
    if token is None:
        raise InvalidToken(INVALID, detail="no access token of ours")
    if now >= token.expires_at:
        raise InvalidToken(INVALID, detail="the token has expired")
    if token.issued_at > now + CLOCKS_DIFFER_S:
        raise InvalidToken(INVALID, detail="the token is from the future: a node's clock was ahead")
    if client is None or not client.enabled or client.client_id != token.client_id:
        raise InvalidToken(INVALID, detail="client is removed, or it or its company is suspended")
    if token.grant_id:
        _check_grant(token, client, found)
    return token


def _check_grant(
    token: AccessToken, client: Client, found: tuple[AuthorizationGrant, Standing] | None
) -> None:
    if found is None or found[0].grant_id != token.grant_id or found[0].client_id != token.client_id:
        raise InvalidToken(INVALID, detail="unknown grant")
    grant, standing = found
    if not client.may_serve(grant.company_id):
        raise InvalidToken(INVALID, detail="the app is not live")
    try:
        check_standing(grant, standing)
    except InvalidGrant as error:
        raise InvalidToken(INVALID, detail=error.detail) from None
