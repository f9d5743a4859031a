"""Clocks that jump, years that are far away, places with other clocks; and names that cannot be resolved."""

import asyncio
import ipaddress
import socket
import subprocess
import sys
from typing import Any

import pytest

from faults.inside import Clock, ask, claims, opened
from faults.nodes import Node
from keygrove.management import integrations, sign_in
from keygrove.management.context import OPERATOR
from keygrove.upkeep import ClockWatch
from running import PASSWORD

HOUR_S, YEAR_S = 3600, 365 * 24 * 3600
FEBRUARY_2038, MARCH_2100 = 2_149_000_000, 4_107_600_000


def test_f13_a_clock_that_jumps_under_load_breaks_no_token(calm: Node) -> None:
    """Back and forth: a token lives for an hour from the moment the clock shows."""

    async def run() -> None:
        clock = Clock()
        began = clock.now
        async with opened(calm.environ, clock) as house:
            for jump in (0, -5, HOUR_S, -HOUR_S, 10 * YEAR_S, -5, 0):
                clock.now = began + jump
                status, body = await ask(house, key)
                assert (status, 3600 - body["expires_in"]) in ((200, 0), (200, 1))
                said = claims(body)
                assert (said["iat"], said["exp"]) == (int(clock.now), int(clock.now) + 3600)

    key = calm.new_key()
    asyncio.run(run())


def test_f13_what_was_removed_stays_removed_when_the_clock_steps_back(calm: Node) -> None:
    """A removal is a fact, not a time."""

    async def run() -> list[int]:
        clock, found = Clock(), []
        async with opened(calm.environ, clock) as house:
            await integrations.remove_key(house.management, OPERATOR, key.company_id, key.client_id)
            for jump in (-5, -HOUR_S, -10 * YEAR_S):
                clock.now += jump
                found.append((await ask(house, key))[0])
        return found

    key = calm.new_key()
    assert asyncio.run(run()) == [401, 401, 401]


def test_f13_a_small_step_signs_nobody_out_and_lets_nobody_stay(calm: Node) -> None:
    """Five seconds back or an hour ahead: still signed in; signed out stays signed out."""
    calm.new_person("ana@acme.example")

    async def run() -> None:
        clock = Clock()
        async with opened(calm.environ, clock) as house:
            entered = await sign_in.sign_in(
                house.management,
                email="ana@acme.example",
                password=PASSWORD,
                address="203.0.113.7",
                user_agent="a browser",
                request_id="r1",
            )
            session = entered.token.reveal()
            for jump in (-5, 10, -5, HOUR_S, -HOUR_S):
                clock.now += jump
                found = await sign_in.find_session(house.management, session)
                assert found is not None
                last = found
            await sign_in.sign_out(house.management, last, address="203.0.113.7", request_id="r2")
            clock.now -= HOUR_S
            assert await sign_in.find_session(house.management, session) is None

    asyncio.run(run())


def test_f13_a_large_step_raises_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """A small one does not; what is told is by how much, in which direction."""
    clock, steady = Clock(), Clock(0)
    watch = ClockWatch(clock, steady)
    for step in (0, -3, HOUR_S, -HOUR_S, 4):
        clock.now += 10 + step
        steady.now += 10
        asyncio.run(watch.look())
    assert [getattr(record, "step_s", None) for record in caplog.records] == [HOUR_S, -HOUR_S]


@pytest.mark.parametrize("now", [FEBRUARY_2038, MARCH_2100])
def test_f34_far_years_make_no_difference(calm: Node, now: int) -> None:
    """Seconds do not end in 2038, and 2100 has no 29 February."""

    async def run() -> None:
        async with opened(calm.environ, Clock(now)) as house:
            status, body = await ask(house, key)
            assert status == 200
            assert claims(body)["exp"] == now + 3600

    key = calm.new_key()
    asyncio.run(run())


PLACES = [("Pacific/Kiritimati", "C"), ("America/St_Johns", "tr_TR.UTF-8"), ("Europe/Copenhagen", "de_DE")]


@pytest.mark.parametrize(("zone", "language"), PLACES)
def test_f34_time_zone_and_language_make_no_difference(zone: str, language: str) -> None:
    """What a program prints about a moment is the same everywhere."""
    program = """
import time; time.tzset()
from keygrove.cli.output import time_text
from keygrove.protocol.scope import Scope
print(time_text(1774745999), Scope.parse("BOOKING.READ i I"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"TZ": zone, "LC_ALL": language, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("2026-03-29T00:59:59Z BOOKING.READ i I", "")


def test_f29_no_name_is_looked_up_on_the_way_to_a_token(calm: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name service may be away for as long as it likes."""
    original = socket.getaddrinfo

    def only_addresses(host: Any, *rest: Any, **options: Any) -> Any:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise socket.gaierror("the name service is away") from None
        return original(host, *rest, **options)

    async def run() -> int:
        async with opened(calm.environ, Clock()) as house:
            return (await ask(house, key))[0]

    key = calm.new_key()
    monkeypatch.setattr(socket, "getaddrinfo", only_addresses)
    assert asyncio.run(run()) == 200
