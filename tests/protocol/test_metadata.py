"""The discovery document: RFC 8414 §2, OpenID Connect Discovery 1.0 §3."""

from keygrove.protocol.grants import GRANTS
from keygrove.protocol.metadata import discovery_document


def test_the_document_lists_what_works_and_nothing_else() -> None:
    """Addresses begin with the issuer exactly."""
    assert discovery_document("https://i.example", ["a", "b"], ["RS256"]) == {
        "issuer": "https://i.example",
        "token_endpoint": "https://i.example/oauth2/token",
        "jwks_uri": "https://i.example/.well-known/jwks.json",
        "scopes_supported": ["openid", "a", "b"],
        "response_types_supported": [],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }


def test_the_grants_listed_are_the_registered_ones() -> None:
    """A grant that is switched on shows up by itself."""
    assert discovery_document("https://i.example", [], [])["grant_types_supported"] == sorted(GRANTS)
