"""Bearer tokens in a request, and the challenge that refuses them (RFC 6750)."""

import re

from keygrove.protocol.errors import InsufficientScope, InvalidRequest, OAuthError
from keygrove.protocol.message import Request

REALM = "keygrove"
# b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)


def read_bearer(request: Request) -> str | None:
    """The token in the `Authorization` header; None when there is none (RFC 6750 §2.1).

    One in the body or in the query is not looked at (§2.2 is optional; RFC 9700 §4.3.2 is against the query).
    Raises InvalidRequest when the header is repeated or malformed.
    """
    authorization = request.header("authorization")
    if authorization is None or authorization[:7].lower().strip() != "bearer":
        return None
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise InvalidRequest("The Authorization header is malformed.")
    return match[1]


def challenge(error: OAuthError | None = None) -> str:
    """The value of `WWW-Authenticate`; without an error when no token was sent (RFC 6750 §3, §3.1)."""
    told = [f'Bearer realm="{REALM}"']
    if error is not None:
        told += [f'error="{error.code}"', f'error_description="{error.description}"']
    if isinstance(error, InsufficientScope):
        told.append('scope="openid"')
    return ", ".join(told)
