"""Fixtures that every part of the suite shares.

Whoever uses `database_kind`, and be it through `server` or `store`, runs on both databases. Marked with
`stores.ONLY_SQLITE` it runs on one, and says why.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from clocks import Clock
from databases import Databases
from recorded import Journal
from running import Key, RunningServer, running_server
from stores import KINDS, SqliteStore, Store

# Without its example database Hypothesis needs no disk, which is taken away from protocol tests. How long
# it takes is the machine's matter.
settings.register_profile(
    "pure", database=None, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pure")

# Their files take longest.
_FIRST = ("backoffice", "cli", "web", "faults", "storage")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Send what pytest-rerunfailures tells of each test at once: Nagle's algorithm held it back for 12 ms."""
    wire = getattr(getattr(session.config, "failures_db", None), "sock", None)
    if isinstance(wire, socket.socket):
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: so the last ones are short, and no processor waits for another in the end."""
    items.sort(key=lambda item: item.path.parent.name not in _FIRST)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Where tests get databases."""
    databases = Databases(tmp_path_factory.mktemp("databases"))
    try:
        yield databases
    finally:
        databases.close()


@pytest.fixture(scope="module", params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database: `sqlite` or `postgres`. A module goes through with one, then with the other."""
    return str(request.param)


@pytest.fixture
def store(database_kind: str, databases: Databases, tmp_path: Path) -> Store:
    """An empty database of each kind."""
    return SqliteStore(databases.file(tmp_path)) if database_kind == "sqlite" else databases.kept_postgres()


@pytest.fixture
def journal(store: Store) -> Journal:
    """What has been recorded in the store."""
    return Journal(store)


@pytest.fixture
def clock() -> Clock:
    """The clock of a Keygrove in this process."""
    return Clock()


@pytest.fixture
def anyio_backend() -> str:
    """The event loop we run on."""
    return "asyncio"


@pytest.fixture(scope="module")
def new_database(database_kind: str, databases: Databases) -> Callable[[], str]:
    """What `running_server` takes as its database: its own file, or a new PostgreSQL database."""
    return lambda: "" if database_kind == "sqlite" else databases.postgres()


@pytest.fixture(scope="session")
def servers(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[RunningServer, Key]]]:
    """A running server on each kind of database, from the first test that uses it, and a key of it."""
    with ExitStack() as running:

        @cache
        def server_on(database_kind: str) -> tuple[RunningServer, Key]:
            database = "" if database_kind == "sqlite" else databases.postgres()
            folder = tmp_path_factory.mktemp("server")
            server = running.enter_context(running_server(folder, database=database))
            return server, server.new_key("marketing.read")

        yield server_on


@pytest.fixture(scope="module")
def server(database_kind: str, servers: Callable[[str], tuple[RunningServer, Key]]) -> RunningServer:
    """A server that the whole suite shares. Tests make companies, people and keys of their own in it."""
    return servers(database_kind)[0]


@pytest.fixture(scope="module")
def key(database_kind: str, servers: Callable[[str], tuple[RunningServer, Key]]) -> Key:
    """A key that may read marketing consents, never changed by a test."""
    return servers(database_kind)[1]
