"""Back-channel logout: OpenID Connect Back-Channel Logout 1.0 §2.2, §2.4, §2.8."""

import pytest

from keygrove.protocol.backchannel_logout import (
    LOGOUT_TOKEN_TYPE,
    LogoutToken,
    check_logout_uri,
    next_attempt,
    outcome_of,
)
from keygrove.protocol.claims import read_id_token_hint
from keygrove.protocol.errors import InvalidRedirectUri

TOKEN = LogoutToken(
    issuer="https://i.example",
    subject="ana",
    client_id="app",
    session_id="sid1",
    token_id="jti1",
    issued_at=1000,
)


def test_a_logout_token_says_whose_session_is_over() -> None:
    """Every claim of §2.4, for two minutes, of one client; and nothing else: above all no nonce."""
    assert LOGOUT_TOKEN_TYPE == "logout+jwt"
    assert TOKEN.claims() == {
        "iss": "https://i.example",
        "sub": "ana",
        "aud": "app",
        "iat": 1000,
        "exp": 1120,
        "jti": "jti1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sid": "sid1",
    }


def test_nobody_takes_it_for_an_id_token() -> None:
    """As a hint it means nobody (§4, cross-JWT confusion)."""
    assert read_id_token_hint(TOKEN.claims(), "https://i.example") is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example/told",
        "https://a.example:8443/told?x=1",
        "http://localhost:8402/told",
        "http://[::1]/",
    ],
)
def test_an_app_is_told_at_an_absolute_address(uri: str) -> None:
    """With port, path and query, if it likes (§2.2)."""
    check_logout_uri(uri)


@pytest.mark.parametrize(
    "uri",
    ["", "/told", "https://a.example/#x", "https://a.example/#", "http://a.example/", "http://10.0.0.1/",
     "https://user@a.example/", "com.example.app:/told", "ftp://a.example/"],
)  # fmt: skip
def test_no_other_address_is_registered(uri: str) -> None:
    """No fragment (§2.2), nothing in the clear but to this machine."""
    with pytest.raises(InvalidRedirectUri):
        check_logout_uri(uri)


def test_three_answers_count() -> None:
    """Done, refused; a redirection, an error of the server and all else are no answer (§2.8)."""
    assert {status: outcome_of(status) for status in (200, 204, 400)} == {
        200: "told",
        204: "told",
        400: "refused",
    }
    for status in (100, 201, 202, 301, 302, 303, 307, 308, 401, 403, 404, 405, 429, 500, 501, 503):
        assert outcome_of(status) == "failed"


def test_pauses_grow_until_nobody_tries_any_more() -> None:
    """One pause before each further attempt."""
    assert [next_attempt(number, (10, 60, 600), now=1000) for number in (1, 2, 3, 4, 9)] == [
        1010,
        1060,
        1600,
        None,
        None,
    ]
    assert next_attempt(1, (), now=1000) is None
