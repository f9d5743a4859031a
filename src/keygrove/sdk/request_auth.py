"""`auth=` objects that put a fresh token on each request, and once more another one after a 401.

A request whose body is a stream is not sent again: it has been read. The next one gets another token.
No HTTP library is imported here: its own base class is handed in, or, for requests, none is needed.
"""

from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol


class Source(Protocol):
    """Where tokens come from: a TokenSource."""

    def get(self) -> str:
        """Return a token."""

    async def get_async(self) -> str:
        """Return a token."""

    def invalidate(self, token: str) -> None:
        """Forget a token."""


def auth_class(base: Any) -> Any:
    """Make a class for httpx2 or httpx on its `Auth` class; an instance takes a Source."""

    class BearerAuth(base):  # type: ignore[misc]
        def __init__(self, source: Source) -> None:
            self._source = source

        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            token = self._source.get()
            response = yield _carrying(request, token)
            if response.status_code == 401:
                self._source.invalidate(token)
                if _can_be_read_again(request):
                    yield _carrying(request, self._source.get())

        async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
            token = await self._source.get_async()
            response = yield _carrying(request, token)
            if response.status_code == 401:
                self._source.invalidate(token)
                if _can_be_read_again(request):
                    yield _carrying(request, await self._source.get_async())

    return BearerAuth


class RequestsAuth:
    """For requests."""

    def __init__(self, source: Source) -> None:
        """`source` is a TokenSource."""
        self._source = source

    def __call__(self, request: Any) -> Any:
        """Put the token on a prepared request; requests calls this."""
        token = self._source.get()

        def send_again(response: Any, **options: Any) -> Any:
            sent = response.request
            carried = sent.headers.get("Authorization") == f"Bearer {token}"  # not so after a redirect away
            if response.status_code != 401 or not carried:
                return response
            self._source.invalidate(token)
            if not isinstance(sent.body, bytes | str | None):
                return response
            response.content  # noqa: B018 - reading it frees the connection
            response.close()
            again = _carrying(sent.copy(), self._source.get())
            again.deregister_hook("response", send_again)
            second = response.connection.send(again, **options)
            second.history.append(response)
            second.request = again
            return second

        request.register_hook("response", send_again)
        return _carrying(request, token)


def _can_be_read_again(request: Any) -> bool:
    """Whether httpx has the body in memory, or a form whose files it can rewind."""
    fields = getattr(request.stream, "fields", None)
    if fields is not None:
        return all(_can_be_rewound(getattr(field, "file", b"")) for field in fields)
    try:
        request.content  # noqa: B018 - raises for a stream
    except RuntimeError:
        return False
    return True


def _can_be_rewound(file: Any) -> bool:
    return isinstance(file, bytes | str) or (hasattr(file, "seekable") and bool(file.seekable()))


def _carrying(request: Any, token: str) -> Any:
    request.headers["Authorization"] = f"Bearer {token}"
    return request
