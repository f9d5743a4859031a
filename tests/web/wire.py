"""Bytes on a socket: requests that no HTTP library would send, and what comes back."""

import contextlib
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from hostile_rules import Rules
from running import RunningServer

CRLF = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `closed` tells whether the server ended the connection after it."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool


def dial(server: RunningServer, *, timeout_s: float = 5, receive_bytes: int = 0) -> socket.socket:
    """Connect; with `receive_bytes` the window stays as small as the system lets it."""
    plug = socket.socket()
    if receive_bytes:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plug.settimeout(timeout_s)
    address = urlsplit(server.url)
    plug.connect((address.hostname, address.port))
    return plug


def host_line(server: RunningServer) -> bytes:
    """The Host header of this server."""
    return b"Host: " + urlsplit(server.url).netloc.encode() + CRLF


def request(server: RunningServer, line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """A request with its Host; everything else as given."""
    head = CRLF.join((line, *headers))
    return head + CRLF + host_line(server) + CRLF + body


def form_post(server: RunningServer, path: bytes, body: bytes, *headers: bytes) -> bytes:
    """A form post with its length."""
    return request(
        server,
        b"POST " + path + b" HTTP/1.1",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Length: %d" % len(body),
        *headers,
        body=body,
    )


def read_reply(plug: socket.socket) -> tuple[int, dict[str, str], bytes] | None:
    """Read one answer; None when the connection ends without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = _receive(plug)
        if not more:
            assert data == b"", data
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        more = _receive(plug)
        if not more:
            break
        body += more
    return int(first.split()[1]), headers, body


def exchange(rules: Rules, data: bytes, *, slow: bool = False) -> Reply | None:
    """Send bytes and read the answer, held to the rules; None when the server closed without a word."""
    started = time.perf_counter()
    with dial(rules.server) as plug:
        with contextlib.suppress(ConnectionError):
            plug.sendall(data)
        found = read_reply(plug)
        elapsed_s = time.perf_counter() - started
        if found is None:
            return None
        # Who says so closes, a busy machine a little later; nobody else is waited for.
        plug.settimeout(5 if found[1].get("connection") == "close" else 0.1)
        try:
            closed = _receive(plug) == b""
        except TimeoutError:
            closed = False
    status, headers, body = found
    rules.check(status, headers, body.decode("latin-1"), elapsed_s, slow=slow)
    return Reply(status=status, headers=headers, body=body, closed=closed)


def is_cut(plug: socket.socket, within_s: float) -> bool:
    """Whether the server ends the connection in time; what it says before is read and dropped."""
    deadline = time.monotonic() + within_s
    while (left := deadline - time.monotonic()) > 0:
        plug.settimeout(left)
        try:
            if not _receive(plug):
                return True
        except TimeoutError:
            return False
    return False


def _receive(plug: socket.socket) -> bytes:
    try:
        return plug.recv(65536)
    except ConnectionError:
        return b""
