"""How a client proves itself at the token endpoint, and what it makes of being told that it did not."""

import asyncio
from collections.abc import Callable, Iterator

import httpx2
import pytest

from keygrove.sdk.client import TokenSource
from keygrove.sdk.token_endpoint import TokenError
from sdk.issuer import CLIENT
from sdk.token_server import SECRET, Answer, TokenServer, running_token_server

Get = Callable[[TokenSource], str]


def get_async(tokens: TokenSource) -> str:
    """In a loop of its own."""
    return asyncio.run(tokens.get_async())


either_way = pytest.mark.parametrize("get", [TokenSource.get, get_async])


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """A token endpoint of the test's own."""
    with running_token_server() as running:
        yield running


@pytest.fixture
def tokens(server: TokenServer) -> TokenSource:
    """A token source that finds the endpoint by the issuer's metadata."""
    return TokenSource(
        issuer=server.url, client_id=CLIENT, client_secret=SECRET, scopes=["openid"], chance=lambda: 0.0
    )


METHODS = "token_endpoint_auth_methods_supported"
BY_BASIC = {
    "nothing-else-that-we-can-do": ["private_key_jwt", "client_secret_basic"],
    "not-said": None,
}


@either_way
@pytest.mark.parametrize("methods", BY_BASIC.values(), ids=BY_BASIC.keys())
def test_a_server_that_wants_basic_gets_basic(
    server: TokenServer, tokens: TokenSource, get: Get, methods: object
) -> None:
    """When its metadata lists nothing else that we can do, or no methods: that means Basic (RFC 8414 §2)."""
    server.metadata[METHODS] = methods
    assert get(tokens) == "token-1"
    del server.metadata[METHODS]
    tokens.invalidate("token-1")
    assert get(tokens) == "token-2"
    assert server.authorizations == [httpx2.BasicAuth(CLIENT, SECRET)._auth_header] * 2
    assert not [form for form in server.forms if "client_secret" in form]


@either_way
def test_a_server_that_takes_the_body_gets_the_body(
    server: TokenServer, tokens: TokenSource, get: Get
) -> None:
    """And one whose metadata nobody reads."""
    by_url = TokenSource(token_url=f"{server.url}/oauth2/token", client_id=CLIENT, client_secret=SECRET)
    assert [get(tokens), get(by_url)] == ["token-1", "token-2"]
    assert server.authorizations == [None, None]
    assert [form["client_secret"] for form in server.forms] == [[SECRET]] * 2


@either_way
@pytest.mark.parametrize("status", [401, 429, 503])
def test_wrong_credentials_are_told_at_once(
    server: TokenServer, tokens: TokenSource, get: Get, status: int
) -> None:
    """No pause makes them right, not even the one that a spent failure budget asks for (429)."""
    server.always = Answer(status, {"error": "invalid_client"}, {"Retry-After": "1"})
    with pytest.raises(TokenError, match="invalid_client") as caught:
        get(tokens)
    assert (caught.value.status, caught.value.retry_after_s) == (status, 1.0)
    assert len(server.forms) == 1


@either_way
@pytest.mark.parametrize("body", [b"", {"error": "temporarily_unavailable"}, {"error": "slow_down"}])
def test_a_busy_server_is_waited_for(
    server: TokenServer, tokens: TokenSource, get: Get, body: object
) -> None:
    """A 429 that says nothing of the credentials."""
    server.queue = [Answer(429, body)]
    assert get(tokens) == "token-1"
    assert len(server.forms) == 2
