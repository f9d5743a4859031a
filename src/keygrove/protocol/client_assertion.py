"""What a client signs to prove itself: `private_key_jwt` (RFC 7523 §2.2, §3, OpenID Connect Core §9)."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping

from keygrove.protocol.errors import InvalidClient

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion is remembered until it ends, so it must not live for long; clocks differ a little.
LONGEST_S = 3600
LEEWAY_S = 30
_MAX_JTI = 256


def claimed(token: str) -> dict[str, object]:
    """What a token says of itself, its signature not looked at: anybody can have written it. Or nothing."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def claimed_client_id(assertion: str) -> str:
    """The client that an assertion says it is of, its signature not looked at yet. Raises InvalidClient."""
    subject = claimed(assertion).get("sub")
    # Ids of clients are ASCII; JSON can carry what no database takes.
    if not isinstance(subject, str) or not (subject and subject.isascii() and subject.isprintable()):
        raise _invalid("it names no client")
    return subject


def check_assertion(
    claims: Mapping[str, object], client_id: str, audiences: Collection[str], *, now: int
) -> str:
    """Return the `jti` of an assertion, its signature verified, if it is this client's, for us and alive.

    `audiences` are the names that we go by: the assertion has one of them and no other. Whoever calls sees
    to it that it is used once. `now` is in epoch seconds. Raises InvalidClient (RFC 7523 §3).
    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise _invalid("iss and sub are not the client")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in audiences:
        raise _invalid("aud is not this server alone")
    expires_at = _time(claims, "exp")
    if expires_at is None or now >= expires_at + LEEWAY_S:
        raise _invalid("it has expired")
    if expires_at > now + LONGEST_S + LEEWAY_S:
        raise _invalid("it lives for too long")
    if any((_time(claims, name) or 0) > now + LEEWAY_S for name in ("iat", "nbf")):
        raise _invalid("it is not valid yet")
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not 0 < len(token_id) <= _MAX_JTI:
        raise _invalid("it has no jti")
    return token_id


def _time(claims: Mapping[str, object], name: str) -> int | None:
    value = claims.get(name)
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def _invalid(reason: str) -> InvalidClient:
    return InvalidClient(detail=f"client_assertion: {reason}", challenge=False)
