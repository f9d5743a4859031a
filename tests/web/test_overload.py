"""Overload: what is too much is told to come back, and the rest is served."""

import asyncio
from urllib.parse import urlencode

from running import AUDIENCE, RunningServer, ask_for_token

AT_ONCE = 1600


def token_request(server: RunningServer) -> bytes:
    """A good token request, as bytes."""
    key = server.new_key()
    form = {
        "grant_type": "client_credentials",
        "audience": AUDIENCE,
        "client_id": key.client_id,
        "client_secret": key.client_secret,
    }
    body = urlencode(form)
    return (
        "POST /oauth2/token HTTP/1.1\r\nHost: keygrove\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def ask_all_at_once(server: RunningServer, request: bytes) -> list[bytes]:
    """The heads of the answers to AT_ONCE requests that are sent on open connections at one moment."""
    port = int(server.url.rpartition(":")[2])
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE)]
    for _, writer in connections:
        writer.write(request)
    heads = [await reader.readuntil(b"\r\n\r\n") for reader, _ in connections]
    for _, writer in connections:
        writer.close()
    return heads


def test_three_times_too_much_is_shed_and_forgotten(server: RunningServer) -> None:
    """Tokens or 503 with Retry-After, nothing else; afterwards all is well."""
    heads = asyncio.run(ask_all_at_once(server, token_request(server)))
    statuses = [head.split(b" ", 2)[1] for head in heads]
    assert set(statuses) == {b"200", b"503"}
    assert statuses.count(b"200") >= 512
    assert all(b"retry-after: 1\r\n" in head for head in heads if b" 503 " in head)
    assert ask_for_token(server, server.new_key()).status_code == 200
