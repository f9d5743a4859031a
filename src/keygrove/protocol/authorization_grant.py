"""What a person allowed a client: the authorization grant of RFC 6749 §1.3, and whether it still stands."""

from dataclasses import dataclass

from keygrove.protocol.client import Client
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant, InvalidScope, OAuthError
from keygrove.protocol.resource import Api
from keygrove.protocol.scope import OFFLINE, OPENID, Scope

# One text, whatever is wrong with a code or refresh token.
REFUSED = "The grant is invalid, expired, revoked, or was issued to another client."


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationGrant:
    """What one authorization gave: to whom, by whom, for which company, for what.

    Everything that comes of it carries `grant_id`: its code, the family of its refresh tokens, its
    access tokens; to revoke it is to end them all. `auth_time` is when the person signed in, in
    epoch seconds; `session_id` names that sign-in to clients (`sid`), and is no secret.
    `id_token_claims` and `userinfo_claims` were asked for by name and allowed.
    """

    grant_id: str
    client_id: str
    subject: str
    company_id: str
    audience: str
    scope: Scope
    auth_time: int
    amr: tuple[str, ...]
    acr: str | None
    session_id: str
    nonce: str | None = None
    id_token_claims: frozenset[str] = frozenset()
    userinfo_claims: frozenset[str] = frozenset()

    @property
    def is_lasting(self) -> bool:
        """Whether there are refresh tokens: `offline` is allowed, in either spelling (OIDC Core §11)."""
        return not OFFLINE.isdisjoint(self.scope.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is true of a grant now, looked up with it.

    `allowed` holds the scopes that the person allows the client for the company at this moment;
    empty once that is withdrawn. `may_grant` is false when the person left the company, lost the
    role, or the company is suspended. `password_changed_at` is in epoch seconds.
    """

    revoked: bool
    person_enabled: bool
    may_grant: bool
    allowed: frozenset[str]
    password_changed_at: int = 0


@dataclass(frozen=True, slots=True)
class Refuse:
    """A refusal that leaves a trace: commit that the grant is revoked, then send the error.

    With the grant end its code, its refresh tokens, and its access tokens wherever they are looked up.
    """

    error: OAuthError
    grant: AuthorizationGrant


def check_owner(grant: AuthorizationGrant, authenticated: AuthenticatedClient) -> None:
    """Raise InvalidGrant when it was given to another client, for which nothing changes (RFC 6749 §5.2)."""
    if grant.client_id != authenticated.client.client_id:
        raise InvalidGrant(REFUSED, detail=f"it was issued to {grant.client_id}")


def check_user(grant: AuthorizationGrant, authenticated: AuthenticatedClient) -> None:
    """Raise InvalidGrant when it is not the client's to use: another's, or the client is in review again."""
    check_owner(grant, authenticated)
    if not authenticated.client.may_serve(grant.company_id):
        raise InvalidGrant(REFUSED, detail="the app is not live")


def check_standing(grant: AuthorizationGrant, standing: Standing) -> None:
    """Raise InvalidGrant when what was allowed is not allowed any more (RFC 6749 §5.2)."""
    if standing.revoked:
        reason = "the grant is revoked"
    elif not standing.person_enabled:
        reason = "the person is disabled"
    elif not standing.may_grant:
        reason = "the person may not grant this for the company any more"
    elif not standing.allowed:
        reason = "the consent is withdrawn"
    elif standing.password_changed_at > grant.auth_time:
        reason = "the password was changed since the person signed in"
    else:
        return
    raise InvalidGrant(REFUSED, detail=reason)


def scope_left(grant: AuthorizationGrant, standing: Standing, client: Client, api: Api) -> Scope:
    """The scope of the grant that the person, the client's registration and the API still have in common.

    Raises InvalidScope when nothing but `openid` and `offline` is left of more.
    """
    now = spelled_both_ways(standing.allowed) & client.may_ask_person(api.scopes)
    left = grant.scope.within(now)
    idle = OFFLINE | {OPENID}
    if not left or (idle.issuperset(left.tokens) and not idle.issuperset(grant.scope.tokens)):
        raise InvalidScope("Nothing is left of what was granted.")
    return left


def spelled_both_ways(scopes: frozenset[str]) -> frozenset[str]:
    """With both spellings of `offline` where there is one."""
    return scopes if OFFLINE.isdisjoint(scopes) else scopes | OFFLINE
