"""The claims of an access token: the JWT profile of RFC 9068 §2.2."""

from dataclasses import dataclass

from keygrove.protocol.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token before it is signed. Times are epoch seconds."""

    issuer: str
    subject: str
    audience: str
    client_id: str
    company_id: str
    scope: Scope
    issued_at: int
    expires_at: int
    token_id: str

    def claims(self) -> dict[str, str | int]:
        """The JWT claims set (RFC 9068 §2.2); `company_id` is our one private claim.

        `aud` is a plain string, since there is exactly one audience (RFC 7519 §4.1.3).
        """
        return {
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
