"""The discovery document: RFC 8414 §2, OpenID Connect Discovery 1.0 §3."""

from keygrove.protocol.grants import GRANTS
from keygrove.protocol.metadata import discovery_document

METHODS = ["client_secret_post", "client_secret_basic", "private_key_jwt", "none"]


def test_the_document_lists_what_works_and_nothing_else() -> None:
    """Addresses begin with the issuer exactly."""
    assert discovery_document("https://i.example", ["a", "b"]) == {
        "issuer": "https://i.example",
        "authorization_endpoint": "https://i.example/oauth2/auth",
        "pushed_authorization_request_endpoint": "https://i.example/oauth2/par",
        "token_endpoint": "https://i.example/oauth2/token",
        "userinfo_endpoint": "https://i.example/userinfo",
        "introspection_endpoint": "https://i.example/oauth2/introspect",
        "revocation_endpoint": "https://i.example/oauth2/revoke",
        "end_session_endpoint": "https://i.example/oauth2/sessions/logout",
        "jwks_uri": "https://i.example/.well-known/jwks.json",
        "scopes_supported": ["openid", "email", "offline", "offline_access", "profile", "a", "b"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_supported": [
            "sub", "name", "updated_at", "email", "email_verified",
            "auth_time", "amr", "sid", "company_id",
        ],
    }  # fmt: skip


def test_the_grants_listed_are_the_registered_ones() -> None:
    """A grant that is switched on shows up by itself."""
    assert discovery_document("https://i.example", [])["grant_types_supported"] == sorted(GRANTS)
