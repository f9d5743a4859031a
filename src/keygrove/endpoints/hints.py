"""`id_token_hint`: whom an ID token of ours means, expired or not (OpenID Connect Core §3.1.2.1)."""

from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.own_tokens import verify_own
from keygrove.protocol.claims import ID_TOKEN_TYPE, HintedPerson, read_id_token_hint
from keygrove.storage.database import Transaction


async def read_hint(tx: Transaction, server: AuthorizationServer, token: str | None) -> HintedPerson | None:
    """The person an ID token means; None without one, or for anything that we did not sign as one.

    Its key may have retired since, but not have been revoked.
    """
    if token is None:
        return None
    claims = await verify_own(tx, server, token, types=(ID_TOKEN_TYPE,), ended_after_s=0, once=True)
    return None if claims is None else read_id_token_hint(claims, server.policy.issuer)
