"""A client gives up a token that it holds (RFC 7009)."""

from keygrove.protocol.authorization_grant import REFUSED, AuthorizationGrant, check_owner
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant, UnsupportedTokenType


def revoke(
    authenticated: AuthenticatedClient,
    token: AccessToken | None,
    found: AuthorizationGrant | None,
    *,
    now: int,
) -> AuthorizationGrant | None:
    """The grant to end; None when there is nothing to end, which is a success too (RFC 7009 §2.2).

    Any client may give up what it holds, also an app that is in review again and may not use it.

    `found` is the grant of the refresh token, or of the access token `token`. All that came of the grant ends
    with it (§2.1). What has expired ends nothing. `now` is in epoch seconds.

    Raises InvalidGrant for a token of another client (§2.1), and UnsupportedTokenType for an access token
    that a client got for itself: APIs verify it offline, so it lasts for as long as it says (§2.2.1).
    """
    if token is not None and now >= token.expires_at:
        return None
    if token is not None and not token.grant_id:
        if token.client_id != authenticated.client.client_id:
            raise InvalidGrant(REFUSED, detail=f"it was issued to {token.client_id}")
        raise UnsupportedTokenType("This access token ends by itself. Remove the key to get no new ones.")
    if found is None:
        return None
    check_owner(found, authenticated)
    return found
