"""Takes network, disk and clock away from the protocol tests: whoever reaches for one of them fails."""

import builtins
import io
import os
import random
import secrets
import socket
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="session", autouse=True)
def started_hypothesis() -> None:
    """One run before anything is taken away: it loads modules and Unicode tables from the disk."""

    @given(st.text(), st.binary())
    def start(_text: str, _data: bytes) -> None:
        pass

    start()


TAKEN_AWAY: tuple[tuple[Any, str], ...] = (
    (socket, "socket"),
    (socket, "create_connection"),
    (builtins, "open"),
    (io, "open"),
    (os, "open"),
    (time, "time"),
    (time, "time_ns"),
    (time, "sleep"),
    (random, "SystemRandom"),
    (secrets, "token_bytes"),
    (secrets, "token_hex"),
    (secrets, "token_urlsafe"),
)


@pytest.fixture(autouse=True)
def nothing_but_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that needs more than its arguments is not a rule of the protocol."""
    for owner, name in TAKEN_AWAY:
        monkeypatch.setattr(owner, name, refusing(getattr(owner, name)))


def refusing(real: Any) -> Any:
    """A stand-in that refuses everybody but Hypothesis, which times its own runs."""

    def refuse(*arguments: Any, **named: Any) -> Any:
        if str(sys._getframe(1).f_globals.get("__name__", "")).startswith("hypothesis."):
            return real(*arguments, **named)
        raise AssertionError("protocol code reached for the network, the disk, the clock or chance")

    return refuse
