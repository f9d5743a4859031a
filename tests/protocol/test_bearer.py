"""Bearer tokens and challenges: RFC 6750 §2, §3."""

import pytest

from keygrove.protocol.bearer import challenge, read_bearer
from keygrove.protocol.errors import InsufficientScope, InvalidRequest, InvalidToken
from keygrove.protocol.message import Request


def read(*authorizations: str) -> str | None:
    """Read the token of a request with these headers."""
    headers = tuple(("authorization", value) for value in authorizations)
    return read_bearer(Request(method="GET", path="/userinfo", headers=headers))


@pytest.mark.parametrize("header", ["Bearer a.b-c_d~e+f/g==", "bearer a", "BEARER  a", "Bearer a "])
def test_j37_a_token_is_read_whatever_the_scheme_s_case(header: str) -> None:
    """RFC 9110 §11.1."""
    assert read(header) == header.split()[1]


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearerx a", "", "Digest bearer"])
def test_other_schemes_are_no_token(header: str) -> None:
    """Then the challenge tells of no error (§3.1)."""
    assert read(header) is None
    assert read() is None


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer\ta", "Bearer a b", "Bearer é", 'Bearer "a"'])
def test_j37_a_malformed_token_is_an_invalid_request(header: str) -> None:
    """As is a header sent twice."""
    with pytest.raises(InvalidRequest):
        read(header)
    with pytest.raises(InvalidRequest):
        read("Bearer a", "Bearer a")


def test_a_challenge_tells_the_error_if_there_is_one() -> None:
    """And the scope that is needed when that is what lacks (§3, §3.1)."""
    assert challenge() == 'Bearer realm="keygrove"'
    assert challenge(InvalidToken("It is no good.")) == (
        'Bearer realm="keygrove", error="invalid_token", error_description="It is no good."'
    )
    assert challenge(InsufficientScope("More.")).endswith(', error_description="More.", scope="openid"')
