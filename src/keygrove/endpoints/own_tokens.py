"""Verifies what we signed ourselves, also with a key that this process has not read yet or has dropped."""

import json
from collections.abc import Collection
from functools import lru_cache

from keygrove.crypto.jose import MAX_KEYS, SUPPORTED_ALGORITHMS, InvalidToken, PublicKeys, UnknownKey, verify
from keygrove.endpoints.context import AuthorizationServer
from keygrove.storage import signing_keys
from keygrove.storage.database import Transaction


async def verify_own(
    tx: Transaction,
    server: AuthorizationServer,
    text: str,
    *,
    types: Collection[str],
    ended_after_s: int,
    once: bool = False,
) -> dict[str, object] | None:
    """The claims of a token that we signed; None for anything else. `types` and `once` as in `jose.verify`.

    Another node may sign with a key before this one reads it, and hints outlive their keys: when the ring
    lacks a key, the database is asked, once, for those that are not revoked and had no successor by
    `ended_after_s`.
    """
    ready = server.keyring().public_keys(int(server.clock()))
    try:
        try:
            return verify(text, ready, algorithms=SUPPORTED_ALGORITHMS, types=types, once=once)
        except UnknownKey:
            stored = await signing_keys.in_use(tx, ended_after_s=ended_after_s)
        keys = _public_keys(tuple([key.public_jwk for key in stored[:MAX_KEYS]]))
        return verify(text, keys, algorithms=SUPPORTED_ALGORITHMS, types=types, once=once)
    except InvalidToken:
        return None


@lru_cache(maxsize=4)
def _public_keys(jwks: tuple[str, ...]) -> PublicKeys:
    """Read once for as long as they are the same: anybody may make up names of keys."""
    return PublicKeys.parse({"keys": [json.loads(jwk) for jwk in jwks]})
