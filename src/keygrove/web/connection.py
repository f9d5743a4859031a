"""The limits of one connection, which an ASGI application cannot set itself: time, size and number.

A request's head must arrive within HEAD_TIMEOUT_S and fit in MAX_HEAD_BYTES, its body within
BODY_TIMEOUT_S and, as sent, in MAX_BODY_WIRE_BYTES. A reader that does not read is cut off after
FLUSH_TIMEOUT_S. When there are more than MAX_CONNECTIONS, the one that waits longest for a request goes. A
connection ends after MAX_REQUESTS.
"""

import asyncio
import sys
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keygrove.web.adapter import Receive, Scope, Send, canonical_ip
from keygrove.web.defenses import MAX_HEAD_BYTES, send_bare_status

HEAD_TIMEOUT_S = 10.0
BODY_TIMEOUT_S = 10.0
FLUSH_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 4096
# Applications take 64 KiB; sent a byte a chunk that is six times as much. More is extensions or trailers.
MAX_BODY_WIRE_BYTES = 512 * 1024
# Requests of one worker that are under way or wait for their turn, some 0.2 s of work; what comes on top is
# told to come back: an overloaded server that answers late answers nobody.
MAX_UNDER_WAY = 512
# Requests sent ahead wait in memory for their turn.
MAX_PIPELINED = 64
# A connection that has served so many is closed. Whoever comes back goes to a worker that has time to accept,
# while connections that came all at once may have gone to one worker.
MAX_REQUESTS = 1000

# Those that wait for a request or for the rest of its head, the longest waiting first.
_waiting: dict["LimitedConnection", None] = {}


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
            # Cut off meanwhile, it takes nothing any more.
            if not self._transport.is_closing():
                self._transport.write(b"".join(self._pieces))
            self._pieces.clear()


class LimitedConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, with limits."""

    _awaits_head = False
    _head_timer: asyncio.TimerHandle | None = None
    _body_timer: asyncio.TimerHandle | None = None
    _flush_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _body_bytes = 0
    _keep_alive = False
    _requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make room when there are too many connections, and start to wait for the first request."""
        whole = OnePiece(cast(asyncio.Transport, transport), self.loop)
        super().connection_made(cast(asyncio.Transport, whole))
        if self.client is not None:
            # On `::` an IPv4 client has a longer name, by which no trusted proxy is known.
            self.client = canonical_ip(self.client[0]), self.client[1]
        if len(self.connections) > MAX_CONNECTIONS:
            if not _waiting:
                self.answer_and_close(503, "Service Unavailable")
                return
            next(iter(_waiting)).timeout_keep_alive_handler()
        self._await_head()
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        if self._body_timer is not None:
            self._body_timer.cancel()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrived; refuse what outgrows its limit before it is complete."""
        if not self._awaits_head and (self.cycle is None or self.cycle.response_complete):
            # Any byte ends uvicorn's own timer, also a blank line that begins no request.
            self._await_head()
        if self._awaits_head:
            self._head_bytes += len(data)
        else:
            self._body_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        # Most heads come whole, and their bodies with them: they need no timer.
        if self._awaits_head:
            self._time_head()
        elif self._body_timer is None and self.cycle.more_body:
            self._body_timer = self.loop.call_later(BODY_TIMEOUT_S, self._body_is_late)
        if self._awaits_head and self._head_bytes > MAX_HEAD_BYTES:
            self.answer_and_close(431, "Request Header Fields Too Large")
        elif self._body_bytes > MAX_BODY_WIRE_BYTES and self.cycle.more_body:
            self.answer_and_close(413, "Content Too Large")

    def on_message_begin(self) -> None:
        """A request begins: it has a limited time to show its head."""
        super().on_message_begin()
        if not self._awaits_head:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is complete: the application takes over.

        An answer that is given before the body is complete ends the connection: nobody waits for the rest.
        """
        self._stop_waiting()
        self._body_bytes = 0
        if len(self.tasks) < MAX_UNDER_WAY:
            super().on_headers_complete()
        else:
            self.app, application = _shed, self.app
            super().on_headers_complete()
            self.app = application
        self._requests += 1
        self._keep_alive = self.cycle.keep_alive and self._requests < MAX_REQUESTS
        self.cycle.keep_alive = False
        if len(self.pipeline) > MAX_PIPELINED:
            raise OverflowError("too many requests were sent ahead")

    def on_message_complete(self) -> None:
        """The body is complete too."""
        super().on_message_complete()
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        self.cycle.keep_alive = self._keep_alive

    def shutdown(self) -> None:
        """Close after the answer that is under way."""
        self._keep_alive = False
        super().shutdown()

    def on_response_complete(self) -> None:
        """The connection is idle until its next request, if another may come."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._flush_in_time()
        elif not self.pipeline:
            _waiting[self] = None

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that waited for too long."""
        super().timeout_keep_alive_handler()
        _waiting.pop(self, None)
        self._flush_in_time()

    def pause_writing(self) -> None:
        """The other side does not read: it has a limited time to begin."""
        super().pause_writing()
        self._flush_in_time()

    def resume_writing(self) -> None:
        """The other side reads again."""
        super().resume_writing()
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if the request had not asked for another protocol; nothing follows on this connection."""
        self._keep_alive = self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, not ours
        """Refuse what is not HTTP, and methods that HTTP does not know."""
        if self.pipeline:
            # Others come first on this connection: nothing may be written out of turn.
            self.transport.abort()
        elif isinstance(sys.exc_info()[1], httptools.HttpParserInvalidMethodError):
            self.answer_and_close(501, "Not Implemented")
        else:
            self.answer_and_close(400, "Bad Request")

    def answer_and_close(self, status: int, phrase: str) -> None:
        """Close; before, answer without the application, unless it has begun to answer itself."""
        self._stop_waiting()
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            retry = "retry-after: 1\r\n" if status == 503 else ""
            self.transport.write(
                f"HTTP/1.1 {status} {phrase}\r\n{retry}"
                "content-type: application/json\r\ncache-control: no-store\r\n"
                "x-content-type-options: nosniff\r\n"
                "content-length: 2\r\nconnection: close\r\n\r\n{}".encode()
            )
        self.transport.close()
        self._flush_in_time()

    def _flush_in_time(self) -> None:
        if self._flush_timer is None and self.transport.get_write_buffer_size():
            self._flush_timer = self.loop.call_later(FLUSH_TIMEOUT_S, self.transport.abort)

    def _await_head(self) -> None:
        _waiting[self] = None
        self._awaits_head = True
        self._head_bytes = 0

    def _time_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_is_late)

    def _stop_waiting(self) -> None:
        _waiting.pop(self, None)
        self._awaits_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _body_is_late(self) -> None:
        self._body_timer = None
        if not self.transport.is_closing() and self.cycle.more_body:
            self.answer_and_close(408, "Request Timeout")

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.answer_and_close(408, "Request Timeout")


async def _shed(scope: Scope, _receive: Receive, send: Send) -> None:
    await send_bare_status(scope, send, 503)
