"""`id_token_hint`: whom an ID token of ours means, expired or not (OpenID Connect Core §3.1.2.1)."""

from keygrove.crypto.jose import SUPPORTED_ALGORITHMS, InvalidToken, verify
from keygrove.endpoints.context import AuthorizationServer
from keygrove.protocol.claims import ID_TOKEN_TYPE, HintedPerson, read_id_token_hint


def read_hint(server: AuthorizationServer, token: str | None) -> HintedPerson | None:
    """The person an ID token means; None without one, or for anything that we did not sign as one.

    Its signing key must be published still: a key is, for an hour after its last signature at least.
    """
    if token is None:
        return None
    try:
        keys = server.keyring().public_keys(int(server.clock()))
        claims = verify(token, keys, algorithms=SUPPORTED_ALGORITHMS, types=(ID_TOKEN_TYPE,))
    except InvalidToken:
        return None
    return read_id_token_hint(claims, server.policy.issuer)
