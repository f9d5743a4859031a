"""PostgreSQL restarted, crashed, cut off, slow and silent: what clients are told, and how soon it heals."""

import asyncio
import signal
import time
from typing import Any

import asyncpg
import httpx2
import pytest

from faults.load import asking, wait_for_tokens
from faults.nodes import Node
from faults.proxy import Proxy
from keygrove.storage.database import Database, DatabaseUnavailable
from keygrove.storage.opening import open_database
from postgres import PostgresServer
from yardstick import in_time

HEALED_WITHIN_S = 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["in order", "crashed"])
def test_f10_a_restart_of_postgres_costs_some_tokens_and_no_client(
    alpha: Node, postgres: PostgresServer, how: signal.Signals
) -> None:
    """While it is away the answer is 503; when it is back tokens come within two seconds."""
    with asking(alpha, alpha.new_key()) as load:
        stopped = time.monotonic()
        postgres.stop(how)
        time.sleep(1)
        postgres.start()
        healed_s = wait_for_tokens(load)
    assert in_time(healed_s, HEALED_WITHIN_S)
    assert load.dishonest() == []
    assert any(answer.status == 503 for answer in load.since(stopped))


def test_f10_connections_that_end_under_way_are_replaced_in_silence(alpha: Node, wire: Proxy) -> None:
    """A read is safe to ask again: nobody notices."""
    with asking(alpha, alpha.new_key()) as load:
        for _ in range(3):
            wire.cut()
            wait_for_tokens(load)
    assert load.dishonest() == []
    assert sum(not answer.is_token for answer in load.answers) <= 3


def test_f10_a_write_whose_connection_ends_is_not_acknowledged(postgres_database: str) -> None:
    """And it is not there."""

    async def write(database: Database, beside: Any) -> None:
        async with database.transaction() as tx:
            await tx.run("insert into companies values ('o1', 'acme', 'Acme', 0, null)")
            await beside.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )

    async def write_and_lose() -> int:
        database = await open_database(postgres_database)
        beside = await asyncpg.connect(postgres_database)
        try:
            with pytest.raises(DatabaseUnavailable):
                await write(database, beside)
            async with database.transaction() as tx:
                return len(await tx.all("select company_id from companies"))
        finally:
            await beside.close()
            await database.close()

    assert asyncio.run(write_and_lose()) == 0


def test_f11_a_database_two_seconds_slow_is_slow_and_not_wrong(alpha: Node, wire: Proxy) -> None:
    """Every answer comes in time: a token, or 503."""
    with asking(alpha, alpha.new_key(), clients=6) as load:
        wire.delay_s = 1.0  # each way
        time.sleep(4.5)
        wire.delay_s = 0.0
        healed_s = wait_for_tokens(load)
    assert in_time(healed_s, HEALED_WITHIN_S)
    assert load.dishonest() == []


def test_f11_a_database_that_falls_silent_is_given_up_in_time(alpha: Node, wire: Proxy) -> None:
    """Nothing is refused and nothing comes: the answer is 503 within five seconds, in the queue too."""
    with asking(alpha, alpha.new_key(), clients=12) as load:
        with wire.silent():
            time.sleep(6.5)
        healed_s = wait_for_tokens(load)
    assert in_time(healed_s, HEALED_WITHIN_S)
    assert load.dishonest() == []
    assert sum(answer.status == 503 for answer in load.answers) >= 12


def test_f11_a_node_without_its_database_says_that_it_is_not_ready(
    alpha: Node, postgres: PostgresServer
) -> None:
    """So a load balancer leaves it out; it is alive all the same, and shows its keys."""
    postgres.stop()
    try:
        status = {
            path: httpx2.get(f"{alpha.url}{path}", verify=False, timeout=6).status_code
            for path in ("/readyz", "/livez", "/.well-known/jwks.json")
        }
    finally:
        postgres.start()
    assert status == {"/readyz": 503, "/livez": 200, "/.well-known/jwks.json": 200}
    with asking(alpha, alpha.new_key()):
        assert httpx2.get(f"{alpha.url}/readyz", verify=False).status_code == 200
