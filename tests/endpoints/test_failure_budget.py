"""The failure budget: a broken program is told to slow down, and nobody is locked out."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx2
import pytest

from keygrove.endpoints.budget import FailureBudget
from running import Key, RunningServer, ask_for_token, running_server

NOON = 1_700_000_040 - 1_700_000_040 % 60


def spend(
    budget: FailureBudget, *, client: str = "c", address: str = "192.0.2.1", now: int = NOON
) -> int | None:
    """One failure by credentials in the body."""
    return budget.spend(client_id=client, address=address, by_header=False, now=now)


def test_the_budget_is_per_client_and_per_address() -> None:
    """Twenty here, sixty there: what is over either waits for the minute's end."""
    budget = FailureBudget(per_client=2, per_address=3)
    assert [spend(budget, address=f"192.0.2.{n}") for n in range(3)] == [None, None, 60]
    assert [spend(budget, client=f"c{n}", address="198.51.100.1") for n in range(4)] == [None, None, None, 60]


def test_a_new_minute_is_a_new_budget() -> None:
    """Waiting as told is enough."""
    budget = FailureBudget(per_client=1, per_address=0)
    spend(budget)
    assert spend(budget, now=NOON + 25) == 35
    assert spend(budget, now=NOON + 60) is None


def test_zero_is_no_limit() -> None:
    """An operator may switch either off."""
    budget = FailureBudget(per_client=0, per_address=0)
    assert {spend(budget) for _ in range(500)} == {None}


def test_a_probing_pair_counts_once() -> None:
    """golang.org/x/oauth2 tries Basic, then the body: one mistake, one failure."""
    budget = FailureBudget(per_client=2, per_address=0)
    for second in range(2):
        for by_header in (True, False):
            wait = budget.spend(
                client_id="c", address="192.0.2.1", by_header=by_header, now=NOON + second * 5
            )
            assert wait is None
    assert spend(budget, now=NOON + 20) == 40


def test_an_ipv6_customer_is_one_address() -> None:
    """A /64 network is what one customer has; its addresses are free."""
    budget = FailureBudget(per_client=0, per_address=2)
    waits = [spend(budget, client=str(n), address=f"2001:db8::{n}") for n in range(1, 4)]
    assert waits == [None, None, 60]
    assert spend(budget, address="2001:db8:0:1::1") is None


def test_failures_that_name_no_client_share_no_budget() -> None:
    """What one address sends without a Client ID slows down nobody elsewhere."""
    budget = FailureBudget(per_client=2, per_address=5)
    assert [spend(budget, client="") for _ in range(6)] == [None] * 5 + [60]
    assert spend(budget, client="", address="198.51.100.1") is None


def test_memory_is_bounded() -> None:
    """A flood of invented client ids fills a fixed number of buckets."""
    budget = FailureBudget(per_client=5, per_address=0)
    for number in range(12_000):
        spend(budget, client=f"invented {number}")
    assert len(budget._own) == 10_000


@pytest.fixture(scope="module")
def limited(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[RunningServer]:
    """A server with two workers and the limits it has by default."""
    settings = {"KEYGROVE_FAILURES_PER_CLIENT": "20", "KEYGROVE_FAILURES_PER_ADDRESS": "60"}
    folder = tmp_path_factory.mktemp("limited")
    with running_server(folder, database=new_database(), workers=2, settings=settings) as server:
        yield server


def fail_often(server: RunningServer, key: Key, times: int) -> list[httpx2.Response]:
    """Ask with a wrong secret, from eight threads at once."""
    wrong = replace(key, client_secret="kg_sk_wrong")
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: ask_for_token(server, wrong), range(times)))


def test_b25_attempts_at_one_instant_all_count(limited: RunningServer) -> None:
    """200 wrong secrets at once: nearly all are told to wait, at both workers."""
    if time.time() % 60 > 50:
        time.sleep(11)
    key = limited.new_key()
    answers = fail_often(limited, key, 200)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    # Each of the two workers counts for itself until they have told each other.
    assert statuses.count(401) <= 2 * 20
    late = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(late.headers["retry-after"]) <= 60
    assert late.json()["error"] == "invalid_client"
    assert "www-authenticate" not in late.headers


def test_the_right_secret_is_never_locked_out(limited: RunningServer) -> None:
    """Whoever guesses at a key, its owner gets tokens all the while, even from the same address."""
    key = limited.new_key()
    fail_often(limited, key, 60)
    assert {ask_for_token(limited, key).status_code for _ in range(5)} == {200}
