"""`id_token_hint`: whom an ID token of ours means, expired or not (OpenID Connect Core §3.1.2.1)."""

import json

from keygrove.crypto.jose import MAX_KEYS, SUPPORTED_ALGORITHMS, InvalidToken, PublicKeys, UnknownKey, verify
from keygrove.endpoints.context import AuthorizationServer
from keygrove.protocol.claims import ID_TOKEN_TYPE, HintedPerson, read_id_token_hint
from keygrove.storage import signing_keys
from keygrove.storage.database import Transaction


async def read_hint(tx: Transaction, server: AuthorizationServer, token: str | None) -> HintedPerson | None:
    """The person an ID token means; None without one, or for anything that we did not sign as one.

    Its key may have retired since, but not have been revoked.
    """
    if token is None:
        return None
    try:
        try:
            claims = _verify(token, server.keyring().public_keys(int(server.clock())))
        except UnknownKey:
            claims = _verify(token, await _ever_in_use(tx))
    except InvalidToken:
        return None
    return read_id_token_hint(claims, server.policy.issuer)


def _verify(token: str, keys: PublicKeys) -> dict[str, object]:
    return verify(token, keys, algorithms=SUPPORTED_ALGORITHMS, types=(ID_TOKEN_TYPE,), once=True)


async def _ever_in_use(tx: Transaction) -> PublicKeys:
    """Retired keys too, of which few hints need one: they are not kept ready."""
    keys = (await signing_keys.in_use(tx, ended_after_s=0))[:MAX_KEYS]
    return PublicKeys.parse({"keys": [json.loads(key.public_jwk) for key in keys]})
