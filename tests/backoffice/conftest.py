"""A real server, a real Chromium, and visitors who look at Backoffice in many ways."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import pytest
from playwright.sync_api import sync_playwright

from backoffice.site import Site, site_in
from backoffice.visitor import Look, Visitor, Windows
from databases import Databases

OpenVisitor = Callable[[Look], Visitor]
# The engine is the same; the shell around a whole browser takes as much of the processor again.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def windows() -> Iterator[Windows]:
    """The system's Chromium. Its driver keeps an event loop in this thread, so it ends with each module."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
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
def sites(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """A server on each kind of database for these tests alone: failed sign-ins must not slow others down."""
    with ExitStack() as running:

        @cache
        def site_on(database_kind: str) -> Site:
            database = "" if database_kind == "sqlite" else databases.postgres()
            return running.enter_context(site_in(tmp_path_factory.mktemp("backoffice"), database))

        yield site_on


@pytest.fixture(scope="module")
def site(database_kind: str, sites: Callable[[str], Site]) -> Site:
    """The server of these tests."""
    return sites(database_kind)


@pytest.fixture
def visit(windows: Windows, site: Site, database_kind: str) -> Iterator[OpenVisitor]:
    """Open a browser window of a given look; at the end nothing may have left the origin."""
    visitors: list[Visitor] = []

    def open_window(look: Look) -> Visitor:
        # On PostgreSQL the pages are the same: axe has read them already.
        seen = replace(look, examined=look.examined and database_kind == "sqlite")
        visitors.append(Visitor.open(windows, site.url, seen))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []
