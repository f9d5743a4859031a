"""What keys do, for the people who own them: tokens per day, issued and refused."""

from dataclasses import dataclass

from keygrove.management.context import Management
from keygrove.storage import usage
from keygrove.storage.usage import LastUse

__all__ = ["Day", "LastUse", "days"]

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Day:
    """Tokens issued and refused on the UTC day that begins at `day_s` (epoch seconds)."""

    day_s: int
    issued: int
    refused: int


async def days(m: Management, client_id: str, *, number: int = 30) -> tuple[Day, ...]:
    """The last days of a key, oldest first, today last; a day without requests has zeros."""
    today = m.now() - m.now() % _DAY_S
    first = today - (number - 1) * _DAY_S
    issued: dict[int, int] = {}
    refused: dict[int, int] = {}
    async with m.database.transaction() as tx:
        for hour in await usage.hours(tx, client_id, since_s=first):
            day = hour.hour_s - hour.hour_s % _DAY_S
            issued[day] = issued.get(day, 0) + hour.issued
            refused[day] = refused.get(day, 0) + hour.refused
    return tuple(Day(day, issued.get(day, 0), refused.get(day, 0)) for day in range(first, today + 1, _DAY_S))
