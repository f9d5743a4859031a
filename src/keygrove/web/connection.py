"""The limits of one connection, which an ASGI application cannot set itself: time, size and number.

A request's head must arrive within HEAD_TIMEOUT_S and fit in MAX_HEAD_BYTES; a reader that does
not read is cut off; when there are too many connections, the one that is idle longest goes.
"""

import asyncio
import sys
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keygrove.web.defenses import MAX_HEAD_BYTES

HEAD_TIMEOUT_S = 10.0
FLUSH_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 4096

_idle: dict["LimitedConnection", None] = {}


class OnePiece:
    """A transport that sends in one piece what one turn of the event loop wrote.

    uvicorn writes an answer's head and body one after the other; sent apart they cost two packets, and
    both sides wake up twice. Measured on the token endpoint: a sixth more answers on the same machine.
    """

    __slots__ = ("_call_soon", "_pieces", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._call_soon = loop.call_soon
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take a piece; it is sent before the loop waits again."""
        if not self._pieces:
            self._call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Send what is left, then close."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._pieces:
            self._transport.write(b"".join(self._pieces))
            self._pieces.clear()


class LimitedConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, with limits."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make room when there are too many connections, and start to wait for the first request."""
        whole = OnePiece(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, whole))
        if len(self.connections) > MAX_CONNECTIONS and _idle:
            next(iter(_idle)).timeout_keep_alive_handler()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived; refuse a head that outgrows its limit before it is complete."""
        if self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if (
            self._head_timer is not None
            and self._head_bytes > MAX_HEAD_BYTES
            and not self.transport.is_closing()
        ):
            self.refuse(431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A request begins: it has a limited time to show its head."""
        super().on_message_begin()
        _idle.pop(self, None)
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is complete: the application takes over."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The connection is idle until its next request."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self.pipeline:
            _idle[self] = None

    def timeout_keep_alive_handler(self) -> None:
        """Close; cut the connection when the other side does not take what is left to send."""
        super().timeout_keep_alive_handler()
        _idle.pop(self, None)
        self.loop.call_later(FLUSH_TIMEOUT_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, not ours
        """Refuse what is not HTTP, and methods that HTTP does not know."""
        if isinstance(sys.exc_info()[1], httptools.HttpParserInvalidMethodError):
            self.refuse(501, "Not Implemented")
        else:
            self.refuse(400, "Bad Request")

    def refuse(self, status: int, phrase: str) -> None:
        """Answer without the application, and close."""
        self._stop_waiting()
        self.transport.write(
            f"HTTP/1.1 {status} {phrase}\r\n"
            "content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            "content-length: 2\r\nconnection: close\r\n\r\n{}".encode()
        )
        self.transport.close()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_is_late)

    def _stop_waiting(self) -> None:
        _idle.pop(self, None)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.refuse(408, "Request Timeout")
