"""The demo API against bytes that no HTTP library would send; it runs as the demo starts it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports import free_port
from sdk.issuer import COMPANY, Issuer, running_issuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Who signs the tokens."""
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def api(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The API's port and its log."""
    folder, port = tmp_path_factory.mktemp("api"), free_port()
    listed, log = folder / "companies.json", folder / "api.log"
    listed.write_text(json.dumps([{"company_id": COMPANY, "company_name": "Lakeside Kayaks"}]), "utf-8")
    environ = {**os.environ, "KEYGROVE_ISSUER": issuer.url, "KEYGROVE_DEMO_COMPANIES": str(listed)}
    command = [sys.executable, "-m", "uvicorn", "--factory", "keygrove.demo.api:from_environment"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--no-access-log", "--port", str(port)], env=environ, stdout=output, stderr=output
        )
    try:
        wait_until_open(port)
        yield port, log
    finally:
        process.terminate()
        process.wait(10)


def wait_until_open(port: int) -> None:
    """Until somebody listens there."""
    until = time.monotonic() + 15
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def send(port: int, *fields: bytes, target: bytes = b"/v1/me") -> bytes:
    """Send a GET with these header lines; what comes back until the connection is closed."""
    head = b"\r\n".join(
        [b"GET " + target + b" HTTP/1.1", b"Host: a", *fields, b"Connection: close", b"", b""]
    )
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        try:
            connection.sendall(head)
        except OSError:  # it may hang up before it has read all
            return b""
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """To the end, also if that is a reset."""
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except ConnectionError:
        pass
    return answer


def status(answer: bytes) -> int:
    """The status code; 0 when the connection was just closed."""
    return int(answer.split(b" ")[1]) if answer else 0


def test_a_good_token_passes_in_any_case_of_the_scheme(api: tuple[int, Path], issuer: Issuer) -> None:
    """J37, on the wire."""
    token = issuer.token().encode()
    for field in (b"Authorization: BEARER " + token, b"AUTHORIZATION:bearer  " + token + b"  "):
        assert status(send(api[0], field)) == 200


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer\t%s",
        b"Bearer %s\xc3\xa9",
        b"Bearer\xa0%s",
        b"Bearer %s %s",
        b"Bearer %s, Bearer %s",
        b"Bearer=%s",
    ],
)
def test_j37_malformed_fields_are_refused(api: tuple[int, Path], issuer: Issuer, value: bytes) -> None:
    """400 or 401, in the one shape of errors."""
    answer = send(api[0], b"Authorization: " + value.replace(b"%s", issuer.token().encode()))
    assert status(answer) in (400, 401)
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"code", "message"}


@pytest.mark.parametrize("token", [b"." * 1_000_000, b"A" * 1_000_000, b"A" * 10_000_000 + b".A.A"])
def test_j23_monstrous_tokens_are_refused(api: tuple[int, Path], issuer: Issuer, token: bytes) -> None:
    """By the server or by us; a good request passes right afterwards."""
    assert status(send(api[0], b"Authorization: Bearer " + token)) in (0, 400, 401, 431)
    assert status(send(api[0], b"Authorization: Bearer " + issuer.token().encode())) == 200


def test_j34_tokens_never_reach_the_log(api: tuple[int, Path], issuer: Issuer) -> None:
    """Neither from the query, where they are not accepted, nor from the header."""
    token = issuer.token().encode()
    assert status(send(api[0], target=b"/v1/me?access_token=" + token)) == 401
    assert (
        status(send(api[0], b"Authorization: Bearer " + token, target=b"/v1/me?access_token=" + token)) == 400
    )
    assert status(send(api[0], b"Authorization: Bearer " + token + b"x")) == 401
    assert token[:60] not in api[1].read_bytes()
