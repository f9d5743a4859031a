"""One's own account in the browser: where one is signed in, another password, a link for who forgot it."""

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.test_every_state import error_links
from backoffice.visitor import CLOSE_LOOKS, Look, in_looks
from keygrove.backoffice.browsers import browser_words
from keygrove.management import password_reset, people, sign_in
from keygrove.management.context import Management
from keygrove.management.sign_in import NewSession
from running import PASSWORD

OTHER = "another clearing in a forest"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@in_looks(CLOSE_LOOKS)
def test_a_person_looks_after_their_account(look: Look, site: Site, visit: OpenVisitor) -> None:
    """By plain forms: a browser is signed out, then all others; the password is changed."""
    email = site.new_person(site.new_company())
    for agent in (FIREFOX, "curl/8.5.0", "curl/8.5.0"):
        site.manage(partial(_elsewhere, email, agent))
    visitor = visit(look)
    page = visitor.page
    visitor.sign_in(email)
    page.locator(".bar__end summary").click()
    page.get_by_role("link", name="Your account").click()
    visitor.is_at("Your account")
    places = page.locator(".places li")
    expect(places).to_have_count(4)
    assert "This browser" in places.first.inner_text()
    visitor.inspect("account")
    page.get_by_role("button", name="Sign out of Firefox on Windows").click()
    visitor.is_told("That browser is signed out.")
    expect(places).to_have_count(3)
    visitor.press("Sign out everywhere else")
    visitor.is_told("You are signed out everywhere else.")
    assert (places.count(), page.get_by_role("button", name="Sign out everywhere else").count()) == (1, 0)
    page.get_by_label("Current password").fill("a guess")
    page.get_by_label("New password").fill(OTHER)
    visitor.press("Change password")
    assert error_links(visitor) == ["Current password: the password is not right."]
    visitor.inspect("account-failed")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill(OTHER)
    visitor.press("Change password")
    visitor.is_told(re.compile(r"^\s*Your password is changed\."))
    page.get_by_role("button", name="Sign out of this browser").click()
    visitor.is_told("You are signed out.")


async def _elsewhere(email: str, agent: str, m: Management) -> NewSession:
    return await sign_in.sign_in(m, email=email, password=PASSWORD, address="2001:db8::1", user_agent=agent)


@in_looks(CLOSE_LOOKS)
def test_who_forgot_the_password_chooses_another_one(look: Look, site: Site, visit: OpenVisitor) -> None:
    """By a link that the operator makes, once."""
    email = site.new_person(site.new_company())
    person = site.manage(lambda m: people.named(m, email))
    token = site.manage(lambda m: password_reset.new_link(m, person.id)).reveal()
    visitor = visit(look)
    page = visitor.page
    visitor.go("/sign-in")
    assert page.get_by_text("Forgot your password? Ask the people who run Keygrove").is_visible()
    visitor.go(f"/reset-password?token={token}")
    visitor.is_at("Choose a new password")
    assert page.get_by_text(email).is_visible()
    visitor.inspect("reset-password")
    page.get_by_label("New password").fill("short")
    visitor.press("Change password")
    assert error_links(visitor) == ["New password: use at least 12 characters."]
    visitor.inspect("reset-password-failed")
    page.get_by_label("New password").fill(OTHER)
    visitor.press("Change password")
    visitor.is_told(re.compile(r"^\s*Your password is changed\."))
    visitor.sign_in(email, OTHER)
    visitor.is_at("Settings: Integrations")
    visitor.go(f"/reset-password?token={token}")
    visitor.is_at("This link has ended")
    visitor.inspect("reset-password-ended")


WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WEBKIT} Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}", "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0) {CHROME} Edg/140.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 15) {CHROME}", "Chrome on Android"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT} Safari/604.1", "Safari on iPhone"),
        ("Safari/1", "Safari"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 61, "x" * 60 + "…"),
        ("", "A browser that gave no name"),
    ],
)
def test_a_browser_is_named_in_words(agent: str, words: str) -> None:
    """As far as it says what it is."""
    assert browser_words(agent) == words
