"""What a verified token's claims may be: texts and times (RFC 7519 §2, §4.1)."""

from collections.abc import Mapping

from keygrove.crypto.jose import InvalidToken

_MOST = 2**53  # seconds, above which a float has no whole ones; NaN is not below it either


def text(value: object, otherwise: str) -> str:
    """Return a claim that must be a text and not empty. Raises InvalidToken with the words `otherwise`."""
    if not isinstance(value, str) or not value:
        raise InvalidToken(otherwise)
    return value


def number(value: object) -> float:
    """A NumericDate is a JSON number (RFC 7519 §2): no string, no boolean, nothing infinite.

    Raises InvalidToken.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_MOST <= value <= _MOST:
        raise InvalidToken("a time in the token is not a number")
    return value


def check_times(claims: Mapping[str, object], leeway_s: int, now: float) -> int:
    """Return `exp` of a token that is good at `now`: before `exp` plus the leeway, and from `nbf` and `iat`
    minus the leeway on, where there are any. Epoch seconds. Raises InvalidToken.
    """
    expires_at = number(claims.get("exp"))
    if now >= expires_at + leeway_s:
        raise InvalidToken("the token has expired")
    if "nbf" in claims and now < number(claims["nbf"]) - leeway_s:
        raise InvalidToken("the token is not valid yet")
    if "iat" in claims and now < number(claims["iat"]) - leeway_s:
        raise InvalidToken("the token is from the future: the clocks here and of the issuer disagree")
    return int(expires_at)
