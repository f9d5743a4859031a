"""management/journal.py: what was done and refused is read again, newest first, on both databases."""

from dataclasses import replace

import pytest

from clocks import Clock
from keygrove.management import integrations, journal, people
from keygrove.management.companies import Company
from keygrove.management.context import Management
from keygrove.management.errors import Forbidden
from management.conftest import ANA, AUDITOR

pytestmark = pytest.mark.anyio


async def new_key(m: Management, company: Company, name: str) -> str:
    """A key that Ana makes; its Client ID."""
    made = await integrations.create_key(m, ANA, company.id, name=name, permissions=["marketing.read"])
    return made.key.client_id


async def told(m: Management, **which: str | int) -> list[tuple[str, str]]:
    """The actions that are found, and to what."""
    found = await journal.read(m, **{"limit": 100, **which})  # type: ignore[arg-type]
    return [(line.action, line.target_id) for line in found]


async def test_the_newest_line_is_the_first(m: Management, acme: Company, clock: Clock) -> None:
    """However many were written in one moment: none is lost, and none comes twice."""
    clock.pass_by(1)
    for number in range(5):
        await new_key(m, acme, f"Key {number}")
        clock.pass_by(number // 3)
    whole = await journal.read(m, limit=100)
    assert [line.id for line in whole] == sorted((line.id for line in whole), reverse=True)
    assert [line.action for line in whole] == ["key.created"] * 5 + ["company.created"]
    assert await journal.read(m, limit=2) == whole[:2]
    assert await journal.read(m, company_id=acme.id, limit=4) == whole[:4]


async def test_what_happened_to_a_removed_key_is_found(m: Management, acme: Company, clock: Clock) -> None:
    """Who made it, who tried to remove it, and who did, each from where."""
    key = await new_key(m, acme, "Short life")
    await new_key(m, acme, "Another one")
    clock.pass_by(1)
    with pytest.raises(Forbidden):
        await integrations.remove_key(m, AUDITOR, acme.id, key)
    clock.pass_by(1)
    elsewhere = replace(ANA, address="198.51.100.7", request_id="r2")
    await integrations.remove_key(m, elsewhere, acme.id, key)
    found = await journal.read(m, target_id=key, limit=100)
    assert [(line.action, line.outcome, line.actor_name, line.address) for line in found] == [
        ("key.removed", "done", "Ana", "198.51.100.7"),
        ("key.removed", "refused", "Audrey", "192.0.2.1"),
        ("key.created", "done", "Ana", "192.0.2.1"),
    ]
    assert await told(m, target_id=key, action="key.created") == [("key.created", key)]


async def test_lines_of_a_company_are_its_own(m: Management, acme: Company, rival: Company) -> None:
    """What belongs to no company, such as a changed password, is found without one."""
    mine, theirs = await new_key(m, acme, "Mine"), await new_key(m, rival, "Theirs")
    person = await people.create(m, ANA, company_id=acme.id, email="p@acme.example", password="x" * 12)
    await people.disable(m, ANA, person.id)
    assert ("key.created", theirs) not in await told(m, company_id=acme.id)
    assert set(await told(m, company_id=acme.id)) == {
        ("company.created", acme.id),
        ("key.created", mine),
        ("person.added", person.id),
    }
    assert await told(m, company_id=rival.id, action="key.created") == [("key.created", theirs)]
    assert await told(m, company_id=rival.id, target_id=mine) == []
    assert await told(m, action="person.disabled") == [("person.disabled", person.id)]


@pytest.mark.parametrize("of_company", [False, True])
async def test_since_is_a_second_and_that_second_is_included(
    m: Management, acme: Company, clock: Clock, of_company: bool
) -> None:
    """To the microsecond: what was written as it began is there, what was written before is not."""
    begin = int(clock.time) + 10
    which = {"company_id": acme.id} if of_company else {}
    clock.time = begin - 0.000_5
    await new_key(m, acme, "Before")
    clock.time = begin
    on_time = await new_key(m, acme, "On time")
    clock.time = begin + 0.5
    after = await new_key(m, acme, "After")
    assert await told(m, since_s=begin, **which) == [("key.created", after), ("key.created", on_time)]
    assert len(await told(m, since_s=begin - 1, **which)) == 3
    assert await told(m, since_s=begin + 1, **which) == []
    for long_ago in (0, -5):
        assert len(await told(m, since_s=long_ago, **which)) == 4
