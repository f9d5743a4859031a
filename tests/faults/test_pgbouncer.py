"""Two nodes of two workers behind a PgBouncer in transaction mode, which has three connections for all."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from altered import altered
from faults.load import Client, asking, wait_for_tokens
from faults.nodes import Host, Node, rows, running_node
from faults.proxy import Proxy
from keygrove.storage import schema
from keygrove.storage.opening import open_database
from pgbouncer import STATEMENTS, pgbouncer_to
from postgres import PostgresServer
from running import Key
from yardstick import in_time

CONNECTIONS = 3
# PgBouncer tries again after a second, then a node does.
HEALED_WITHIN_S = 4
SERVER_CONNECTIONS = """
    select count(*) as number from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Bounced:
    """What stands behind one PgBouncer."""

    port: int
    first: Node
    second: Node

    def url(self, name: str) -> str:
        """A database of the server, through PgBouncer."""
        return f"postgresql://keygrove@127.0.0.1:{self.port}/{name}"

    def command(self, folder: Path) -> Host:
        """The command line, on the same database."""
        return Host(dict(self.first.environ), folder)


@pytest.fixture(scope="module", params=STATEMENTS)
def bounced(
    request: pytest.FixtureRequest,
    postgres: PostgresServer,
    wire: Proxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bounced]:
    """Nodes whose database was made through it, and which count failures."""
    budget = {"KEYGROVE_FAILURES_PER_CLIENT": "5"}
    with ExitStack() as stack:
        port = stack.enter_context(pgbouncer_to(wire.port, connections=CONNECTIONS, statements=request.param))
        url = f"postgresql://keygrove@127.0.0.1:{port}/{postgres.new_database()}"
        folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
        first = stack.enter_context(running_node(folders[0], url, workers=2, settings=budget))
        second = stack.enter_context(running_node(folders[1], url, workers=2, beside=first, settings=budget))
        yield Bounced(port, first, second)


def test_a_key_is_made_used_and_refused_once_removed(bounced: Bounced, tmp_path: Path) -> None:
    """By the command line and both nodes."""
    made = bounced.command(tmp_path).run(
        "key", "create", "--company", "acme", "--name", "Newsletter", "--permission", "marketing.read"
    )
    key = Key(made["client_id"], made["client_secret"], made["company_id"])
    with closing(Client(bounced.first, key)) as first, closing(Client(bounced.second, key)) as second:
        assert first.ask().is_token
        assert second.ask().is_token
        bounced.command(tmp_path).run("key", "remove", key.client_id, "--yes")
        for refused in (first.ask(), second.ask()):
            assert (refused.status, refused.error) == (401, "invalid_client")


def test_more_clients_than_connections_all_get_their_tokens(
    bounced: Bounced, postgres: PostgresServer, tmp_path: Path
) -> None:
    """While keys are made and removed, a signing key rotates and a backup is made; each token is counted.

    The backup is restored through PgBouncer too.
    """
    key, command = bounced.first.new_key(), bounced.command(tmp_path)
    with (
        asking(bounced.first, key, clients=6) as load,
        asking(bounced.second, key, clients=6) as more,
    ):
        made = [bounced.first.new_key() for _ in range(5)]
        command.run("signing-key", "rotate", "--now")
        command.run("backup", str(tmp_path / "copy"))
        for each in made:
            command.run("key", "remove", each.client_id, "--yes")
        assert rows(bounced.first, SERVER_CONNECTIONS)[0]["number"] <= CONNECTIONS
    answers = load.answers + more.answers
    assert [answer for answer in answers if not answer.is_token] == []
    assert counted(bounced.first, key, expected=len(answers)) == len(answers)
    there = Host(
        {**bounced.first.environ, "KEYGROVE_DATABASE": bounced.url(postgres.new_database())}, tmp_path
    )
    assert there.run("restore", str(tmp_path / "copy"), "--verify")["rows"]["clients"] >= 6


def test_nodes_count_failures_together(bounced: Bounced) -> None:
    """What one node refused too often, the other refuses too, and never the right secret."""
    key = bounced.first.new_key()
    wrong = Key(key.client_id, altered(key.client_secret), key.company_id)
    with closing(Client(bounced.first, wrong)) as first, closing(Client(bounced.second, wrong)) as second:
        assert first.ask().status == 401

        def is_told() -> bool:
            for _ in range(8):
                first.ask()
            time.sleep(3)  # they tell each other about once a second
            return second.ask().status == 429

        # A new minute is a new budget. Three times are not enough for the second node to spend one by itself.
        assert any(is_told() for _ in range(3))
    with closing(Client(bounced.second, key)) as client:
        assert client.ask().is_token


def test_migrations_take_turns(bounced: Bounced, postgres: PostgresServer) -> None:
    """Their lock is the transaction's own, so it is not left on a connection that others get."""
    url = bounced.url(postgres.new_database())

    async def migrate_and_look() -> int | None:
        await asyncio.gather(*(schema.migrate(url) for _ in range(4)))
        database = await open_database(url)
        try:
            return await schema.version(database)
        finally:
            await database.close()

    assert asyncio.run(migrate_and_look()) == schema.VERSION


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["in order", "crashed"])
def test_a_restart_of_postgres_costs_some_tokens_and_no_client(
    bounced: Bounced, postgres: PostgresServer, how: signal.Signals
) -> None:
    """PgBouncer's own words for it are none against the client."""
    with asking(bounced.first, bounced.first.new_key()) as load:
        postgres.stop(how)
        time.sleep(1)
        postgres.start()
        healed_s = wait_for_tokens(load)
    assert in_time(healed_s, HEALED_WITHIN_S)
    assert load.dishonest() == []


def test_a_database_that_falls_silent_behind_it_is_given_up_in_time(bounced: Bounced, wire: Proxy) -> None:
    """As without it: 503 within five seconds. Nobody waits for the rollback of what was given up."""
    with asking(bounced.first, bounced.first.new_key(), clients=12) as load:
        with wire.silent():
            time.sleep(6.5)
        healed_s = wait_for_tokens(load)
    assert in_time(healed_s, HEALED_WITHIN_S)
    assert load.dishonest() == []
    assert sum(answer.status == 503 for answer in load.answers) >= 12


def counted(node: Node, key: Key, *, expected: int) -> int:
    """The tokens that the books have for a key, when they have caught up."""
    sql = f"select coalesce(sum(issued), 0) as number from usage_days where client_id = '{key.client_id}'"  # noqa: S608 - ours
    for _ in range(40):
        number = int(rows(node, sql)[0]["number"])
        if number >= expected:
            break
        time.sleep(0.25)
    return number
