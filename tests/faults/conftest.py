"""Databases to break, and nodes on them: they live as long as the suite, and every test leaves them whole."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.nodes import Node, new_node, running_node
from faults.proxy import Proxy, proxy_to
from keygrove.storage import schema
from postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that tests stop and start."""
    server = PostgresServer.create()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """The name of a database that has the tables."""
    name = postgres.new_database()
    asyncio.run(schema.migrate(postgres.url(name)))
    return name


@pytest.fixture
def postgres_database(postgres: PostgresServer, template: str) -> str:
    """The URL of a database with tables and no rows."""
    return postgres.url(postgres.new_database(template))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has the tables."""
    path = tmp_path_factory.mktemp("template") / "keygrove.db"
    schema.migrate_sqlite(path)
    return path


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> str:
    """The URL of a file with tables and no rows."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'keygrove.db')}"


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a database of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_database")
    return url


@pytest.fixture
def idle(tmp_path: Path, database: str) -> Node:
    """A node on a database of each kind which is ready and not started."""
    return new_node(tmp_path / "node", database)


@pytest.fixture(scope="session")
def calm_nodes(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, postgres: PostgresServer, template: str
) -> dict[str, Node]:
    """As `idle`, for tests that break nothing."""
    file = shutil.copy(sqlite_template, tmp_path_factory.mktemp("calm") / "keygrove.db")
    urls = {"sqlite": f"sqlite:///{file}", "postgres": postgres.url(postgres.new_database(template))}
    return {kind: new_node(tmp_path_factory.mktemp(kind), url) for kind, url in urls.items()}


@pytest.fixture(params=["sqlite", "postgres"])
def calm(request: pytest.FixtureRequest, calm_nodes: dict[str, Node]) -> Node:
    """A node on each kind of database, not started, which every such test leaves as it is."""
    return calm_nodes[request.param]


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Two workers on SQLite."""
    folder = tmp_path_factory.mktemp("lite")
    with running_node(folder, f"sqlite:///{folder / 'keygrove.db'}", workers=2) as node:
        yield node


@pytest.fixture(scope="session")
def wire(postgres: PostgresServer) -> Iterator[Proxy]:
    """The wire between `alpha` and PostgreSQL."""
    with proxy_to(postgres.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def alpha(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, template: str, wire: Proxy
) -> Iterator[Node]:
    """The first of two nodes on one PostgreSQL; between them is a wire."""
    url = postgres.url(postgres.new_database(template)).replace(f":{postgres.port}/", f":{wire.port}/")
    with running_node(tmp_path_factory.mktemp("alpha"), url) as node:
        yield node


@pytest.fixture(scope="session")
def beta(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, alpha: Node) -> Iterator[Node]:
    """The second one, with no wire in between."""
    url = f"postgresql://keygrove@127.0.0.1:{postgres.port}/{alpha.environ['KEYGROVE_DATABASE'].rpartition('/')[2]}"
    with running_node(tmp_path_factory.mktemp("beta"), url, beside=alpha) as node:
        yield node


@pytest.fixture(params=["sqlite", "postgres"])
def node(request: pytest.FixtureRequest) -> Node:
    """A running node on each kind of database."""
    running: Node = request.getfixturevalue({"sqlite": "lite", "postgres": "alpha"}[request.param])
    return running
