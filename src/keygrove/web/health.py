"""Health for load balancers and people: /livez, /readyz, /version. Nothing secret, nothing about clients."""

from collections.abc import Awaitable, Callable

from keygrove.endpoints.answers import json_response
from keygrove.endpoints.context import AuthorizationServer
from keygrove.management.errors import DatabaseUnavailable
from keygrove.protocol.message import Response
from keygrove.web.adapter import Callee, Receive, Scope, Send, request_of, respond

LIVE = ("/livez", "/health/alive", "/healthz")
READY = ("/readyz", "/health/ready")
VERSION = "/version"


def health_endpoints(server: AuthorizationServer, version: str) -> dict[str, Callee]:
    """The health endpoints as bare ASGI callables, by path."""

    async def live() -> Response:
        return json_response({"status": "ok"})

    async def ready() -> Response:
        checks = {"database": await _database(server), "signing_key": _signing_key(server)}
        if set(checks.values()) == {"ok"}:
            return json_response({"status": "ok", "checks": checks})
        return json_response({"status": "unavailable", "checks": checks}, status=503)

    async def about() -> Response:
        return json_response({"name": "keygrove", "version": version})

    def endpoint(answer: Callable[[], Awaitable[Response]]) -> Callee:
        async def call(scope: Scope, _receive: Receive, send: Send) -> None:
            request = request_of(scope)
            if request.method in ("GET", "HEAD"):
                response = await answer()
            else:
                response = Response(405, (("allow", "GET, HEAD"), ("cache-control", "no-store")), b"")
            await respond(send, response, request)

        return call

    answers = {VERSION: about, **dict.fromkeys(LIVE, live), **dict.fromkeys(READY, ready)}
    return {path: endpoint(answer) for path, answer in answers.items()}


async def _database(server: AuthorizationServer) -> str:
    try:
        await server.database.check()
    except DatabaseUnavailable:
        return "down"
    return "ok"


def _signing_key(server: AuthorizationServer) -> str:
    """Whether there is a key to sign with for every API."""
    keyring, now = server.keyring(), int(server.clock())
    try:
        for api in server.policy.apis.values():
            keyring.current(api.signing_algorithm, now)
    except LookupError:
        return "missing"
    return "ok"
