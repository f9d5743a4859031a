"""What a key does, as pages show it: its last use in words, its days as a drawing with a table beside it."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from keygrove.backoffice.times import Moment, moment
from keygrove.management.usage import Day, LastUse

IDLE_S = 90 * 86_400
_SHORT, _WHOLE = 40, 160
_MAX_ADDRESS = 45
# Controls, direction marks, half characters, unassigned ones, and marks that pile up over their neighbors.
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"})

# The drawing is 600 by 72 units; the page stretches it. Bars stand on the lower edge.
_TALLEST, _FLOOR = 66, 72
_STEP, _INSET = 20, 3
_LOWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A last use. `agent` fits a line, `whole_agent` a paragraph; both empty for a program without a name."""

    when: Moment
    agent: str
    whole_agent: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One day: its numbers, and where its two parts stand. A part of height 0 is not drawn."""

    day: str
    words: str
    issued: int
    refused: int
    x: int
    issued_y: int
    issued_height: int
    refused_y: int
    refused_height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The days of a key, oldest first, with their sum and their busiest day in words."""

    totals: str
    busiest: str
    refused: int
    bars: tuple[Bar, ...]

    @property
    def busy(self) -> tuple[Bar, ...]:
        """The days with requests, newest first."""
        return tuple(bar for bar in reversed(self.bars) if bar.issued or bar.refused)


def use_of(last: LastUse | None, now_s: int) -> Use | None:
    """A last use seen from `now_s`; what the program said of itself is cleaned and shortened."""
    if last is None:
        return None
    agent = clean(last.user_agent)
    return Use(
        when=moment(last.at_s, now_s),
        agent=shorten(agent, _SHORT),
        whole_agent=shorten(agent, _WHOLE),
        address=shorten(clean(last.address), _MAX_ADDRESS),
    )


def clean(text: str) -> str:
    """Text from outside on one line: no controls, nothing that turns or covers what stands beside it."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(sign for sign in spaced if unicodedata.category(sign) not in _UNWANTED).strip()


def shorten(text: str, most: int) -> str:
    """At most `most` characters, the last an ellipsis when something was cut off."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def idle_words(uses: Iterable[tuple[int, LastUse | None]], now_s: int) -> str:
    """How many keys, given as (created, last use), did nothing for 90 days; empty when none."""
    idle = sum(1 for created_s, last in uses if (last.at_s if last else created_s) <= now_s - IDLE_S)
    if not idle:
        return ""
    return f"{idle} {'key has' if idle == 1 else 'keys have'} not been used for 90 days."


def chart_of(days: Sequence[Day]) -> Chart | None:
    """The drawing of these days, or None when there was not one request."""
    peak = max((day.issued + day.refused for day in days), default=0)
    if not peak:
        return None
    issued, refused = sum(day.issued for day in days), sum(day.refused for day in days)
    top = max(days, key=lambda day: (day.issued, day.refused))
    return Chart(
        totals=f"{_count(issued, refused)} in {len(days)} days",
        busiest=f"The busiest day was {_day(top)} with {_count(top.issued, top.refused)}.",
        refused=refused,
        bars=tuple(_bar(day, place, peak) for place, day in enumerate(days)),
    )


def _bar(day: Day, place: int, peak: int) -> Bar:
    issued, refused = _height(day.issued, peak), _height(day.refused, peak)
    gap = 1 if issued and refused else 0
    return Bar(
        day=_day(day),
        words=f"{_day(day)}: {_count(day.issued, day.refused)}",
        issued=day.issued,
        refused=day.refused,
        x=place * _STEP + _INSET,
        issued_y=_FLOOR - issued,
        issued_height=issued,
        refused_y=_FLOOR - issued - gap - refused,
        refused_height=refused,
    )


def _height(number: int, peak: int) -> int:
    # One request among thousands must still be seen.
    return max(_LOWEST, round(number * (_TALLEST - _LOWEST) / peak)) if number else 0


def _count(issued: int, refused: int) -> str:
    words = f"{issued:,} {'token' if issued == 1 else 'tokens'}"
    return f"{words}, {refused:,} refused" if refused else words


def _day(day: Day) -> str:
    when = datetime.fromtimestamp(day.day_s, UTC)
    return f"{when.day} {when:%b}"
