"""Is it a genuine token? Asked of joserfc, not of Keygrove."""

import json
import time
import urllib.request
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet

_TIMEOUT_S = 10


class NotGenuine(Exception):
    """A server answered with something else than a fresh, well signed access token."""


def issue(token_url: str, body: str) -> str:
    """Get one access token."""
    with urllib.request.urlopen(token_url, data=body.encode(), timeout=_TIMEOUT_S) as answer:
        return str(json.load(answer)["access_token"])


def check(token_url: str, jwks_url: str, body: str, audience: str, algorithm: str) -> None:
    """Get one token and verify it against the server's published keys. Raises NotGenuine."""
    issued = issue(token_url, body)
    with urllib.request.urlopen(jwks_url, timeout=_TIMEOUT_S) as answer:
        keys = KeySet.import_key_set(json.load(answer))
    token = jwt.decode(issued, keys, algorithms=[algorithm])
    now = time.time()
    if token.header.get("typ") != "at+jwt" or token.claims["aud"] != audience:
        raise NotGenuine(f"{token_url}: {token.header}")
    if not now < token.claims["exp"] <= now + 3600:
        raise NotGenuine(f"{token_url}: expires at {token.claims['exp']}")


def sample(bodies: Path, line: int) -> str:
    """One of the bodies of a file."""
    with bodies.open(encoding="ascii") as file:
        lines = file.read().splitlines()
    return lines[line % len(lines)]
