"""Proof Key for Code Exchange, with SHA-256 and nothing else (RFC 7636, RFC 9700 §2.1.1)."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest

from keygrove.protocol.errors import InvalidRequest

METHOD = "S256"
# A SHA-256 digest in base64url without padding; the last character has two bits that are zero.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def check_challenge(challenge: str | None, method: str | None, *, required: bool) -> str | None:
    """The code challenge of an authorization request; None when there is none and none is needed.

    Without a method the challenge would be `plain` (RFC 7636 §4.3), which is refused like every
    method but S256. Raises InvalidRequest.
    """
    if challenge is None:
        if method is not None:
            raise InvalidRequest("code_challenge is missing.")
        if required:
            raise InvalidRequest("This client must use PKCE: code_challenge is missing.")
        return None
    if method != METHOD:
        raise InvalidRequest("code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge is not the BASE64URL of a SHA-256 digest.")
    return challenge


def proves(verifier: str | None, challenge: str | None) -> bool:
    """Whether the code verifier of a token request belongs to the challenge (RFC 7636 §4.6).

    A verifier where there was no challenge proves nothing: the challenge may have been cut out of
    the authorization request (RFC 9700 §4.8.2).
    """
    if verifier is None or challenge is None:
        return verifier is challenge
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
    return compare_digest(digest, challenge.encode())
