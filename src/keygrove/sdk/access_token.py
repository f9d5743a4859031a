"""What the claims of an access token must say (RFC 9068 §2.2 and §4, RFC 7519 §4.1), as a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keygrove.crypto.jose import InvalidToken
from keygrove.sdk.claim_values import check_times, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an API expects of its tokens, from its own configuration. `leeway_s` forgives differing clocks."""

    issuer: str
    audience: str
    company_claim: str = "company_id"
    leeway_s: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a token speaks for. `expires_at_s` is in epoch seconds, without leeway."""

    company_id: str
    client_id: str
    subject: str
    scopes: frozenset[str]
    expires_at_s: int
    claims: Mapping[str, object] = field(repr=False)

    @property
    def is_client(self) -> bool:
        """Whether the client acts for itself, with no person behind it (RFC 9068 §5)."""
        return self.subject == self.client_id


def read_claims(claims: Mapping[str, object], expected: Expected, *, now: float) -> Principal:
    """Judge verified claims at `now` (epoch seconds). Raises InvalidToken.

    A token is good before `exp` plus the leeway, and from `nbf` and `iat` minus the leeway on.
    """
    if claims.get("iss") != expected.issuer:
        raise InvalidToken("the token is from another issuer")
    if not _is_for(claims.get("aud"), expected.audience):
        raise InvalidToken("the token is for another API")
    return Principal(
        company_id=text(claims.get(expected.company_claim), "the token names no company"),
        client_id=text(claims.get("client_id", claims.get("azp")), "the token names no client"),
        subject=text(claims.get("sub"), "the token has no subject"),
        scopes=_scopes(claims),
        expires_at_s=check_times(claims, expected.leeway_s, now),
        claims=claims,
    )


def _is_for(audience: object, ours: str) -> bool:
    """One string, or an array of strings with ours among them (RFC 7519 §4.1.3); compared exactly."""
    if isinstance(audience, list):
        return all(isinstance(each, str) for each in audience) and ours in audience
    return audience == ours


def _scopes(claims: Mapping[str, object]) -> frozenset[str]:
    """Read `scope` as RFC 9068 §2.2.3 has it, or `scp` as an array, which other issuers send."""
    found = claims.get("scope", claims.get("scp", ""))
    if isinstance(found, str):
        return frozenset(found.split())
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return frozenset(found)
    raise InvalidToken("the scope of the token is malformed")
