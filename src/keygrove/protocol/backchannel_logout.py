"""What an app is told when a person's session ends (OpenID Connect Back-Channel Logout 1.0)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keygrove.protocol.redirect import check_redirect_uri

LOGOUT_TOKEN_TYPE = "logout+jwt"  # noqa: S105 - a media type
LOGOUT_TOKEN_LIFETIME_S = 120
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
Outcome = Literal["told", "refused", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutToken:
    """A logout token before it is signed (§2.4): whose session at which client is over. Epoch seconds."""

    issuer: str
    subject: str
    client_id: str
    session_id: str
    token_id: str
    issued_at: int

    def claims(self) -> dict[str, object]:
        """The JWT claims set. It never has a nonce, so that nobody takes it for an ID token (§2.4)."""
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "iat": self.issued_at,
            "exp": self.issued_at + LOGOUT_TOKEN_LIFETIME_S,
            "jti": self.token_id,
            "events": {LOGOUT_EVENT: {}},
            "sid": self.session_id,
        }


def check_logout_uri(uri: str) -> None:
    """Raise InvalidRedirectUri, saying why, when a client may not register it to be told at (§2.2).

    It is absolute: https, or http on loopback, perhaps with a query, without a fragment.
    """
    check_redirect_uri(uri, "web")


def outcome_of(status: int) -> Outcome:
    """What the client's answer means (§2.8). Nothing but these is an answer, a redirection neither."""
    if status in (200, 204):
        return "told"
    return "refused" if status == 400 else "failed"


def next_attempt(attempts: int, pauses_s: Sequence[int], *, now: int) -> int | None:
    """When to try again after so many failed attempts, in epoch seconds; None to give up."""
    return now + pauses_s[attempts - 1] if attempts <= len(pauses_s) else None
