"""What keys do, for the people who own them: tokens per day, issued and refused."""

from keygrove.management.context import Management
from keygrove.storage import usage
from keygrove.storage.usage import DAY_S, Day, LastUse

__all__ = ["Day", "LastUse", "days"]


async def days(m: Management, client_id: str, *, number: int = 30) -> tuple[Day, ...]:
    """The last days of a key, oldest first, today last; a day without requests has zeros."""
    today = m.now() - m.now() % DAY_S
    starts = range(today - (number - 1) * DAY_S, today + 1, DAY_S)
    async with m.database.transaction() as tx:
        known = {day.day_s: day for day in await usage.days(tx, client_id, starts)}
    return tuple(known.get(start, Day(start, 0, 0)) for start in starts)
