"""Moments as people read them."""

from dataclasses import dataclass
from datetime import UTC, datetime

_SHORT_WAIT_S = 90
_STEPS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the forms that pages need: machine, exact with its zone, clock, and how long ago.

    `seconds` is the clock to the second, for moments that are waited for; `day` is the date alone.
    """

    iso: str
    exact: str
    day: str
    clock: str
    seconds: str
    relative: str


def moment(at_s: int, now_s: int) -> Moment:
    """The moment `at_s` (epoch seconds) seen from `now_s`, in UTC."""
    when = datetime.fromtimestamp(at_s, UTC)
    return Moment(
        iso=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        exact=f"{when.day} {when:%b %Y, %H:%M} UTC",
        day=f"{when.day} {when:%b %Y}",
        clock=f"{when:%H:%M} UTC",
        seconds=f"{when:%H:%M:%S} UTC",
        relative=_ago(now_s - at_s),
    )


def when_due(at_s: int, now_s: int) -> str:
    """When a wait ends: "in 5 seconds" for a short one, "at 14:32:10 UTC" for one that is left alone."""
    left = max(1, at_s - now_s)
    if left < _SHORT_WAIT_S:
        return f"in {left} second{'' if left == 1 else 's'}"
    return f"at {moment(at_s, now_s).seconds}"


def _ago(seconds: int) -> str:
    for word, size in _STEPS:
        count = seconds // size
        if count >= 1:
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"
