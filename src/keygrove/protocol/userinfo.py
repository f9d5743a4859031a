"""What a client may know about a person: the userinfo endpoint and claims by scope (OIDC Core §5)."""

from collections.abc import Iterable
from dataclasses import dataclass

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing, check_standing
from keygrove.protocol.claims_request import SCOPE_OF_CLAIM
from keygrove.protocol.errors import InsufficientScope, InvalidGrant, InvalidToken
from keygrove.protocol.scope import OPENID, Scope

ClaimValue = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonClaims:
    """The standard claims about a person that we have (OIDC Core §5.1). `updated_at` is in epoch seconds.

    `email_verified` is true only when a message that was sent there has been answered.
    """

    subject: str
    name: str
    email: str
    email_verified: bool
    updated_at: int

    def named(self, names: Iterable[str]) -> dict[str, ClaimValue]:
        """The claims of these names that there are, in the order of the standard."""
        have: dict[str, ClaimValue] = {"name": self.name, "updated_at": self.updated_at}
        if self.email:
            have |= {"email": self.email, "email_verified": self.email_verified}
        return {name: value for name, value in have.items() if name in names and value != ""}


def userinfo(
    token_scope: Scope,
    found: tuple[AuthorizationGrant, Standing] | None,
    person: PersonClaims | None,
) -> dict[str, ClaimValue]:
    """The answer of the userinfo endpoint to a verified access token (OIDC Core §5.3.2).

    `token_scope` is the token's. `found` is the grant that it names; None when it names none, because
    a client acts for itself, for then there is no person. Claims follow from the token's scope and from
    what was asked for by name. What the person does not allow any more is left out.

    Raises InsufficientScope, and InvalidToken when the grant does not stand any more.
    """
    if found is None or OPENID not in token_scope.tokens:
        raise InsufficientScope("The token does not have the scope openid of a person.")
    grant, standing = found
    try:
        check_standing(grant, standing)
    except InvalidGrant as error:
        raise InvalidToken("The access token is not valid any more.", detail=error.detail) from None
    if person is None or person.subject != grant.subject:
        raise InvalidToken("The access token is not valid any more.", detail="the person is gone")
    names = {name for name, scope in SCOPE_OF_CLAIM.items() if scope in token_scope.tokens}
    return {"sub": person.subject, **person.named(allowed_names(names | grant.userinfo_claims, standing))}


def allowed_names(names: Iterable[str], standing: Standing) -> frozenset[str]:
    """Those of the claims whose scope the person still allows."""
    return frozenset(name for name in names if SCOPE_OF_CLAIM[name] in standing.allowed)
