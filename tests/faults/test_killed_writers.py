"""Processes that die at every step of what they write: after that it is done whole, or not at all."""

from typing import Any

import pytest

from faults.killing import Outcome, Writer, deaths, whole, writing_to
from faults.load import asking
from faults.nodes import KILLS, Node, restart, rows
from keygrove.management import integrations, signing_keys
from keygrove.management.context import Management
from running import ask_for_token
from yardstick import in_time

# Everything that would be half of something.
HALVES = {
    "a key without its line in the journal": """
        select client_id from clients where not exists (
            select 1 from journal where target_id = client_id and action = 'key.created')""",
    "a line in the journal without its key": """
        select target_id from journal where action = 'key.created' and not exists (
            select 1 from clients where client_id = target_id)""",
    "a form without its key": """
        select client_id from creations where not exists (
            select 1 from clients where clients.client_id = creations.client_id)""",
    "a removal without its line, or the line without the removal": """
        select client_id from clients where (removed_at_s is null) = exists (
            select 1 from journal where target_id = client_id and action = 'key.removed')""",
    "a key without all of its permissions": """
        select client_id from clients where scope <> 'booking.read booking.write marketing.read'""",
    "a signing key without its line in the journal": """
        select kid from signing_keys where algorithm = 'ES256' and not exists (
            select 1 from journal where target_id = kid and action = 'signing_key.rotated')""",
}
GENERATIONS = "select generation from signing_keys where algorithm = 'ES256' order by generation"


def listed(node: Node) -> set[str]:
    """The keys that the company sees."""

    async def read(m: Management) -> set[str]:
        page = await integrations.list_keys(m, node.company_id, limit=10_000)
        return {key.client_id for key in page.keys}

    return node.manage(read)


def assert_nothing_is_half(node: Node) -> None:
    """No half of anything is there."""
    assert {name: found for name, sql in HALVES.items() if (found := rows(node, sql))} == {}


def make(writer: Writer, node: Node, name: str, **death: Any) -> Outcome:
    """Order a key."""
    return writer.order("create", company_id=node.company_id, name=name, **death)


@pytest.mark.timeout(1800)
def test_f01_creation_killed_at_every_step(idle: Node) -> None:
    """Acknowledged keys are all there, others are absent or listed, and their form makes no second one."""
    made: set[str] = set()
    with writing_to(idle) as writer:
        first = make(writer, idle, "the first key")
        for number, death in enumerate(deaths(whole(first), (KILLS or 12) // 2)):
            outcome = make(writer, idle, f"key {number}", **death)
            if "made" not in outcome.said and number % 3 == 0:
                outcome = make(writer, idle, f"key {number}")
            made |= {outcome.said["made"]} if "made" in outcome.said else set()
    assert_nothing_is_half(idle)
    assert first.said["made"] in listed(idle)
    assert made <= listed(idle)
    names = [row["client_name"] for row in rows(idle, "select client_name from clients")]
    assert len(names) == len(set(names)) == len(listed(idle))


@pytest.mark.timeout(1800)
def test_f01_removal_killed_at_every_step(idle: Node) -> None:
    """What was acknowledged as removed is gone, and what is live is listed."""
    kills = (KILLS or 12) // 2
    removed: set[str] = set()
    with writing_to(idle) as writer:
        keys = [make(writer, idle, f"key {number}").said["made"] for number in range(kills + 1)]
        first = writer.order("remove", company_id=idle.company_id, client_id=keys[0])
        removed.add(first.said["removed"])
        for victim, death in zip(keys[1:], deaths(whole(first), kills), strict=True):
            outcome = writer.order("remove", company_id=idle.company_id, client_id=victim, **death)
            removed |= {victim} if "removed" in outcome.said else set()
    assert_nothing_is_half(idle)
    assert listed(idle) & removed == set()
    live = rows(idle, "select client_id from clients where removed_at_s is null")
    assert {row["client_id"] for row in live} == listed(idle)


def test_f01_f37_a_killed_node_is_ready_again_in_two_seconds(node: Node) -> None:
    """Nothing that it left behind, such as a log or a lock of the database, keeps it from starting."""
    key = node.new_key()
    for number in range(max(2, KILLS // 10)):
        with asking(node, key), writing_to(node) as writer:
            make(writer, node, f"key {number} of {node.workers}", after_s=0.05)
            node.kill()
            assert in_time(restart(node), 2)
        assert ask_for_token(node, key).status_code == 200


@pytest.mark.timeout(1800)
def test_f02_rotation_killed_at_every_step(idle: Node) -> None:
    """There is always exactly one key that signs, and every key that signed is still published."""
    signed: set[str] = set()
    with writing_to(idle) as writer:
        first = writer.order("rotate", algorithm="ES256", immediately=True)
        for number, death in enumerate(deaths(whole(first), KILLS // 3 or 8)):
            writer.order("rotate", algorithm="ES256", immediately=number % 3 != 2, **death)
            found = idle.manage(signing_keys.listing)
            keys = [key for key in found if key.algorithm == "ES256"]
            current = [key.kid for key in keys if key.state == "current"]
            assert len(current) == 1
            signed |= set(current)
            assert signed <= {key.kid for key in keys if key.state in ("current", "previous")}
    assert_nothing_is_half(idle)
    generations = [row["generation"] for row in rows(idle, GENERATIONS)]
    assert generations == list(range(1, len(generations) + 1))
