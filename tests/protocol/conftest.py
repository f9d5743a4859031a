"""Takes network, disk and clock away from the protocol tests: whoever reaches for one of them fails."""

import builtins
import io
import os
import random
import secrets
import socket
import time
from typing import Any

import pytest
from hypothesis import settings

# Without its example database Hypothesis needs no disk either.
settings.register_profile("pure", database=None, deadline=None, max_examples=50)
settings.load_profile("pure")

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

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("protocol code reached for the network, the disk, the clock or chance")

    for owner, name in TAKEN_AWAY:
        monkeypatch.setattr(owner, name, refuse)
