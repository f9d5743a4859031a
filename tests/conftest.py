"""Fixtures that every part of the suite shares."""

from collections.abc import Iterator

import pytest

from running import Key, RunningServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One running server for the whole suite. Tests make companies, people and keys of their own in it."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def key(server: RunningServer) -> Key:
    """A key that may read marketing consents, never changed by a test."""
    return server.new_key("marketing.read")
