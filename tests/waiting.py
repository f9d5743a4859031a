"""Waiting for what happens in another process or thread."""

import time
from collections.abc import Callable


def wait_for(happened: Callable[[], object], within_s: float = 15) -> None:
    """Return once it has happened. Raises AssertionError after so many seconds."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.02)
