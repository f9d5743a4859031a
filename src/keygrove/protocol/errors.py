"""The error answers of OAuth 2.0 and OpenID Connect: one class per registered code.

At the token endpoint (RFC 6749 §5.2, RFC 8707 §2), at the authorization endpoint (RFC 6749 §4.1.2.1,
OpenID Connect Core §3.1.2.6), where a bearer token is shown (RFC 6750 §3.1), and at registration
(RFC 7591 §3.2.2).

`description` is for the client and holds only the characters that RFC 6749 §5.2 allows;
`detail` is the true reason, for the log and the key's owner, and never reaches the wire.
"""

from typing import ClassVar


class OAuthError(Exception):
    """A refusal in the words of RFC 6749 §5.2."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, description: str, *, detail: str = "") -> None:
        self.description = description
        self.detail = detail
        super().__init__(detail or description)


class InvalidRequest(OAuthError):
    """The request is malformed, or repeats or lacks a parameter (RFC 6749 §5.2)."""

    code = "invalid_request"


class MethodNotAllowed(InvalidRequest):
    """The endpoint does not take this method (RFC 6749 §3.1, §3.2)."""

    status = 405


class RequestTooLarge(InvalidRequest):
    """The body is over the limit."""

    status = 413


class UnsupportedEncoding(InvalidRequest):
    """The body is compressed; it is never inflated."""

    status = 415


class InvalidClient(OAuthError):
    """Client authentication failed (RFC 6749 §5.2); one text for every reason.

    `challenge` is true when the client used the `Authorization` header: only then does the
    answer carry `WWW-Authenticate`.
    """

    code = "invalid_client"
    status = 401

    def __init__(self, *, detail: str, challenge: bool) -> None:
        super().__init__("Client authentication failed.", detail=detail)
        self.challenge = challenge


class TooManyFailures(InvalidClient):
    """Authentication failed once too often in a minute (RFC 6585 §4); the right secret still works."""

    status = 429

    def __init__(self, failed: InvalidClient, *, retry_after_s: int) -> None:
        super().__init__(detail=failed.detail, challenge=False)
        self.retry_after_s = retry_after_s


class InvalidScope(OAuthError):
    """A scope is unknown, malformed or not granted to the client (RFC 6749 §5.2)."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """The client may not get a token for this audience or resource (RFC 8707 §2)."""

    code = "invalid_target"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type (RFC 6749 §5.2)."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The server does not know this grant type (RFC 6749 §5.2)."""

    code = "unsupported_grant_type"


class ServerError(OAuthError):
    """Our own failure; the cause is in the log (RFC 6749 §4.1.2.1 names the code)."""

    code = "server_error"
    status = 500


class TemporarilyUnavailable(OAuthError):
    """The server cannot answer now; the client may try again after `Retry-After`."""

    code = "temporarily_unavailable"
    status = 503


class InvalidGrant(OAuthError):
    """The code or refresh token is not good, or not this client's (RFC 6749 §5.2)."""

    code = "invalid_grant"


class UnsupportedTokenType(OAuthError):
    """Tokens of this kind cannot be revoked (RFC 7009 §2.2.1)."""

    code = "unsupported_token_type"


class UnsupportedResponseType(OAuthError):
    """The server answers with a code and with nothing else (RFC 6749 §4.1.2.1)."""

    code = "unsupported_response_type"


class AccessDenied(OAuthError):
    """The person said no, or may not say yes (RFC 6749 §4.1.2.1)."""

    code = "access_denied"


class LoginRequired(OAuthError):
    """The person would have to sign in, and the client wants no page shown (OIDC Core §3.1.2.6)."""

    code = "login_required"


class AccountSelectionRequired(OAuthError):
    """The person would have to choose a company, and the client wants no page shown (OIDC Core §3.1.2.6)."""

    code = "account_selection_required"


class ConsentRequired(OAuthError):
    """The person would have to allow it, and the client wants no page shown (OIDC Core §3.1.2.6)."""

    code = "consent_required"


class InteractionRequired(OAuthError):
    """The person would have to do something else, and the client wants no page shown (OIDC Core §3.1.2.6)."""

    code = "interaction_required"


class UnmetAuthenticationRequirements(OAuthError):
    """The person cannot sign in the way the client insists on (OIDC Core Error Code §2)."""

    code = "unmet_authentication_requirements"


class RequestNotSupported(OAuthError):
    """The `request` parameter is not supported (OIDC Core §3.1.2.6)."""

    code = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """The `request_uri` parameter is not supported (OIDC Core §3.1.2.6)."""

    code = "request_uri_not_supported"


class RegistrationNotSupported(OAuthError):
    """The `registration` parameter is not supported (OIDC Core §3.1.2.6)."""

    code = "registration_not_supported"


class InvalidRedirectUri(OAuthError):
    """A redirect URI may not be registered, or is not the client's (RFC 7591 §3.2.2)."""

    code = "invalid_redirect_uri"


class InvalidToken(OAuthError):
    """An access token is expired, revoked or not ours (RFC 6750 §3.1)."""

    code = "invalid_token"
    status = 401


class InsufficientScope(OAuthError):
    """An access token may not do this (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    status = 403
