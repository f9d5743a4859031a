"""The keys with which an app signs what proves it, instead of a secret (RFC 7523)."""

import json

from keygrove.crypto.jose import InvalidKeySet, PublicKeys
from keygrove.management.errors import Fault, Invalid

_MAX_CHARACTERS = 16 * 1024
_EXPECTS = (
    "Give a JSON Web Key Set of public keys only, each with a kid of its own: "
    "RSA of 2048 bits or more, or P-256."
)


def check_jwks(text: str) -> str:
    """The key set, written in the shortest form. Raises Invalid (field `jwks`).

    All of its keys must be of use: a private one that we merely ignored would be stored.
    """
    try:
        document = json.loads(text[: _MAX_CHARACTERS + 1])
        usable = len(PublicKeys.parse(document))
    except (ValueError, RecursionError, InvalidKeySet):
        raise Invalid(Fault("jwks", _EXPECTS)) from None
    if usable == 0 or usable != len(document["keys"]):
        raise Invalid(Fault("jwks", _EXPECTS))
    return json.dumps({"keys": document["keys"]}, separators=(",", ":"))


def key_ids(jwks: str | None) -> list[str]:
    """The ids of the keys in a key set that was checked."""
    return [] if jwks is None else [key["kid"] for key in json.loads(jwks)["keys"]]
