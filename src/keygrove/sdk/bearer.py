"""Bearer tokens in requests, and the challenges that refuse them (RFC 6750)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(eq=False, kw_only=True)  # not frozen: Python itself writes to exceptions
class Refusal(Exception):
    """A request that is not let through. `status` is 400, 401, 403, or 503 when keys cannot be had.

    `error` is a code of RFC 6750 §3.1, or None when there is nothing to tell. `description` repeats nothing
    of the request.
    """

    status: int
    description: str
    error: str | None = None
    scope: str | None = None
    retry_after_s: int | None = None

    def headers(self, realm: str | None = None) -> dict[str, str]:
        """Return the header fields of the answer: a challenge (RFC 6750 §3), or when to come again."""
        if self.retry_after_s is not None:
            return {"Retry-After": str(self.retry_after_s)}
        told = {"realm": realm, "error": self.error, "scope": self.scope}
        if self.error is not None:
            told["error_description"] = self.description
        parameters = ", ".join(f'{name}="{value}"' for name, value in told.items() if value is not None)
        return {"WWW-Authenticate": f"Bearer {parameters}".rstrip()}

    def __str__(self) -> str:
        return self.description


def no_token() -> Refusal:
    """No token was sent: a bare challenge, for there is no error to tell of (RFC 6750 §3.1)."""
    return Refusal(status=401, description="This needs an access token.")


def invalid_request(description: str) -> Refusal:
    """The token was not sent as RFC 6750 §2 says."""
    return Refusal(status=400, error="invalid_request", description=description)


def invalid_token(reason: str) -> Refusal:
    """The token is not good."""
    return Refusal(status=401, error="invalid_token", description=f"{reason[:1].upper()}{reason[1:]}.")


def insufficient_scope(needed: Collection[str], missing: Sequence[str]) -> Refusal:
    """The token is good, but not for this. The challenge names all that is needed (RFC 6750 §3)."""
    lacking = " ".join(missing)
    return Refusal(
        status=403,
        error="insufficient_scope",
        description=f"The token lacks the scope {lacking}.",
        scope=" ".join(needed),
    )


def keys_unavailable() -> Refusal:
    """The issuer's keys cannot be had, so nothing can be said about the token."""
    return Refusal(status=503, description="Tokens cannot be checked at the moment.", retry_after_s=5)


def read_token(authorization: str | Sequence[str] | None, *, elsewhere: bool) -> str:
    """Return the token of a request. Raises Refusal.

    `authorization` is the value of the Authorization field, or all of them. `elsewhere` says that the request
    also carries an `access_token` in its query or form: alone that counts as no token, for a URL ends in logs
    (RFC 9700 §4.3.2); beside the field it is an error (RFC 6750 §2).
    """
    fields = [authorization] if isinstance(authorization, str) else list(authorization or ())
    if not fields:
        raise no_token()
    value = fields[0].strip(" \t")  # blanks around it are no part of a field (RFC 9110 §5.5)
    if len(fields) > 1 or not value.isascii() or "\t" in value:
        raise invalid_request("The Authorization header is malformed.")
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer":
        raise no_token()
    if elsewhere:
        raise invalid_request("The token is sent twice.")
    token = token.lstrip(" ")
    if not token:
        raise invalid_request("The Authorization header has no token.")
    return token
