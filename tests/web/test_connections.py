"""Connections that are used for long."""

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest

from keygrove.web.connection import MAX_REQUESTS
from running import RunningServer
from stores import ONLY_SQLITE

pytestmark = ONLY_SQLITE


@pytest.fixture
def connection(server: RunningServer) -> Iterator[http.client.HTTPConnection]:
    """One connection, as a client keeps it."""
    port = int(server.url.rpartition(":")[2])
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as kept:
        yield kept


def test_a_connection_serves_so_many_requests(connection: http.client.HTTPConnection) -> None:
    """The last answer is whole and says that the connection ends; the client's next one is new."""
    for number in range(1, MAX_REQUESTS + 2):
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert (answer.getheader("connection") == "close") is (number == MAX_REQUESTS)
        assert (connection.sock is None) is (number == MAX_REQUESTS)
