"""One Keygrove behind HTTPS for all clients, and a word on those that did not run."""

from collections.abc import Iterator

import pytest

from clients.roster import left_out
from clients.running_site import Site, running_site
from clients.toolchains import trusting
from hostile_rules import assert_clean_log


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """What it logged for the clients is looked at in the end."""
    with running_site(tmp_path_factory.mktemp("clients")) as site:
        log_from = site.server.log_bytes()
        yield site
    assert_clean_log(site.server.log_text(since=log_from), {site.key.client_secret})


@pytest.fixture
def trust(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients in this process trust the certificate as those in others do."""
    for name, value in trusting(site.certificate).items():
        monkeypatch.setenv(name, value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which clients did not run, and why."""
    for reason in left_out():
        terminalreporter.write_line(reason)
