"""The authorization code grant (RFC 6749 §4.1.3): a code becomes tokens, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keygrove.protocol.authorization_grant import (
    REFUSED,
    AuthorizationGrant,
    Refuse,
    Standing,
    check_standing,
    check_user,
    scope_left,
)
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant
from keygrove.protocol.pkce import proves
from keygrove.protocol.resource import Api, choose_api
from keygrove.protocol.scope import OFFLINE, Scope

AUTHORIZATION_CODE = "authorization_code"
# RFC 6749 §4.1.2 allows ten minutes. A browser needs a moment.
CODE_LIFETIME_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """What a code stands for. `redirect_uri` is as the request named it; `expires_at` is in epoch seconds.

    `spent` is true once it was redeemed.
    """

    grant: AuthorizationGrant
    redirect_uri: str
    code_challenge: str | None
    expires_at: int
    spent: bool = False


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What a client presents beside the code (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2)."""

    redirect_uri: str | None
    code_verifier: str | None = field(repr=False)
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redeem:
    """Give tokens for the grant, with what is left of its scope.

    The code must be spent by the same commit; if it was spent meanwhile, look again.
    """

    grant: AuthorizationGrant
    scope: Scope

    @property
    def next_generation(self) -> int:
        """That of the first refresh token: 1; without `offline` there is none: 0 (OIDC Core §11)."""
        return 0 if OFFLINE.isdisjoint(self.scope.tokens) else 1


def redeem_code(
    asked: CodeRequest,
    authenticated: AuthenticatedClient,
    found: tuple[AuthorizationCode, Standing] | None,
    apis: Mapping[str, Api],
    *,
    now: int,
) -> Redeem | Refuse:
    """Decide on a code. `found` is what the store holds of it; None when it is unknown.

    A code that comes back is a sign of theft: all that it gave is revoked (RFC 6749 §4.1.2). A code
    that its own client presents with a wrong verifier or redirect URI dies of it, so that nothing
    can be tried twice. Whoever presents the code of another client changes nothing.

    Raises InvalidGrant, InvalidTarget, InvalidScope.
    """
    if found is None:
        raise InvalidGrant(REFUSED, detail="unknown code")
    code, standing = found
    grant = code.grant
    check_user(grant, authenticated)
    wrong = _what_is_wrong(asked, code)
    if wrong is not None:
        return Refuse(InvalidGrant(REFUSED, detail=wrong), grant)
    if now >= code.expires_at:
        raise InvalidGrant(REFUSED, detail="the code has expired")
    check_standing(grant, standing)
    api = choose_api(asked.targets, grant.audience, apis)
    return Redeem(grant, scope_left(grant, standing, authenticated.client, api))


def _what_is_wrong(asked: CodeRequest, code: AuthorizationCode) -> str | None:
    """What only a thief or a broken client would do."""
    if code.spent:
        return "the code was redeemed before"
    if asked.redirect_uri != code.redirect_uri:
        return "redirect_uri is not the one of the authorization request"
    if not proves(asked.code_verifier, code.code_challenge):
        return "code_verifier does not belong to the code_challenge"
    return None
