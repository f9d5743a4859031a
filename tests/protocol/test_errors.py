"""The error answers: RFC 6749 §4.1.2.1 and §5.2, OIDC Core §3.1.2.6, RFC 6750, RFC 7591, RFC 8707."""

import re
from collections.abc import Iterator

import pytest

from keygrove.protocol import errors
from keygrove.protocol.errors import InvalidClient, OAuthError

CODES = {
    "InvalidRequest": ("invalid_request", 400),
    "MethodNotAllowed": ("invalid_request", 405),
    "RequestTooLarge": ("invalid_request", 413),
    "UnsupportedEncoding": ("invalid_request", 415),
    "InvalidClient": ("invalid_client", 401),
    "TooManyFailures": ("invalid_client", 429),
    "InvalidScope": ("invalid_scope", 400),
    "InvalidTarget": ("invalid_target", 400),
    "UnauthorizedClient": ("unauthorized_client", 400),
    "UnsupportedGrantType": ("unsupported_grant_type", 400),
    "ServerError": ("server_error", 500),
    "TemporarilyUnavailable": ("temporarily_unavailable", 503),
    "InvalidGrant": ("invalid_grant", 400),
    "UnsupportedTokenType": ("unsupported_token_type", 400),
    "UnsupportedResponseType": ("unsupported_response_type", 400),
    "AccessDenied": ("access_denied", 400),
    "LoginRequired": ("login_required", 400),
    "AccountSelectionRequired": ("account_selection_required", 400),
    "ConsentRequired": ("consent_required", 400),
    "InteractionRequired": ("interaction_required", 400),
    "UnmetAuthenticationRequirements": ("unmet_authentication_requirements", 400),
    "RequestNotSupported": ("request_not_supported", 400),
    "RequestUriNotSupported": ("request_uri_not_supported", 400),
    "RegistrationNotSupported": ("registration_not_supported", 400),
    "InvalidRedirectUri": ("invalid_redirect_uri", 400),
    "InvalidToken": ("invalid_token", 401),
    "InsufficientScope": ("insufficient_scope", 403),
}


def classes(parent: type[OAuthError] = OAuthError) -> Iterator[type[OAuthError]]:
    """Every error there is."""
    for child in parent.__subclasses__():
        yield child
        yield from classes(child)


def test_every_error_has_its_registered_code_and_status() -> None:
    """One class per code, and no class that this table forgets."""
    assert {kind.__name__: (kind.code, kind.status) for kind in classes()} == CODES


def test_detail_stays_apart_from_description() -> None:
    """The true reason is what the log prints; the client reads the description only."""
    error = errors.InvalidScope("A scope is not granted.", detail="asked for x")
    assert (error.description, error.detail, str(error)) == (
        "A scope is not granted.",
        "asked for x",
        "asked for x",
    )
    assert str(errors.InvalidScope("A scope is not granted.")) == "A scope is not granted."


@pytest.mark.parametrize("reason", ["unknown client", "wrong secret"])
def test_invalid_client_has_one_text(reason: str) -> None:
    """Whatever the reason, the client reads the same."""
    error = InvalidClient(detail=reason, challenge=False)
    assert error.description == "Client authentication failed."
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", error.description)
