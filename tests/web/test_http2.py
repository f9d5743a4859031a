"""HTTP/2 and 3, under a server that speaks them: `:authority` arrives as the host header."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keygrove.web.defenses import refusal, send_bare_status
from running import AUDIENCE, RunningServer, running_server
from stores import ONLY_SQLITE

# HTTP's versions do not depend on the database.
pytestmark = ONLY_SQLITE


@pytest.fixture(scope="module")
def granian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Keygrove under Granian."""
    program = (str(Path(__file__).with_name("granian_server.py")),)
    with running_server(tmp_path_factory.mktemp("granian"), program=program) as server:
        yield server


def curl(server: RunningServer, path: str, *options: str) -> tuple[str, str]:
    """The answer's version and status, as in "2 200", and its body, over HTTP/2 from the first byte."""
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--http2-prior-knowledge", *options]
    command += ["--write-out", "\n%{http_version} %{http_code}", f"{server.url}{path}"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return status, body


def test_a_token_and_a_page_come_over_http2(granian: RunningServer) -> None:
    """As over HTTP/1.1."""
    key = granian.new_key()
    form = f"grant_type=client_credentials&client_id={key.client_id}&client_secret={key.client_secret}"
    status, body = curl(granian, "/oauth2/token", "--data", f"{form}&audience={AUDIENCE}")
    assert status == "2 200"
    assert json.loads(body)["token_type"] == "bearer"
    status, body = curl(granian, "/sign-in")
    assert status == "2 200"
    assert "<form" in body


def test_a_bad_host_is_refused_over_http2(granian: RunningServer) -> None:
    """With a bare 400 that an HTTP/2 client can read: it names no connection to close."""
    assert curl(granian, "/sign-in", "--header", "Host: a,b") == ("2 400", "{}")


def scope(version: str, *hosts: bytes, **changes: object) -> dict[str, Any]:
    """What an ASGI server says of a request."""
    whole = {"type": "http", "http_version": version, "path": "/livez", "raw_path": b"/livez"}
    return {**whole, "query_string": b"", "headers": [(b"host", host) for host in hosts], **changes}


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
def test_every_version_names_its_host_once(version: str) -> None:
    """Whether it came as a header or as `:authority`."""
    assert refusal(scope(version, b"auth.example.com:8443")) is None
    for hosts in ((), (b"",), (b"a.example", b"a.example"), (b"a.example/",)):
        assert refusal(scope(version, *hosts)) == 400


@pytest.mark.parametrize("version", ["0.9", "1", "2.0", "4", ""])
def test_unknown_versions_are_refused(version: str) -> None:
    """Nobody knows what their requests mean."""
    assert refusal(scope(version, b"auth.example.com")) == 400


def test_a_server_may_keep_the_raw_path_to_itself() -> None:
    """It is optional in ASGI; the limit on targets holds all the same."""
    bare = scope("1.1", b"auth.example.com")
    del bare["raw_path"]
    assert refusal(bare) is None
    assert refusal({**bare, "raw_path": None}) is None
    assert refusal({**bare, "path": "/" + "a" * 20_000}) == 414


@pytest.mark.anyio
@pytest.mark.parametrize(("version", "closes"), [("1.0", True), ("1.1", True), ("2", False), ("3", False)])
async def test_only_http1_is_told_to_close(version: str, closes: bool) -> None:
    """The header is forbidden in HTTP/2 (RFC 9113 §8.2.2)."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await send_bare_status(scope(version), send, 400)
    assert ((b"connection", b"close") in sent[0]["headers"]) is closes
