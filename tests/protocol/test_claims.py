"""The access token's claims: RFC 9068 §2.2."""

from keygrove.protocol.claims import AccessToken
from keygrove.protocol.scope import Scope


def test_the_claims_are_those_of_rfc_9068_and_the_company() -> None:
    """All that §2.2 requires, `scope` of §2.2.3, and one claim of our own; nothing about a person."""
    token = AccessToken(
        issuer="https://issuer.example",
        subject="kg_ci_1",
        audience="https://api.example",
        client_id="kg_ci_1",
        company_id="0" * 32,
        scope=Scope.parse("openid booking.read"),
        issued_at=1_700_000_000,
        expires_at=1_700_003_600,
        token_id="f" * 32,
    )
    assert token.claims() == {
        "iss": "https://issuer.example",
        "sub": "kg_ci_1",
        "aud": "https://api.example",
        "exp": 1_700_003_600,
        "iat": 1_700_000_000,
        "jti": "f" * 32,
        "client_id": "kg_ci_1",
        "scope": "openid booking.read",
        "company_id": "0" * 32,
    }
