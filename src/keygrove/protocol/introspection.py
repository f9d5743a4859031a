"""What an API may know of a token that somebody showed it (RFC 7662)."""

from collections.abc import Mapping

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing, spelled_both_ways
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InvalidToken
from keygrove.protocol.live_token import check_live
from keygrove.protocol.resource import Api

INACTIVE: Mapping[str, object] = {"active": False}


def introspect(
    token: AccessToken | None,
    api: Api | None,
    client: Client | None,
    found: tuple[AuthorizationGrant, Standing] | None,
    *,
    now: int,
) -> Mapping[str, object]:
    """The answer to the API that asks (RFC 7662 §2.2). `now` is in epoch seconds.

    The other facts are those of `check_live`. Of a token that is not for this API or does not count any
    more, and when the API is not offered any more (None), it learns only that the token is not active. The
    scope is what is left of the token's.
    """
    try:
        live = check_live(token, client, found, now=now)
    except InvalidToken:
        return INACTIVE
    if api is None or client is None or live.audience != api.audience:
        return INACTIVE
    granted = client.granted(api.scopes)
    if found is not None:
        granted = client.may_ask_person(api.scopes) & spelled_both_ways(found[1].allowed)
    scope = live.scope.within(granted)
    if not scope:
        return INACTIVE
    return {"active": True, "token_type": "bearer", **live.claims(), "scope": str(scope)}
