"""RFC 6750: where a token may be, and what a refusal says."""

import pytest

from keygrove.sdk.bearer import Refusal, read_token
from keygrove.sdk.resource_server import ResourceServer
from sdk.issuer import AUDIENCE, CLIENT, Issuer


def refusal(api: ResourceServer, authorization: str | list[str] | None, **more: object) -> Refusal:
    """What the API refuses a request with."""
    with pytest.raises(Refusal) as caught:
        api.authenticate(authorization, **more)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("authorization", [None, [], "Basic dXNlcjpwYXNz", "DPoP abc", "Bearerx abc", ""])
def test_j38_no_token_is_answered_with_a_bare_challenge(
    authorization: str | list[str] | None, shared_api: ResourceServer
) -> None:
    """No error code, for there is no error to tell of (RFC 6750 §3.1)."""
    refused = refusal(shared_api, authorization)
    assert (refused.status, refused.error, refused.headers()) == (401, None, {"WWW-Authenticate": "Bearer"})


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("gap", [" ", "   "])
def test_j37_the_scheme_compares_without_case(
    scheme: str, gap: str, shared_issuer: Issuer, shared_api: ResourceServer
) -> None:
    """RFC 9110 §11.1; blanks around the field are no part of it, for servers that leave them there."""
    token = shared_issuer.token()
    assert shared_api.authenticate(f"{scheme}{gap}{token}").client_id == CLIENT
    assert shared_api.authenticate(f" {scheme}{gap}{token} \t").client_id == CLIENT


MALFORMED = ["Bearer", "Bearer ", "Bearer\ttoken", "Bearer \ttoken", "Bearer tøken", "Bearer \t"]


@pytest.mark.parametrize("authorization", MALFORMED)
def test_j37_a_malformed_field_is_an_invalid_request(authorization: str, shared_api: ResourceServer) -> None:
    """400 with the error code."""
    refused = refusal(shared_api, authorization)
    assert (refused.status, refused.error) == (400, "invalid_request")


@pytest.mark.parametrize("tail", [" x", "\n", "\x0b", "\0", ",", ";", '"', "%20", ", Bearer b"])
def test_j37_what_follows_the_token_spoils_it(
    tail: str, shared_issuer: Issuer, shared_api: ResourceServer
) -> None:
    """There is one spelling of a token."""
    assert refusal(shared_api, f"Bearer {shared_issuer.token()}{tail}").status == 401


def test_two_authorization_fields_are_an_invalid_request(
    shared_issuer: Issuer, shared_api: ResourceServer
) -> None:
    """Even if they are equal."""
    field = f"Bearer {shared_issuer.token()}"
    assert refusal(shared_api, [field, field]).error == "invalid_request"


def test_j34_a_token_elsewhere_alone_is_no_token(shared_api: ResourceServer) -> None:
    """A URL ends in logs; the token in it is not looked at (RFC 9700 §4.3.2)."""
    assert refusal(shared_api, None, elsewhere=True).headers() == {"WWW-Authenticate": "Bearer"}


def test_j35_a_token_in_two_places_is_an_invalid_request(
    shared_issuer: Issuer, shared_api: ResourceServer
) -> None:
    """RFC 6750 §2: one method per request."""
    refused = refusal(shared_api, f"Bearer {shared_issuer.token()}", elsewhere=True)
    assert (refused.status, refused.error) == (400, "invalid_request")


def test_j33_too_little_scope_is_named(shared_issuer: Issuer, shared_api: ResourceServer) -> None:
    """403, with all that is needed in the challenge (RFC 6750 §3)."""
    field = f"Bearer {shared_issuer.token()}"
    refused = refusal(shared_api, field, scopes=["marketing.read", "booking.read"])
    assert (refused.status, refused.error) == (403, "insufficient_scope")
    assert refused.headers() == {
        "WWW-Authenticate": 'Bearer error="insufficient_scope", scope="marketing.read booking.read", '
        'error_description="The token lacks the scope booking.read."'
    }


@pytest.mark.parametrize(
    "scope", ["", "marketing.readx", "MARKETING.READ", "marketing.*", "marketing", "x.marketing.read"]
)
def test_scopes_compare_exactly(scope: str, shared_issuer: Issuer, shared_api: ResourceServer) -> None:
    """No prefix, no pattern, no case folding."""
    field = f"Bearer {shared_issuer.token(scope=scope)}"
    assert refusal(shared_api, field, scopes=["marketing.read"]).status == 403


def test_a_realm_is_named_in_every_challenge(shared_issuer: Issuer) -> None:
    """If the API has one."""
    api = ResourceServer(issuer=shared_issuer.url, audience=AUDIENCE, realm="orders")
    assert refusal(api, None).headers(api.realm) == {"WWW-Authenticate": 'Bearer realm="orders"'}
    assert (
        refusal(api, "Bearer x")
        .headers(api.realm)["WWW-Authenticate"]
        .startswith('Bearer realm="orders", error="invalid_token", ')
    )


def test_a_huge_field_is_cut_short() -> None:
    """Ten million blanks are no work."""
    with pytest.raises(Refusal):
        read_token("Bearer" + " " * 10_000_000, elsewhere=False)
