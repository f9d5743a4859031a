"""ASGI messages to protocol messages and back; the protocol endpoints as bare ASGI callables."""

import random
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.cross_origin import PREFLIGHT, errors_are_readable, is_preflight
from keygrove.endpoints.discovery import PATHS, Documents, serve
from keygrove.endpoints.exchange import Exchange, HeadersOf, Name, no_headers
from keygrove.endpoints.introspection import introspect
from keygrove.endpoints.pushing import push
from keygrove.endpoints.revocation import revoke
from keygrove.endpoints.token import token
from keygrove.endpoints.userinfo import headers_of as userinfo_headers
from keygrove.endpoints.userinfo import userinfo
from keygrove.protocol.errors import InvalidRequest, OAuthError, RequestTooLarge
from keygrove.protocol.message import Request, Response
from keygrove.protocol.metadata import (
    INTROSPECTION_PATH,
    PUSHED_REQUEST_PATH,
    REVOCATION_PATH,
    TOKEN_PATH,
    USERINFO_PATH,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Callee = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[AuthorizationServer, Request], Awaitable[Response]]

MAX_BODY_BYTES = 64 * 1024


class Disconnected(Exception):
    """The client went away before its request was whole."""


def program_endpoints(server: AuthorizationServer) -> dict[str, Callee]:
    """The endpoints that programs ask, as bare ASGI callables, by path."""
    return {
        TOKEN_PATH: _endpoint(server, "token", token, errors_are_readable),
        INTROSPECTION_PATH: _endpoint(server, "introspection", introspect),
        REVOCATION_PATH: _endpoint(server, "revocation", revoke, errors_are_readable),
        PUSHED_REQUEST_PATH: _endpoint(server, "push", push, errors_are_readable),
        USERINFO_PATH: _endpoint(server, "userinfo", userinfo, userinfo_headers),
    }


def _endpoint(
    server: AuthorizationServer, name: Name, answer: Answer, headers_of: HeadersOf = no_headers
) -> Callee:
    """An endpoint whose requests carry credentials; where there is TLS, over TLS only."""
    over_tls = server.policy.issuer.startswith("https://")
    has_preflight = headers_of is errors_are_readable

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if over_tls and scope["scheme"] != "https":
                raise InvalidRequest(
                    "Use HTTPS. These credentials crossed the network in the clear: replace the Secret Key."
                )
            request = request_of(scope, await read_body(scope, receive, MAX_BODY_BYTES))
        except OAuthError as error:
            request = request_of(scope)
            response = Exchange(server, request, name, headers_of).refuse(error)
        except Disconnected:
            return
        else:
            asks_first = has_preflight and is_preflight(request)
            response = PREFLIGHT if asks_first else await answer(server, request)
        await respond(send, response, request)

    return call


def public_documents(server: AuthorizationServer) -> dict[str, Callee]:
    """The /.well-known documents as bare ASGI callables, by path."""
    documents = Documents(server)

    async def call(scope: Scope, _receive: Receive, send: Send) -> None:
        request = request_of(scope)
        await respond(send, serve(documents.at(request.path), request), request)

    return dict.fromkeys(PATHS, call)


def request_of(scope: Scope, body: bytes = b"") -> Request:
    """The request as a value; without its body when that is not wanted."""
    return Request(
        method=scope["method"],
        path=scope["path"],
        headers=tuple(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        ),
        body=body,
        address=address_of(scope),
        request_id=request_id(scope),
    )


@lru_cache(maxsize=64)
def _encoded(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Most answers have the same headers."""
    return tuple((name.encode(), value.encode("latin-1")) for name, value in headers)


def address_of(scope: Scope) -> str:
    """The address a request comes from, the server having resolved trusted proxies; empty when it is none.

    A proxy may pass on what its client made up: only an IP address goes into logs, journal and throttles.
    """
    client = scope.get("client")
    return canonical_ip(client[0]) if client else ""


@lru_cache(maxsize=4096)
def canonical_ip(text: str) -> str:
    """An IP address as it is written everywhere, IPv4 also when it comes mapped to IPv6; else empty."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def request_id(scope: Scope) -> str:
    """The id of this request: one for logs, answers and the journal. It is no secret."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = f"{random.getrandbits(64):016x}"
    return str(state["request_id"])


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The request's body, within the limit (bytes). How long it may take is the connection's to say.

    Raises RequestTooLarge, Disconnected.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            raise RequestTooLarge("The request is too large.")
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise RequestTooLarge("The request is too large.")
        if not message.get("more_body"):
            return b"".join(chunks)


async def respond(send: Send, response: Response, request: Request) -> None:
    """Send a response; without its body when the method is HEAD."""
    body = b"" if request.method == "HEAD" else response.body
    headers = [*_encoded(response.headers), (b"x-request-id", request.request_id.encode())]
    if response.status not in (204, 304):
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
