"""`auth=` objects of HTTP libraries, against an API on a real socket that refuses tokens."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
import requests

from keygrove.sdk.client import TokenSource
from sdk.issuer import CLIENT
from sdk.token_server import SECRET, TokenServer, running_token_server


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """A token endpoint of the test's own, and an API."""
    with running_token_server() as running:
        yield running


@pytest.fixture
def tokens(server: TokenServer) -> TokenSource:
    """What the API wants."""
    return TokenSource(issuer=server.url, client_id=CLIENT, client_secret=SECRET)


def test_httpx_sends_the_token_and_once_more_after_a_401(server: TokenServer, tokens: TokenSource) -> None:
    """A second 401 stands."""
    server.api_refuses = {"token-1"}
    with httpx2.Client(base_url=server.url, auth=tokens.auth(httpx2.Auth)) as client:
        assert client.post("/api", content=b"x").json() == {"seen": "Bearer token-2"}
        assert client.get("/api").json() == {"seen": "Bearer token-2"}
        server.api_refuses = {f"token-{number}" for number in range(9)}
        assert client.get("/api").status_code == 401
    assert [body for _, body in server.api_calls] == [b"x", b"x", b"", b"", b""]
    assert server.issued == 3


def test_httpx_does_so_asynchronously(server: TokenServer, tokens: TokenSource) -> None:
    """By the same object."""
    server.api_refuses = {"token-1"}

    async def call() -> object:
        async with httpx2.AsyncClient(base_url=server.url, auth=tokens.auth(httpx2.Auth)) as client:
            return (await client.get("/api")).json()

    assert asyncio.run(call()) == {"seen": "Bearer token-2"}


class Pipe(io.BytesIO):
    """What can be read once."""

    def seekable(self) -> bool:
        """No."""
        return False

    def seek(self, *_: int) -> int:
        """Fail."""
        raise io.UnsupportedOperation


async def pieces() -> AsyncIterator[bytes]:
    """A body that is made while it is sent."""
    yield b"a"
    yield b"b"


READ_ONCE: dict[str, Callable[[], dict[str, Any]]] = {
    "generator": lambda: {"content": (piece for piece in (b"a", b"b"))},
    "file": lambda: {"content": io.BytesIO(b"ab")},
    "form-with-a-pipe": lambda: {"files": {"one": b"a", "two": Pipe(b"b")}},
}
READ_AGAIN: dict[str, Callable[[], dict[str, Any]]] = {
    "bytes": lambda: {"content": b"ab"},
    "nothing": dict,
    "json": lambda: {"json": {"a": "b"}},
    "form": lambda: {"data": {"a": "b"}},
    "form-with-files": lambda: {"data": {"a": "b"}, "files": {"one": b"a", "two": io.BytesIO(b"b")}},
}
either_library = pytest.mark.parametrize("library", [httpx2, httpx], ids=["httpx2", "httpx"])


@either_library
@pytest.mark.parametrize("body", READ_ONCE.values(), ids=READ_ONCE.keys())
def test_httpx_does_not_repeat_what_can_be_read_once(
    server: TokenServer, tokens: TokenSource, library: Any, body: Callable[[], dict[str, Any]]
) -> None:
    """The 401 stands; the next request has another token."""
    server.api_refuses = {"token-1"}
    with library.Client(base_url=server.url, auth=tokens.auth(library.Auth), trust_env=False) as client:
        assert client.post("/api", **body()).status_code == 401
        assert len(server.api_calls) == 1
        assert client.post("/api", **body()).json() == {"seen": "Bearer token-2"}
    assert all(b"b" in whole for _, whole in server.api_calls)


@either_library
@pytest.mark.parametrize("body", READ_AGAIN.values(), ids=READ_AGAIN.keys())
def test_httpx_repeats_what_can_be_read_again(
    server: TokenServer, tokens: TokenSource, library: Any, body: Callable[[], dict[str, Any]]
) -> None:
    """Whole."""
    server.api_refuses = {"token-1"}
    with library.Client(base_url=server.url, auth=tokens.auth(library.Auth), trust_env=False) as client:
        assert client.post("/api", **body()).json() == {"seen": "Bearer token-2"}
    (_, first), (_, second) = server.api_calls
    assert first == second


@either_library
def test_httpx_does_so_asynchronously_too(server: TokenServer, tokens: TokenSource, library: Any) -> None:
    """With a body of an asynchronous generator, and one in memory."""
    server.api_refuses = {"token-1", "token-2"}

    async def call() -> None:
        auth = tokens.auth(library.Auth)
        async with library.AsyncClient(base_url=server.url, auth=auth, trust_env=False) as client:
            assert (await client.post("/api", content=pieces())).status_code == 401
            assert len(server.api_calls) == 1
            assert (await client.post("/api", content=b"ab")).json() == {"seen": "Bearer token-3"}
            assert (await client.post("/api", content=pieces())).json() == {"seen": "Bearer token-3"}
        assert {whole for _, whole in server.api_calls} == {b"ab"}

    asyncio.run(call())


def test_requests_sends_the_token_and_once_more_after_a_401(server: TokenServer, tokens: TokenSource) -> None:
    """A second 401 stands; a body that was a stream is not sent again."""
    server.api_refuses = {"token-1"}
    with requests.Session() as session:
        session.auth = tokens.requests_auth()
        answer = session.post(f"{server.url}/api", data=b"x", timeout=5)
        assert answer.json() == {"seen": "Bearer token-2"}
        assert [earlier.status_code for earlier in answer.history] == [401]
        server.api_refuses = {f"token-{number}" for number in range(9)}
        assert session.get(f"{server.url}/api", timeout=5).status_code == 401
        calls = len(server.api_calls)
        assert session.post(f"{server.url}/api", data=iter([b"x"]), timeout=5).status_code == 401
        assert len(server.api_calls) == calls + 1
        server.api_refuses = {f"token-{server.issued}"}
        assert session.post(f"{server.url}/api", data=iter([b"x"]), timeout=5).status_code == 200
        assert server.api_calls[-1] == (f"Bearer token-{server.issued}", b"x")


def test_a_redirect_away_takes_no_token_along(server: TokenServer, tokens: TokenSource) -> None:
    """Not even when the other host answers 401."""
    with running_token_server() as elsewhere, requests.Session() as session:
        server.moved_to = f"{elsewhere.url}/api"
        session.auth = tokens.requests_auth()
        assert session.get(f"{server.url}/api", timeout=5).status_code == 401
        with httpx2.Client(auth=tokens.auth(httpx2.Auth), follow_redirects=True) as client:
            assert client.get(f"{server.url}/api").status_code == 401
    assert elsewhere.api_calls
    assert {field for field, _ in elsewhere.api_calls} == {None}
