"""What a client may know about a person: the userinfo endpoint and claims by scope (OIDC Core §5)."""

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.claims_request import SCOPE_OF_CLAIM
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InsufficientScope, InvalidToken
from keygrove.protocol.live_token import INVALID, check_live
from keygrove.protocol.person import ClaimValue, PersonClaims, allowed_names
from keygrove.protocol.scope import OPENID


def userinfo(
    token: AccessToken | None,
    client: Client | None,
    found: tuple[AuthorizationGrant, Standing] | None,
    person: PersonClaims | None,
    *,
    now: int,
) -> dict[str, ClaimValue]:
    """The answer of the userinfo endpoint to an access token (OIDC Core §5.3.2). `now` is in epoch seconds.

    The facts are those of `check_live`, and the person of the grant. Claims follow from the token's scope and
    from what was asked for by name. What the person does not allow any more is left out.

    Raises InvalidToken, and InsufficientScope for a token without `openid` or of a client that acts for
    itself: there is no person then.
    """
    live = check_live(token, client, found, now=now)
    if found is None or OPENID not in live.scope.tokens:
        raise InsufficientScope("The token does not have the scope openid of a person.")
    grant, standing = found
    if person is None or person.subject != grant.subject:
        raise InvalidToken(INVALID, detail="the person is gone")
    names = {name for name, scope in SCOPE_OF_CLAIM.items() if scope in live.scope.tokens}
    return {"sub": person.subject, **person.named(allowed_names(names | grant.userinfo_claims, standing))}
