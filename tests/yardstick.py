"""How fast this machine is now. Times in tests are held to that: a slow or busy processor is no fault."""

import time

# Of the machine on which the times in tests were set.
_YARDS_A_SECOND = 12


def yard() -> float:
    """How long Python takes to square two million numbers here and now, in seconds."""
    before = time.perf_counter()
    sum(number * number for number in range(2_000_000))
    return time.perf_counter() - before


def here(seconds: float) -> float:
    """What so many seconds are here; never fewer."""
    return seconds * max(1.0, yard() * _YARDS_A_SECOND, yard() * _YARDS_A_SECOND)


def in_time(took_s: float, limit_s: float) -> bool:
    """Whether something kept within a limit, or would have on a machine that is faster or less busy."""
    return took_s < limit_s or took_s < here(limit_s)
