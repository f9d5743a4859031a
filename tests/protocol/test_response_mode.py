"""The answer of the authorization endpoint: RFC 6749 §4.1.2, RFC 9207, the response modes of OpenID."""

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.client import Client
from keygrove.protocol.errors import AccessDenied
from keygrove.protocol.redirect import RedirectUri, trust_redirect_uri
from keygrove.protocol.response_mode import (
    FormPost,
    Redirection,
    ResponseMode,
    ReturnAddress,
    send_code,
    send_error,
)
from keygrove.protocol.scope import Scope

ISSUER = "https://issuer.example"


def trusted(uri: str = "https://app.example/cb") -> RedirectUri:
    """A redirect URI as its client registered it."""
    client = Client(
        client_id="app",
        secret_digest="",
        grant_types=frozenset(),
        scope=Scope(),
        audience="",
        company_id="",
        enabled=True,
        redirect_uris=(uri,),
    )
    return trust_redirect_uri(uri, client)


def location(back: ReturnAddress) -> str:
    """Where a code is sent."""
    answer = send_code(back, "c1", ISSUER)
    assert isinstance(answer, Redirection)
    return answer.location


def test_a21_a_code_goes_back_in_the_query_with_state_and_iss() -> None:
    """RFC 6749 §4.1.2, RFC 9207 §2."""
    assert location(ReturnAddress(trusted(), "query", "s1")) == (
        "https://app.example/cb?code=c1&state=s1&iss=https%3A%2F%2Fissuer.example#"
    )


def test_a21_an_error_carries_iss_and_no_private_detail() -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2."""
    error = AccessDenied("The person said no.", detail="private")
    assert send_error(ReturnAddress(trusted()), error, ISSUER) == Redirection(
        "https://app.example/cb?error=access_denied&error_description=The%20person%20said%20no."
        "&iss=https%3A%2F%2Fissuer.example#"
    )


def test_a18_the_fragment_or_a_form_carries_it_when_asked() -> None:
    """The same members in the same order (Multiple Response Types §2.1, Form Post Response Mode §2)."""
    uri = trusted("https://app.example/cb?x=1")
    assert location(ReturnAddress(uri, "fragment", "s1")) == (
        "https://app.example/cb?x=1#code=c1&state=s1&iss=https%3A%2F%2Fissuer.example"
    )
    form = send_code(ReturnAddress(uri, "form_post", '"><script>'), "c1", ISSUER)
    assert form == FormPost(uri.uri, (("code", "c1"), ("state", '"><script>'), ("iss", ISSUER)))


def test_a_registered_query_is_kept() -> None:
    """And added to (RFC 6749 §3.1.2)."""
    for uri, start in [
        ("https://app.example?x=%20", "https://app.example?x=%20&code=c1&"),
        ("https://app.example/?", "https://app.example/?code=c1&"),
        ("com.example.app:/cb", "com.example.app:/cb?code=c1&"),
    ]:
        assert location(ReturnAddress(RedirectUri(uri))).startswith(start)


def test_a47_a_redirection_by_query_ends_with_a_fragment_of_its_own() -> None:
    """Else the browser carries the fragment of our own URL over to the client."""
    assert location(ReturnAddress(trusted())).endswith("#")


def test_codes_are_not_printed() -> None:
    """Neither kind of answer shows what it carries."""
    for mode in ("query", "form_post"):
        assert "c1" not in repr(send_code(ReturnAddress(trusted(), mode), "c1", ISSUER))


@given(st.text(max_size=40), st.sampled_from(["query", "fragment", "form_post"]))
def test_a19_state_comes_back_exactly(state: str, mode: ResponseMode) -> None:
    """Whatever it is made of; and nothing in it can end a header line."""
    answer = send_code(ReturnAddress(trusted(), mode, state), "c1", ISSUER)
    if isinstance(answer, FormPost):
        assert dict(answer.fields)["state"] == state
    else:
        assert answer.location.isascii()
        assert answer.location.isprintable()
        assert " " not in answer.location
        parts = urlsplit(answer.location)
        text = parts.fragment if mode == "fragment" else parts.query
        assert dict(parse_qsl(text, keep_blank_values=True))["state"] == state
