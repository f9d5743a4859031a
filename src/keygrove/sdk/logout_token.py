"""What the claims of a logout token must say to a client (OpenID Connect Back-Channel Logout 1.0 §2.6), pure.

The signature, `alg` and `typ` are checked before, by `crypto.jose.verify`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keygrove.crypto.jose import InvalidToken
from keygrove.protocol.backchannel_logout import LOGOUT_EVENT
from keygrove.sdk.claim_values import check_times, text
from keygrove.sdk.id_token import check_parties


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """Whose session at the issuer is over.

    `session_id` is the `sid` of the ID tokens of that session; empty when all of the person's are over.
    `subject` is empty when the issuer names the session alone. `token_id` is another one in each token.
    """

    subject: str
    session_id: str
    token_id: str


def read_logout_token(
    claims: Mapping[str, object], *, issuer: str, client_id: str, leeway_s: int, now: float
) -> SignedOut:
    """Judge the verified claims of a logout token. Raises InvalidToken."""
    check_parties(claims, issuer, client_id, what="logout token")
    if "iat" not in claims:
        raise InvalidToken("the logout token does not say when it was issued")
    check_times(claims, leeway_s, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise InvalidToken("the token tells of no sign-out")
    if "nonce" in claims:
        raise InvalidToken("a logout token has no nonce")
    if "sub" not in claims and "sid" not in claims:
        raise InvalidToken("the logout token names neither a person nor a session")
    return SignedOut(
        subject=text(claims["sub"], "the subject is not a text") if "sub" in claims else "",
        session_id=text(claims["sid"], "the session is not a text") if "sid" in claims else "",
        token_id=text(claims.get("jti"), "the logout token has no name"),
    )
