"""The discovery document (RFC 8414 §2, OpenID Connect Discovery 1.0 §3): what works today, nothing else."""

from collections.abc import Sequence

from keygrove.protocol.authorization import PROMPTS
from keygrove.protocol.claims_request import SCOPE_OF_CLAIM
from keygrove.protocol.client import PUBLIC, SIGNED
from keygrove.protocol.grants import GRANTS
from keygrove.protocol.pkce import METHOD
from keygrove.protocol.response_mode import RESPONSE_MODES
from keygrove.protocol.scope import OFFLINE, OPENID, PERSON

AUTHORIZATION_PATH = "/oauth2/auth"
END_SESSION_PATH = "/oauth2/sessions/logout"
PUSHED_REQUEST_PATH = "/oauth2/par"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path, not a secret
INTROSPECTION_PATH = "/oauth2/introspect"
REVOCATION_PATH = "/oauth2/revoke"
USERINFO_PATH = "/userinfo"
JWKS_PATH = "/.well-known/jwks.json"
OPENID_CONFIGURATION = "/.well-known/openid-configuration"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
_SECRET_METHODS = ["client_secret_post", "client_secret_basic"]
_CLIENT_METHODS = [*_SECRET_METHODS, SIGNED, PUBLIC]
# Of the assertions that clients sign.
_SIGNING_ALGORITHMS = ["ES256", "RS256"]


def discovery_document(issuer: str, scopes: Sequence[str]) -> dict[str, object]:
    """The metadata of this server. `issuer` has no trailing slash, `scopes` are those of the APIs."""
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZATION_PATH,
        "pushed_authorization_request_endpoint": issuer + PUSHED_REQUEST_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "userinfo_endpoint": issuer + USERINFO_PATH,
        "introspection_endpoint": issuer + INTROSPECTION_PATH,
        "revocation_endpoint": issuer + REVOCATION_PATH,
        "end_session_endpoint": issuer + END_SESSION_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "scopes_supported": [OPENID, *sorted(PERSON | OFFLINE), *scopes],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": sorted(GRANTS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": _SIGNING_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": _CLIENT_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": _SIGNING_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": _SECRET_METHODS,
        "code_challenge_methods_supported": [METHOD],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "prompt_values_supported": list(PROMPTS),
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_supported": ["sub", *SCOPE_OF_CLAIM, "auth_time", "amr", "sid", "company_id"],
    }
