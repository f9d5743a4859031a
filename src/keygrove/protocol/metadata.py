"""The discovery document (RFC 8414 §2, OpenID Connect Discovery 1.0 §3): what works today, nothing else."""

from collections.abc import Sequence

from keygrove.protocol.grants import GRANTS
from keygrove.protocol.scope import OPENID

AUTHORIZATION_PATH = "/oauth2/auth"
END_SESSION_PATH = "/oauth2/sessions/logout"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path, not a secret
JWKS_PATH = "/.well-known/jwks.json"
OPENID_CONFIGURATION = "/.well-known/openid-configuration"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"


def discovery_document(issuer: str, scopes: Sequence[str], algorithms: Sequence[str]) -> dict[str, object]:
    """The metadata of this server. `issuer` has no trailing slash.

    `response_types_supported` and what OIDC Discovery requires beside it are listed although
    empty or unused until the authorization endpoint exists: clients refuse a document without.
    """
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "scopes_supported": [OPENID, *scopes],
        "response_types_supported": [],
        "grant_types_supported": sorted(GRANTS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(algorithms),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }
