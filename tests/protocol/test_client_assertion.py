"""Clients that sign: RFC 7523 §2.2 and §3, RFC 7521 §4.2, OpenID Connect Core §9."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.client_assertion import ASSERTION_TYPE, check_assertion, claimed_client_id
from keygrove.protocol.client_authentication import (
    AuthenticatedClient,
    Credentials,
    SignedCredentials,
    authenticate_client,
    read_credentials,
)
from keygrove.protocol.errors import InvalidClient, InvalidRequest
from keygrove.protocol.message import Parameters, Request
from protocol.asking import APP

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
CLAIMS: dict[str, object] = {
    "iss": "app",
    "sub": "app",
    "aud": ISSUER,
    "exp": NOW + 60,
    "iat": NOW,
    "jti": "j1",
}
KEY_SET = '{"keys": []}'
SIGNING = replace(APP, token_endpoint_auth_method="private_key_jwt", secret_digest="", jwks=KEY_SET)
DIGEST = "a" * 64


def text(claims: object) -> str:
    """A token of these claims that nobody has signed."""
    return f"h.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


def read(*headers: tuple[str, str], **parameters: str) -> Credentials:
    """Read the credentials of a request."""
    request = Request(method="POST", path="/oauth2/token", headers=headers)
    return read_credentials(request, Parameters(parameters.items()))


def check(**changes: object) -> str:
    """Check the claims with changes; None takes one away."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return check_assertion(claims, "app", (ISSUER, f"{ISSUER}/oauth2/token"), now=NOW)


def test_an_assertion_claims_to_be_a_client() -> None:
    """It names the client itself; `client_id` may stand beside it (RFC 7521 §4.2)."""
    assertion = text(CLAIMS)
    wanted = SignedCredentials("app", "", by_header=False, assertion=assertion)
    assert read(client_assertion=assertion, client_assertion_type=ASSERTION_TYPE) == wanted
    assert read(client_id="app", client_assertion=assertion, client_assertion_type=ASSERTION_TYPE) == wanted
    assert assertion not in repr(wanted)


def test_a_client_proves_itself_in_one_way_only() -> None:
    """RFC 6749 §2.3; another kind of assertion is not known."""
    good = {"client_assertion": text(CLAIMS), "client_assertion_type": ASSERTION_TYPE}
    for more in (
        {"client_secret": "s1"},
        {"client_id": "other"},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ""},
    ):
        with pytest.raises(InvalidRequest):
            read(**good | more)
    with pytest.raises(InvalidRequest):
        read(("authorization", "Basic YXBwOnMx"), **good)


@pytest.mark.parametrize(
    "assertion",
    ["x", "a.b", "..", "a.b.c", text([]), text({}), text({"sub": 1}), text({"sub": ""}), text("x"), "é.é.é"],
)
def test_an_assertion_that_names_nobody_is_an_invalid_client(assertion: str) -> None:
    """Whatever else it is."""
    with pytest.raises(InvalidClient):
        claimed_client_id(assertion)


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_an_error(payload: str) -> None:
    """Nothing else comes out."""
    with pytest.raises(InvalidClient):
        claimed_client_id(f"a.{payload}.c")


def test_good_claims_give_their_jti() -> None:
    """For the issuer or the token endpoint, alone in a list too; `iat` and `nbf` may be missing (§3)."""
    assert check() == "j1"
    assert check(aud=f"{ISSUER}/oauth2/token") == "j1"
    assert check(aud=[ISSUER], iat=None) == "j1"
    assert check(exp=NOW - 29, nbf=NOW + 30, iat=NOW + 30) == "j1"
    assert check(exp=NOW + 3630.5) == "j1"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"iss": None},
        {"aud": None},
        {"aud": f"{ISSUER}/"},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": []},
        {"aud": {"x": ISSUER}},
        {"exp": None},
        {"exp": NOW - 30},
        {"exp": NOW + 3631},
        {"exp": "never"},
        {"exp": 1e400},
        {"nbf": NOW + 31},
        {"iat": NOW + 31},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 257},
    ],
)
def test_j14_other_claims_are_an_invalid_client(changes: dict[str, object]) -> None:
    """Of another, for another, too old, for too long, not yet, or usable twice (§3)."""
    with pytest.raises(InvalidClient, match="client_assertion"):
        check(**changes)


def test_a_signing_client_is_proved_by_its_signature_alone() -> None:
    """No secret stands in for it, and it stands in for no secret."""
    signed = SignedCredentials("app", "", by_header=False, assertion="a")
    proved = authenticate_client(signed, SIGNING, DIGEST, signed_with=KEY_SET)
    assert proved == AuthenticatedClient(SIGNING)
    for credentials in (signed, Credentials("app", "s1", False), Credentials("app", "", False)):
        with pytest.raises(InvalidClient):
            authenticate_client(credentials, SIGNING, "")
    for other in (APP, replace(APP, public=True, token_endpoint_auth_method="none")):
        with pytest.raises(InvalidClient):
            authenticate_client(signed, other, DIGEST)
    with pytest.raises(InvalidClient):
        authenticate_client(signed, replace(SIGNING, enabled=False), DIGEST, signed_with=KEY_SET)


def test_a_signature_with_keys_that_were_replaced_meanwhile_proves_nothing() -> None:
    """Of whoever takes a key away, its assertions count no more."""
    signed = SignedCredentials("app", "", by_header=False, assertion="a")
    with pytest.raises(InvalidClient, match="replaced"):
        authenticate_client(signed, replace(SIGNING, jwks='{"keys": [{}]}'), DIGEST, signed_with=KEY_SET)


@pytest.mark.parametrize("subject", ["\ud800", "a\0b", "k\u20acy", "a\nb", "\U0001f511"])
def test_a_subject_that_is_no_id_names_no_client(subject: str) -> None:
    """JSON can carry what no database takes."""
    with pytest.raises(InvalidClient):
        claimed_client_id(text({"sub": subject}))
