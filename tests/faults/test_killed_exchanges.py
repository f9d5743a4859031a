"""Processes that die at every step of an exchange: a code, a refresh token give at most one set of tokens."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from endpoints.connecting import CALLBACK, Code, Connection, connect_app
from faults.killing import Outcome, Writer, deaths, whole, writing_to
from faults.nodes import KILLS, Node, rows
from hostile_rules import Rules
from running import Key

# Everything that would be half of an exchange.
HALVES = {
    "a code that is spent and gave nothing, or gave something and is not spent": """
        select grant_id from grants where (code_spent_at_s is null) <> (refresh_generation = 0)""",
    "a generation without its time, or a time without its generation": """
        select grant_id from grants where (refreshed_at_s is null) <> (refresh_generation = 0)""",
    "a grant that ended without its line in the journal, or a line without the end": """
        select grant_id from grants where (revoked_at_s is null) = exists (
            select 1 from journal where target_id = grant_id and action = 'grant.revoked')""",
}


@pytest.fixture
def connection(idle: Node) -> Iterator[Connection]:
    """An app that a person connected."""
    with httpx2.Client() as http:
        yield connect_app(Rules(idle, Key("", "", ""), http))


def exchange(writer: Writer, connection: Connection, code: Code, **death: Any) -> Outcome:
    """Order the exchange of a code, in the second in which it was made."""
    now = code.grant.auth_time + 5
    form = {
        "grant_type": "authorization_code",
        "code": code.code,
        "redirect_uri": CALLBACK,
        "code_verifier": code.verifier,
    }
    return writer.order("ask", form=form | connection.credentials(), now=now, **death)


def refresh(writer: Writer, connection: Connection, refresh_token: str, *, now: int, **death: Any) -> Outcome:
    """Order new tokens for a refresh token. Time stands still: a slow machine is never out of the grace."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return writer.order("ask", form=form | connection.credentials(), now=now, **death)


def given(*outcomes: Outcome) -> list[str]:
    """The refresh tokens in the answers that were sent."""
    answers = [outcome.said for outcome in outcomes if "status" in outcome.said]
    return [answer["members"]["refresh_token"] for answer in answers if answer["status"] == 200]


def assert_nothing_is_half(node: Node) -> None:
    """No half of an exchange is there."""
    assert {name: found for name, sql in HALVES.items() if (found := rows(node, sql))} == {}


def generation_of(node: Node, grant_id: str) -> int:
    """The generation of a grant's youngest refresh token."""
    found = rows(node, f"select refresh_generation from grants where grant_id = '{grant_id}'")  # noqa: S608
    return int(found[0]["refresh_generation"])


@pytest.mark.timeout(1800)
def test_f03_a_code_exchange_killed_at_every_step(idle: Node, connection: Connection) -> None:
    """Sent again after the death it gives tokens only if the first gave none; a third time never."""
    lost = 0
    with writing_to(idle) as writer:
        first = exchange(writer, connection, connection.new_code())
        assert first.said["status"] == 200
        for death in deaths(whole(first), KILLS // 3 or 8):
            code = connection.new_code()
            dying, again = exchange(writer, connection, code, **death), exchange(writer, connection, code)
            third = exchange(writer, connection, code)
            assert not third.killed
            assert third.said["status"] == 400
            assert len(given(dying, again)) <= 1
            lost += not given(dying, again)
            assert_nothing_is_half(idle)
    assert lost < (KILLS // 3 or 8), "no exchange was told at all"


@pytest.mark.timeout(1800)
def test_f03_a_refresh_killed_at_every_step(idle: Node, connection: Connection) -> None:
    """Whatever is sent again within the grace gets the same child, and the family never forks."""
    code = connection.new_code()
    now = code.grant.auth_time + 5
    with writing_to(idle) as writer:
        first = exchange(writer, connection, code)
        (token,) = given(first)
        whole_refresh = refresh(writer, connection, token, now=now)
        generation = 2
        (token,) = given(whole_refresh)
        for death in deaths(whole(whole_refresh), KILLS // 3 or 8):
            dying, again = (
                refresh(writer, connection, token, now=now, **death),
                refresh(writer, connection, token, now=now),
            )
            generation += 1
            assert generation_of(idle, code.grant.grant_id) == generation
            assert_nothing_is_half(idle)
            assert len(given(again)) == 1
            assert set(given(dying)) <= set(given(again)), "a token has two children"
            (token,) = given(again)
