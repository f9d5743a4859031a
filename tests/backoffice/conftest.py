"""A real server, a real Chromium, and visitors who look at Backoffice in many ways."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import sync_playwright

from backoffice.site import Site, site_in
from backoffice.visitor import Look, Visitor, Windows

OpenVisitor = Callable[[Look], Visitor]


@pytest.fixture(scope="module")
def windows() -> Iterator[Windows]:
    """The system's Chromium. Its driver keeps an event loop in this thread, so it ends with each module."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        yield Windows(chromium)
        chromium.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server for these tests alone: failed sign-ins here must not slow others down."""
    folder = tmp_path_factory.mktemp("backoffice")
    with site_in(folder) as site:
        yield site


@pytest.fixture
def visit(windows: Windows, site: Site) -> Iterator[OpenVisitor]:
    """Open a browser window of a given look; at the end nothing may have left the origin."""
    visitors: list[Visitor] = []

    def open_window(look: Look) -> Visitor:
        visitors.append(Visitor.open(windows, site.url, look))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []
