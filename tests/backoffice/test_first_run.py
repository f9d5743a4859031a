"""The first run: one link, one company, one admin, and then the page is gone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from backoffice.visitor import LOOKS, Look, Site, Visitor, site_in
from keygrove.management import setup
from running import PASSWORD


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server on which nobody has an account."""
    folder = tmp_path_factory.mktemp("fresh")
    with site_in(folder) as site:
        yield site


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_the_page_asks_for_what_it_needs(look: Look, fresh: Site, browser: Browser) -> None:
    """All faults at once, each at its field; the password is not kept."""
    token = fresh.manage(setup.new_link).reveal()
    visitor = Visitor.open(browser, fresh.url, look)
    visitor.go(f"/setup?token={token}")
    assert visitor.heading() == "Set up Keygrove"
    visitor.inspect("setup")
    visitor.page.get_by_label("Password").fill("short")
    visitor.press("Set up and sign in")
    assert visitor.page.title() == "Error: Set up – Backoffice"  # noqa: RUF001
    assert visitor.page.get_by_role("alert").get_by_role("listitem").count() >= 3
    assert visitor.page.get_by_label("Password").input_value() == ""
    visitor.inspect("setup-failed")
    visitor.go("/setup?token=kg_su_made_up")
    assert visitor.heading() == "This set-up link has ended"
    assert visitor.page.get_by_text("keygrove setup-link").is_visible()
    visitor.inspect("setup-ended")
    visitor.close()
    assert visitor.faults == []


def test_the_link_works_once(fresh: Site, browser: Browser) -> None:
    """It makes the company and its admin, signs in, and is a page that does not exist afterwards."""
    token = fresh.manage(setup.new_link).reveal()
    visitor = Visitor.open(browser, fresh.url, Look(script=False))
    visitor.go(f"/setup?token={token}")
    fields = {"Company": "Fjord Cruises", "Your name": "Ida", "E-mail address": "ida@fjord.example"}
    for label, value in {**fields, "Password": PASSWORD}.items():
        visitor.page.get_by_label(label).fill(value)
    visitor.press("Set up and sign in")
    assert visitor.heading() == "Settings: Integrations"
    assert "/c/fjord-cruises/" in visitor.page.url
    answer = visitor.page.goto(f"{fresh.url}/setup?token={token}")
    assert answer is not None
    assert answer.status == 404
    assert visitor.heading() == "There is no page at this address"
    visitor.close()


def test_after_five_wrong_passwords_one_has_to_wait(fresh: Site, browser: Browser) -> None:
    """The page says until when, keeps the address, and answers 429."""
    visitor = Visitor.open(browser, fresh.url, Look(script=False))
    statuses = []
    visitor.page.on("response", lambda answer: statuses.append(answer.status))
    for _ in range(6):
        visitor.sign_in("nobody@fjord.example", "wrong")
    assert statuses.count(422) == 5
    assert 429 in statuses
    assert re.search(r"Too many attempts. Try again at \d\d:\d\d:\d\d UTC", visitor.page.content())
    assert visitor.page.get_by_label("E-mail address").input_value() == "nobody@fjord.example"
    visitor.inspect("sign-in-throttled")
    visitor.close()
