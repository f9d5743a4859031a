"""An issuer on a real socket, and an API that trusts it."""

from collections.abc import Iterator

import pytest

from keygrove.sdk.resource_server import ResourceServer
from sdk.issuer import AUDIENCE, Clock, Issuer, running_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer of the test's own."""
    with running_issuer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """The clock of the API's key cache."""
    return Clock()


@pytest.fixture
def api(issuer: Issuer, clock: Clock) -> ResourceServer:
    """An API that trusts the issuer."""
    return ResourceServer(issuer=issuer.url, audience=AUDIENCE, monotonic=clock)


@pytest.fixture(scope="session")
def shared_issuer() -> Iterator[Issuer]:
    """One issuer for all tests that change nothing about it."""
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="session")
def shared_api(shared_issuer: Issuer) -> ResourceServer:
    """One API for all tests that change nothing about it."""
    server = ResourceServer(issuer=shared_issuer.url, audience=AUDIENCE)
    server.verify(shared_issuer.token())
    return server
