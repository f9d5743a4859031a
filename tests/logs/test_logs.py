"""Log lines: one JSON object each, in one order, and no secret in any of them."""

import json
import subprocess
import sys
from typing import Any

import pytest

from keygrove.crypto import secrets
from keygrove.crypto.secrets import Digests, Secret
from keygrove.logs import arrange, redact, to_json

# All that `secrets` makes, of every kind that there will be.
SECRETS = [
    make().reveal()
    for name, make in vars(secrets).items()
    if name.startswith("new_") and make.__annotations__["return"] is Secret
] + [secrets.refresh_token(Digests(b"k" * 32), secrets.new_grant_id(), 1).reveal()]
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"


def line(**event: Any) -> str:
    """What one event looks like on standard output."""
    return to_json(None, "", arrange(None, "", redact(None, "", event))).decode()


def lines_of(program: str) -> list[dict[str, Any]]:
    """What a fresh process logs."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(text) for text in done.stdout.splitlines()]


@pytest.mark.parametrize("secret", [*SECRETS, TOKEN], ids=lambda secret: secret[:6])
def test_a_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    """In texts, lists, tables, bytes, keys' values and the text of other objects."""
    places: list[Any] = [
        secret,
        f"token was {secret}.",
        [secret],
        {"a": {"b": (secret,)}},
        secret.encode(),
        ValueError(secret),
        f"client_id=x&client_secret={secret}&scope=y",
    ]
    for place in places:
        text = line(event="x", detail=place)
        assert secret not in text
        assert "<secret>" in text or "<token>" in text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "client_secret",
        "Authorization",
        "cookie",
        "access_token",
        "token",
        "form_token",
        "new_password",
    ],
)
def test_a_value_with_a_secret_name_is_hidden_whatever_it_looks_like(name: str) -> None:
    """Also inside of other values."""
    assert "hunter2" not in line(event="x", **{name: "hunter2"})
    assert "hunter2" not in line(event="x", form={name: "hunter2"})


@pytest.mark.parametrize(
    "text", ["Basic a2dfY2k6a2dfc2s=", "bearer 0123456789abcdef", "password=hunter22&x=1"]
)
def test_credentials_inside_a_text_are_hidden(text: str) -> None:
    """An Authorization header or a form that ended up in a message."""
    assert text not in line(event=f"got {text}")
    assert "<secret>" in line(event=f"got {text}")


def test_what_is_not_secret_stays_readable() -> None:
    """Ids, names and numbers are what logs are for."""
    event = {
        "event": "token issued",
        "client_id": "kg_ci_abc",
        "status": 200,
        "token_type": "bearer",
        "dur_ms": 1.5,
    }
    assert json.loads(line(**event)) == event


def test_the_usual_names_come_first_in_one_order() -> None:
    """And those without a value are left out."""
    text = line(
        zebra=1, ip="::1", status=200, event="request", level="info", request_id="r", ts="now", company=None
    )
    assert list(json.loads(text)) == ["ts", "level", "event", "request_id", "status", "ip", "zebra"]


def test_hostile_text_stays_on_one_valid_line() -> None:
    """Line ends, controls and lone surrogates."""
    text = line(event="a\nb\r\x00\ud800\u2028")
    assert "\n" not in text
    assert json.loads(text)["event"].startswith("a\nb\r\x00\\ud800")


def test_events_of_other_libraries_come_out_in_the_same_shape() -> None:
    """The floors below and uvicorn log through the standard library."""
    program = """
import logging
from keygrove.logs import configure
configure("info")
logging.getLogger("uvicorn.error").warning("Lost %s", "worker", extra={"color_message": "x"})
logging.getLogger("uvicorn.error").info("not this")
logging.getLogger("keygrove.http").info("request", extra={"status": 200, "request_id": "r-1", "token": "x"})
logging.getLogger("some").debug("not this")
try: 1 / 0
except ZeroDivisionError: logging.getLogger("some").exception("broke")
"""
    lost, request, broke = lines_of(program)
    assert (lost["level"], lost["event"], lost["logger"]) == ("warning", "Lost worker", "uvicorn")
    assert lost["ts"].endswith("Z")
    assert "color_message" not in lost
    assert (request["event"], request["status"], request["token"]) == ("request", 200, "<secret>")
    assert list(request)[:5] == ["ts", "level", "event", "request_id", "status"]
    assert broke["level"] == "error"
    assert "ZeroDivisionError" in broke["exception"]


def test_debug_is_for_our_own_events_only() -> None:
    """Other libraries say too much at that level."""
    program = """
import logging
from keygrove.logs import configure
configure("debug")
logging.getLogger("keygrove.token").debug("ours")
logging.getLogger("asyncio").debug("theirs")
"""
    (ours,) = lines_of(program)
    assert (ours["level"], ours["event"]) == ("debug", "ours")


def test_the_level_is_the_least_severe_one_that_is_logged() -> None:
    """`warning` leaves out `info`."""
    program = """
import structlog
from keygrove.logs import configure
configure("warning")
structlog.get_logger().info("left out")
structlog.get_logger().warning("kept", request_id="r-1")
"""
    (kept,) = lines_of(program)
    assert (kept["level"], kept["event"], kept["request_id"]) == ("warning", "kept", "r-1")
