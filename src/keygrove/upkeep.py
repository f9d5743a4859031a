"""What a running Keygrove does beside answering: duties, each one done again and again."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from keygrove.storage.database import DatabaseUnavailable

# Less than that is a clock that is kept right; more is worth a look at the machine.
LARGEST_STEP_S = 5.0
log = logging.getLogger("keygrove.upkeep")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do about every `every_s` seconds, never later than that after the last time."""

    name: str
    every_s: float
    act: Callable[[], Awaitable[None]]


class ClockWatch:
    """Tells when the clock was set, or the machine slept: tokens, links and sessions go by the clock."""

    def __init__(
        self, clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._distance = clock() - steady()

    async def look(self) -> None:
        """Compare the clock with the one that nobody sets, since the last look."""
        distance = self._clock() - self._steady()
        step, self._distance = distance - self._distance, distance
        if abs(step) > LARGEST_STEP_S:
            log.warning("the clock was set", extra={"step_s": round(step, 1)})


async def run_duties(duties: Sequence[Duty], stop: asyncio.Event) -> None:
    """Do every duty until told to stop, first when its time has passed once; one under way then is finished.

    A duty that fails is logged and done again at its next time; the others go on. Raises nothing.
    """
    async with asyncio.TaskGroup() as group:
        for duty in duties:
            group.create_task(_repeat(duty, stop), name=duty.name)


async def _repeat(duty: Duty, stop: asyncio.Event) -> None:
    # Workers and nodes that started together do not all come at the same moment.
    while not await _told(stop, within_s=duty.every_s * random.uniform(0.7, 1.0)):  # noqa: S311 - guards nothing
        try:
            await duty.act()
        except DatabaseUnavailable as error:
            log.warning("a duty waits for the database", extra={"duty": duty.name, "reason": str(error)})
        except Exception:
            log.exception("a duty failed", extra={"duty": duty.name})


async def _told(stop: asyncio.Event, *, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            return await stop.wait()
    except TimeoutError:
        return False
