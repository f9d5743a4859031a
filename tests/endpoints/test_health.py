"""Health for load balancers: alive, ready, which version."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from endpoints.asking import Asker
from endpoints.in_process import serving
from keygrove import __name__ as name
from keygrove.crypto.jose import Keyring, SigningKey
from keygrove.storage.database import DatabaseUnavailable
from keygrove.web.health import health_endpoints

LIVE, READY = ["/livez", "/health/alive", "/healthz"], ["/readyz", "/health/ready"]


def test_the_server_is_alive_and_ready(ask: Asker) -> None:
    """Under its own paths and under those that other servers have."""
    for path in LIVE:
        assert ask.send("GET", b"", {}, path=path).json() == {"status": "ok"}
    for path in READY:
        answer = ask.send("GET", b"", {}, path=path)
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "checks": {"database": "ok", "signing_key": "ok"}}


def test_the_version_is_told(ask: Asker) -> None:
    """The product and its version, and nothing about machine or configuration."""
    answer = ask.send("GET", b"", {}, path="/version").json()
    assert set(answer) == {"name", "version"}
    assert answer["name"] == name


@pytest.mark.parametrize("path", [*LIVE, *READY, "/version"])
def test_health_is_only_read_and_never_stored(ask: Asker, path: str) -> None:
    """405 for other methods; HEAD has no body."""
    assert ask.send("GET", b"", {}, path=path).headers["cache-control"] == "no-store"
    head = ask.send("HEAD", b"", {}, path=path)
    assert (head.status_code, head.content) == (200, b"")
    refused = ask.send("POST", b"", {}, path=path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD"


@dataclass(slots=True)
class Answering:
    """A database that is there, or is not."""

    there: bool
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def check(self) -> None:
        """Return when it is there."""
        if not self.there:
            raise DatabaseUnavailable("it is away")

    async def send(self, message: Any) -> None:
        """Keep what the server sends."""
        self.sent.append(message)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("algorithm", ["", "ES256", "RS256"])
async def test_f35_nobody_is_ready_without_a_key_to_sign_with(
    there: bool, algorithm: str, anyio_backend: str
) -> None:
    """A key of another algorithm is none; what is wrong is told, each by itself."""
    keys = (SigningKey.generate(now=0, algorithm=algorithm),) if algorithm else ()
    database: Any = Answering(there)
    endpoints = health_endpoints(serving(database, Keyring(keys)), "1.0")
    scope = {"type": "http", "method": "GET", "path": "/readyz", "headers": [], "query_string": b""}
    await endpoints["/readyz"](scope, database.send, database.send)
    ready = there and algorithm == "RS256"
    assert database.sent[0]["status"] == (200 if ready else 503)
    assert json.loads(database.sent[1]["body"]) == {
        "status": "ok" if ready else "unavailable",
        "checks": {
            "database": "ok" if there else "down",
            "signing_key": "ok" if algorithm == "RS256" else "missing",
        },
    }
