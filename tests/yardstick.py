"""How fast this machine is now. Times in tests are held to that: a slow or busy processor is no fault."""

import time

# Of the machine on which the times in tests were set.
_YARDS_A_SECOND = 12


def yard() -> float:
    """The processor time that Python takes to square two million numbers here and now, in seconds."""
    before = time.process_time()
    sum(number * number for number in range(2_000_000))
    return time.process_time() - before


def here(seconds: float) -> float:
    """What so many seconds are here; never fewer."""
    return seconds * max(1.0, min(yard() for _ in range(3)) * _YARDS_A_SECOND)
