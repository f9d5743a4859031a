"""The refresh token grant (RFC 6749 §6), with rotation (RFC 9700 §4.14.2).

The refresh tokens of one grant are a family: each one is used once and has one child. Only the youngest
is alive. An older one that comes back is in two hands, so the whole family ends; only right after its use
the same child is given again, for an answer can get lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keygrove.protocol.authorization_grant import (
    REFUSED,
    AuthorizationGrant,
    Refuse,
    Standing,
    check_standing,
    check_user,
    scope_left,
    spelled_both_ways,
)
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant
from keygrove.protocol.resource import Api, choose_api
from keygrove.protocol.scope import OFFLINE, Scope

REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a grant type
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPolicy:
    """How long refresh tokens live, in seconds: unused, as a family, and after their use.

    `grace_s` is how long after its use a token gives its child again; 0 turns that off.
    """

    idle_s: int = 30 * _DAY_S
    absolute_s: int = 365 * _DAY_S
    grace_s: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token stands for. Times are epoch seconds.

    `generation` counts the tokens of a family from 1. `used_at` is None while it is the youngest;
    `child_used` is true once its child was used too.
    """

    grant: AuthorizationGrant
    generation: int
    family_started_at: int
    issued_at: int
    used_at: int | None = None
    child_used: bool = False

    @classmethod
    def of_family(
        cls, grant: AuthorizationGrant, generation: int, *, started_at: int, youngest: int, youngest_at: int
    ) -> "RefreshToken | None":
        """The token of a generation in a family whose youngest one was issued at `youngest_at`.

        None when that generation is still to come: a family that was restored from an older copy may meet
        tokens of its future.
        """
        if not 1 <= generation <= youngest:
            return None
        return cls(
            grant=grant,
            generation=generation,
            family_started_at=started_at,
            issued_at=youngest_at,
            used_at=None if generation == youngest else youngest_at,
            child_used=generation < youngest - 1,
        )


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """What a client presents beside the token. An empty scope means: all that is left of the grant's."""

    scope: Scope
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rotate:
    """Give an access token of this scope and a new refresh token of the whole grant.

    Commit the use of the old token and its child together; if it was used meanwhile, look again.
    """

    grant: AuthorizationGrant
    scope: Scope
    generation: int

    @property
    def next_generation(self) -> int:
        """That of the child."""
        return self.generation + 1


@dataclass(frozen=True, slots=True)
class Repeat:
    """Give an access token of this scope and the same child again. There is nothing to commit."""

    grant: AuthorizationGrant
    scope: Scope
    generation: int

    @property
    def next_generation(self) -> int:
        """That of the child."""
        return self.generation + 1


def refresh(
    asked: RefreshRequest,
    authenticated: AuthenticatedClient,
    found: tuple[RefreshToken, Standing] | None,
    apis: Mapping[str, Api],
    policy: RefreshPolicy,
    *,
    now: int,
) -> Rotate | Repeat | Refuse:
    """Decide on a refresh token. `found` is what the store holds of it; None when it is unknown.

    The scope may be narrower than the grant's, and whole again the next time (RFC 6749 §6). Raises
    InvalidGrant, InvalidTarget (another API than the grant's), InvalidScope.
    """
    if found is None:
        raise InvalidGrant(REFUSED, detail="unknown refresh token")
    token, standing = found
    grant = token.grant
    check_user(grant, authenticated)
    if _is_in_two_hands(token, policy, now):
        return Refuse(InvalidGrant(REFUSED, detail="the refresh token was used before"), grant)
    _check_age(token, policy, now)
    check_standing(grant, standing)
    api = choose_api(asked.targets, grant.audience, apis)
    left = scope_left(grant, standing, authenticated.client, api)
    if OFFLINE.isdisjoint(left.tokens):
        raise InvalidGrant(REFUSED, detail="offline is not allowed any more")
    asked.scope.require_within(spelled_both_ways(frozenset(left.tokens)))
    scope = asked.scope or left
    decision = Rotate if token.used_at is None else Repeat
    return decision(grant, scope, token.generation)


def _is_in_two_hands(token: RefreshToken, policy: RefreshPolicy, now: int) -> bool:
    if token.used_at is None:
        return False
    return token.child_used or now - token.used_at >= policy.grace_s


def _check_age(token: RefreshToken, policy: RefreshPolicy, now: int) -> None:
    if now - token.issued_at >= policy.idle_s:
        raise InvalidGrant(REFUSED, detail="the refresh token was not used for too long")
    if now - token.family_started_at >= policy.absolute_s:
        raise InvalidGrant(REFUSED, detail="the grant has reached its greatest age")
