"""Health for load balancers: alive, ready, which version."""

import pytest

from endpoints.asking import Asker
from keygrove import __name__ as name

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
