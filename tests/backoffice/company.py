"""A company as it is after some months: keys that are used every day, now and then, and never."""

import random
from dataclasses import dataclass

from backoffice.site import Site
from keygrove.management.companies import Company
from keygrove.management.context import Actor, Management
from keygrove.management.integrations import create_key
from keygrove.storage import usage
from keygrove.storage.usage import DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of one key. `busy` is the tokens of a usual weekday; `used_ago_s` is None without a use."""

    name: str
    permissions: tuple[str, ...]
    by: str = "Ana Alvarez"
    created_days_ago: int = 120
    used_ago_s: int | None = None
    agent: str = ""
    address: str = "203.0.113.7"
    busy: int = 0
    refused: tuple[tuple[int, int], ...] = ()


TOURS = (
    Story(
        name="Accounting export, nightly",
        permissions=("booking.read", "order.read"),
        by="Jonas Berg",
        created_days_ago=211,
        used_ago_s=9 * 3_600,
        agent="Ledger-Export/2.4",
        address="198.51.100.24",
        busy=1,
    ),
    Story(
        name="Booking calendar",
        permissions=("booking.read", "booking.write", "event.read"),
        created_days_ago=164,
        used_ago_s=48,
        agent="Calendar-Sync/5.1",
        busy=22,
        refused=((11, 1),),
    ),
    Story(
        name="Newsletter sync, production",
        permissions=("marketing.read",),
        created_days_ago=58,
        used_ago_s=200,
        agent="My-Company/Marketing-Automation-App",
        busy=9,
        refused=((9, 2), (10, 1)),
    ),
    Story(
        name="Ticket scanner at the pier",
        permissions=("booking.read", "booking.write", "event.read", "experience.read"),
        by="Jonas Berg",
        created_days_ago=2,
    ),
    Story(
        name="Website, what is on",
        permissions=("event.read", "experience.read"),
        created_days_ago=304,
        used_ago_s=26 * 60,
        agent="Website/3.0",
        address="2001:db8:4::17",
        busy=14,
    ),
)


def company_with(site: Site, stories: tuple[Story, ...], *, name: str = "Northern Lights Tours") -> Company:
    """A new company with these keys."""
    company = site.new_company(name)
    site.manage(lambda m: _tell(m, company.id, stories))
    return company


async def _tell(m: Management, company_id: str, stories: tuple[Story, ...]) -> None:
    for story in stories:
        person = Actor(kind="person", id="kg_pe_0", name=story.by, role="admin")
        new = await create_key(m, person, company_id, name=story.name, permissions=story.permissions)
        now, client_id = m.now(), new.key.client_id
        created_s = now - story.created_days_ago * DAY_S
        async with m.database.transaction() as tx:
            await tx.run(
                "update clients set created_at_s = $1, updated_at_s = $1 where client_id = $2",
                created_s,
                client_id,
            )
            await usage.add(tx, _days(client_id, story, now))
            if story.used_ago_s is not None:
                at_s = now - story.used_ago_s
                use = (at_s - at_s % DAY_S, client_id, 0, 0, at_s, story.address, story.agent)
                await usage.add(tx, [use])
                await usage.carry_over(tx, before_s=at_s + 1, after="", limit=1000)


def _days(client_id: str, story: Story, now: int) -> list[tuple[int, str, int, int, int, str, str]]:
    """Quieter at weekends, a little different each day, the same in every run."""
    chance, refused = random.Random(story.name), dict(story.refused)  # noqa: S311
    rows = []
    for ago in range(min(30, story.created_days_ago + 1)):
        day_s = now - now % DAY_S - ago * DAY_S
        weekend = (day_s // DAY_S + 3) % 7 >= 5
        usual = story.busy // 3 if weekend else story.busy
        issued = usual and max(1, round(usual * chance.uniform(0.7, 1.2)))
        if issued or ago in refused:
            rows.append((day_s, client_id, issued, refused.get(ago, 0), 0, "", ""))
    return rows
