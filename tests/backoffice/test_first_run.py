"""The first run: one link, one company, one admin, and then the page is gone."""

import re
from collections.abc import Callable, Iterator

import pytest

from backoffice.conftest import OpenVisitor
from backoffice.site import Site, site_in
from backoffice.visitor import CLOSE_LOOKS, Look, in_looks
from keygrove.management import setup
from keygrove.management.people import MIN_CHARACTERS
from running import PASSWORD


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[Site]:
    """A server on which nobody has an account."""
    with site_in(tmp_path_factory.mktemp("fresh"), new_database()) as site:
        yield site


@in_looks(CLOSE_LOOKS)
def test_the_page_asks_for_what_it_needs(look: Look, site: Site, visit: OpenVisitor) -> None:
    """All faults at once, each at its field; the password is not kept."""
    token = site.manage(setup.new_link).reveal()
    visitor = visit(look)
    visitor.go(f"/setup?token={token}")
    visitor.is_at("Set up Keygrove")
    visitor.inspect("setup")
    visitor.page.get_by_label("Password").fill("short")
    visitor.press("Set up and sign in")
    assert visitor.page.title() == "Error: Set up – Backoffice"  # noqa: RUF001
    assert [text.strip() for text in visitor.page.get_by_role("listitem").all_inner_texts()] == [
        "Company: enter a name.",
        "Your name: enter a name.",
        "E-mail address: enter an e-mail address, such as name@example.com.",
        f"Password: use at least {MIN_CHARACTERS} characters.",
    ]
    assert visitor.page.get_by_label("Password").input_value() == ""
    visitor.inspect("setup-failed")
    visitor.go("/setup?token=kg_su_made_up")
    visitor.is_at("This set-up link has ended")
    assert visitor.page.get_by_text("keygrove setup-link").is_visible()
    visitor.inspect("setup-ended")


def test_the_link_works_once(site: Site, visit: OpenVisitor) -> None:
    """It makes the company and its admin, signs in, and is a page that says it is gone afterwards."""
    token = site.manage(setup.new_link).reveal()
    visitor = visit(Look(script=False))
    visitor.go(f"/setup?token={token}")
    fields = {"Company": "Fjord Cruises", "Your name": "Ida", "E-mail address": "ida@fjord.example"}
    for label, value in {**fields, "Password": PASSWORD}.items():
        visitor.page.get_by_label(label).fill(value)
    visitor.press("Set up and sign in")
    visitor.is_at("Settings: Integrations")
    assert "/c/fjord-cruises/" in visitor.page.url
    answer = visitor.page.goto(f"{site.url}/setup?token={token}")
    assert answer is not None
    assert answer.status == 404
    visitor.is_at("Set-up is done")
    assert visitor.page.get_by_role("link", name="Sign in").get_attribute("href") == "/sign-in"
    visitor.inspect("setup-done")


def test_after_five_wrong_passwords_one_has_to_wait(site: Site, visit: OpenVisitor) -> None:
    """The page says how long, keeps the address, and answers 429."""
    visitor = visit(Look(script=False))
    statuses: list[int] = []
    visitor.page.on("response", lambda answer: statuses.append(answer.status))
    # The first wait is one second, so a slow machine may get past it: each failure makes it longer.
    while 429 not in statuses and statuses.count(422) < 12:
        visitor.sign_in("nobody@fjord.example", "wrong")
    assert statuses.count(422) >= 5
    assert 429 in statuses
    assert re.search(r"Too many attempts. Try again in \d+ seconds?\.", visitor.page.content())
    assert visitor.page.get_by_label("E-mail address").input_value() == "nobody@fjord.example"
    visitor.inspect("sign-in-throttled")
