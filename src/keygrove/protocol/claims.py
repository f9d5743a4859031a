"""What tokens say: the claims of the access token (RFC 9068 §2.2) and of the ID token (OIDC Core §2)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.person import ClaimValue, PersonClaims, allowed_names
from keygrove.protocol.resource import Api, SigningAlgorithm
from keygrove.protocol.scope import Scope

ID_TOKEN_LIFETIME_S = 3600
# By how much nodes' clocks may differ. What is dated further ahead was noted by one that was wrong.
CLOCKS_DIFFER_S = 60
ID_TOKEN_TYPE = "JWT"  # noqa: S105 - a media type
# The hash that each algorithm signs: no other has an at_hash (OIDC Core §3.1.3.6).
_HASHES = {"RS256": sha256, "ES256": sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token before it is signed. Times are epoch seconds.

    `grant_id` is empty when a client acts for itself; else the token ends with that grant wherever
    it is looked up.
    """

    issuer: str
    subject: str
    audience: str
    client_id: str
    company_id: str
    scope: Scope
    issued_at: int
    expires_at: int
    token_id: str
    grant_id: str = ""

    @classmethod
    def of_grant(
        cls, grant: AuthorizationGrant, scope: Scope, api: Api, *, issuer: str, now: int, jti: str
    ) -> "AccessToken":
        """The token that a grant gives: about its person, and of this scope, which is what is left of it."""
        return cls(
            issuer=issuer,
            subject=grant.subject,
            audience=api.audience,
            client_id=grant.client_id,
            company_id=grant.company_id,
            scope=scope,
            issued_at=now,
            expires_at=now + api.lifetime_s,
            token_id=jti,
            grant_id=grant.grant_id,
        )

    @classmethod
    def read(cls, claims: Mapping[str, object]) -> "AccessToken | None":
        """The token in verified claims; None when they are of another kind, an ID token's for instance."""
        try:
            return cls(
                issuer=_text(claims, "iss"),
                subject=_text(claims, "sub"),
                audience=_text(claims, "aud"),
                client_id=_text(claims, "client_id"),
                company_id=_text(claims, "company_id"),
                scope=Scope.of(_text(claims, "scope").split()),
                issued_at=_time(claims, "iat"),
                expires_at=_time(claims, "exp"),
                token_id=_text(claims, "jti"),
                grant_id=_text(claims, "grant_id") if "grant_id" in claims else "",
            )
        except ValueError:
            return None

    def claims(self) -> dict[str, str | int]:
        """The JWT claims set (RFC 9068 §2.2); `company_id` and `grant_id` are private claims of ours.

        `aud` is a plain string, since there is exactly one audience (RFC 7519 §4.1.3).
        """
        claims: dict[str, str | int] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "exp": self.expires_at,
            "iat": self.issued_at,
            "jti": self.token_id,
            "client_id": self.client_id,
            "scope": str(self.scope),
            "company_id": self.company_id,
        }
        if self.grant_id:
            claims["grant_id"] = self.grant_id
        return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """An ID token before it is signed with `algorithm` (OIDC Core §2). Times are epoch seconds."""

    issuer: str
    grant: AuthorizationGrant
    nonce: str | None
    about: Mapping[str, ClaimValue] = field(repr=False)
    issued_at: int
    algorithm: SigningAlgorithm = "RS256"

    @classmethod
    def of_grant(
        cls,
        grant: AuthorizationGrant,
        standing: Standing,
        person: PersonClaims,
        *,
        issuer: str,
        now: int,
        renewed: bool = False,
    ) -> "IdToken":
        """The ID token that a grant gives. A renewed one has no nonce (§12.2).

        Of the person it tells what was asked for by name and is still allowed; the rest is at the userinfo
        endpoint (§5.4).
        """
        names = allowed_names(grant.id_token_claims, standing)
        nonce = None if renewed else grant.nonce
        return cls(issuer=issuer, grant=grant, nonce=nonce, about=person.named(names), issued_at=now)

    def claims(self, access_token: str) -> dict[str, object]:
        """The JWT claims set, bound to the signed access token that it is sent with."""
        grant = self.grant
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": grant.client_id,
            "azp": grant.client_id,
            "exp": self.issued_at + ID_TOKEN_LIFETIME_S,
            "iat": self.issued_at,
            "auth_time": grant.auth_time,
            "amr": list(grant.amr),
            "at_hash": at_hash(access_token, self.algorithm),
            "sid": grant.session_id,
            "company_id": grant.company_id,
        }
        optional = {"nonce": self.nonce, "acr": grant.acr}
        claims.update((name, value) for name, value in optional.items() if value is not None)
        claims.update(self.about)
        return claims


def at_hash(access_token: str, algorithm: str) -> str:
    """The left half of the token's hash, in base64url (OIDC Core §3.1.3.6).

    Raises KeyError for an algorithm of which the hash is not known: it is never left out.
    """
    digest = _HASHES[algorithm](access_token.encode("ascii")).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class HintedPerson:
    """What an ID token of ours says, verified, expired or not: about whom, to whom, for which company."""

    subject: str
    client_id: str
    company_id: str | None = None
    session_id: str | None = None


def read_id_token_hint(claims: Mapping[str, object], issuer: str) -> HintedPerson | None:
    """Whom a verified token means; None when it is no ID token of this issuer, an access token for instance.

    It may have expired (OIDC Core §3.1.2.1). Other than an access token it is for the client itself, and
    has no scope.
    """
    subject, party = claims.get("sub"), claims.get("azp")
    company_id, session_id = claims.get("company_id"), claims.get("sid")
    if not (isinstance(subject, str) and isinstance(party, str) and isinstance(session_id, str)):
        return None
    if claims.get("iss") != issuer or claims.get("aud") != party or "scope" in claims:
        return None
    return HintedPerson(subject, party, company_id if isinstance(company_id, str) else None, session_id)


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is not text")
    return value


def _time(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a time")
    return value
