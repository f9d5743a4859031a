"""PostgreSQL for the benchmark: the server that the tests use, with its own settings."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

# The tests have a PostgreSQL that needs no installing; their folder is no package.
sys.path.append(str(Path(__file__).parents[1] / "tests"))

from postgres import PostgresServer

__all__ = ["PostgresServer", "pid", "postgres", "settle"]


@contextmanager
def postgres(port: int) -> Iterator[PostgresServer]:
    """A running server, with data of its own that is deleted in the end."""
    server = PostgresServer.create()
    try:
        server.port = port
        server.start()
        yield server
    finally:
        server.remove()


def pid(server: PostgresServer) -> int:
    """The parent of all its processes."""
    assert server.process is not None
    return server.process.pid


def settle(url: str) -> str:
    """Do now what its housekeeping would do during the first load; the server's version."""
    return asyncio.run(_settle(url))


async def _settle(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("vacuum analyze")
        await connection.execute("checkpoint")
        return f"PostgreSQL {await connection.fetchval('show server_version')}"
    finally:
        await connection.close()
