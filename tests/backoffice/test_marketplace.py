"""Waves Marketplace as `keygrove demo` starts it, in Chromium: connected, used, renewed, ended, refused."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from backoffice.visitor import CLOSE_LOOKS, Look, Visitor, Windows
from cli.command import Shell
from cli.test_demo import Demo, free_ports, running_demo
from hostile_rules import assert_silent

CONNECT = "Connect to Understory"
PAGE = "Let Waves Marketplace work with {}'s data?"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A running demo, whose admin looks after a second company too; its logs hold no trace and no secret."""
    folder = tmp_path_factory.mktemp("demo")
    with running_demo(folder, free_ports(), "--json") as running:
        shell = Shell(folder, {"KEYGROVE_DATA_DIR": str(folder / ".demo")})
        shell.value("person", "create", "--company", "northwind", "--email", running.shown["email"])
        yield running
    for log in (folder / ".demo").glob("*.log"):
        assert_silent(log.read_text(), {running.shown["password"]})


@pytest.fixture(params=CLOSE_LOOKS, ids=str)
def visitor(request: pytest.FixtureRequest, demo: Demo, windows: Windows) -> Iterator[Visitor]:
    """A browser window; no request goes elsewhere than to Keygrove and to the app."""
    look: Look = request.param
    visitor = Visitor.open(windows, demo.shown["issuer"], look)
    yield visitor
    visitor.close()
    app = f"left the origin: {demo.shown['marketplace']}/"
    assert [fault for fault in visitor.faults if not fault.startswith(app)] == []


def look(visitor: Visitor, state: str) -> None:
    """The app's page is as it should be, for axe too."""
    visitor.inspect(f"marketplace-{state}", title="Waves Marketplace")


def is_noted(visitor: Visitor, words: str, *, to_the_end: bool = False) -> None:
    """Assert that the app tells this, or does so in a moment, at least to begin with."""
    pattern = re.compile(rf"^\s*{re.escape(words)}" + (r"\s*$" if to_the_end else ""))
    expect(visitor.page.locator("#note")).to_have_text(pattern, use_inner_text=True)


def connect(visitor: Visitor, demo: Demo, company: str = "Acme") -> None:
    """From the app to the consent page for a company; who has signed in before need not again."""
    visitor.page.goto(demo.shown["marketplace"])
    visitor.press(CONNECT)
    password = visitor.page.get_by_label("Password")
    choice = visitor.page.get_by_role("heading", name="Which company is this for?")
    expect(password.or_(choice)).to_be_visible()
    if password.count():
        visitor.page.get_by_label("E-mail address").fill(demo.shown["email"])
        visitor.page.get_by_label("Password").fill(demo.shown["password"])
        visitor.press("Sign in")
    expect(choice).to_be_visible()
    visitor.page.get_by_label(company).check()
    visitor.press("Continue")
    expect(choice).to_be_hidden()


def disconnect_in_backoffice(visitor: Visitor) -> None:
    """As the company's admin."""
    visitor.go("/c/acme/settings/integrations")
    visitor.inspect("marketplace-in-integrations")
    visitor.follow("Manage Waves Marketplace")
    visitor.inspect("marketplace-connected-app")
    visitor.follow("Disconnect")
    visitor.press("Disconnect")
    visitor.is_told_of("disconnected")


def test_an_app_is_connected_used_and_disconnected(visitor: Visitor, demo: Demo) -> None:
    """Sign in, choose, allow; call the API, refresh; end it in Backoffice; say no; end it in the app."""
    visitor.page.goto(demo.shown["marketplace"])
    look(visitor, "start")
    connect(visitor, demo)
    visitor.is_at(PAGE.format("Acme"))
    visitor.inspect("marketplace-consent")
    visitor.press("Allow")
    visitor.is_at("Acme")
    is_noted(visitor, "You are connected to Understory.", to_the_end=True)
    assert visitor.page.get_by_role("row").count() == 6
    look(visitor, "connected")
    visitor.press("Refresh")
    is_noted(visitor, "Understory gave us a new access token.", to_the_end=True)
    disconnect_in_backoffice(visitor)
    visitor.page.goto(demo.shown["marketplace"])
    visitor.press("Refresh")
    is_noted(visitor, "Understory has ended this connection.")
    look(visitor, "ended")
    connect(visitor, demo)
    visitor.press("Cancel")
    is_noted(visitor, "You are not connected")
    look(visitor, "refused")
    connect(visitor, demo)
    visitor.press("Allow")
    visitor.press("Disconnect")
    is_noted(visitor, "You are disconnected.")
    connect(visitor, demo)
    visitor.is_at("Acme")  # what was allowed is not asked again
    disconnect_in_backoffice(visitor)


def test_who_signs_out_of_backoffice_is_signed_out_of_the_app(visitor: Visitor, demo: Demo) -> None:
    """Keygrove tells the app, which never hears of it by the browser (back-channel logout).

    For another company than in the other test: what is allowed here stays so.
    """
    connect(visitor, demo, "Northwind")
    if visitor.heading() == PAGE.format("Northwind"):
        visitor.press("Allow")
    is_noted(visitor, "You are connected to Understory.", to_the_end=True)
    visitor.go("/sign-out")
    visitor.press("Sign out")
    connected = visitor.page.get_by_role("button", name="Refresh")
    for _ in range(50):
        visitor.page.goto(demo.shown["marketplace"])
        if not connected.count():
            break
        visitor.page.wait_for_timeout(100)
    is_noted(visitor, "You signed out of Understory")
    look(visitor, "signed-out")
