"""Ways through Backoffice that are not the straight one: deep links, long lists, other people's keys."""

import re

from playwright.sync_api import expect

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import Look
from keygrove.management.context import OPERATOR, Management
from keygrove.management.integrations import create_key

PLAIN = Look(script=False)


def test_signing_in_leads_where_one_wanted_to_go(site: Site, visit: OpenVisitor) -> None:
    """Also through a wrong password first."""
    company = site.new_company()
    email = site.new_person(company)
    visitor = visit(PLAIN)
    visitor.go(f"/c/{company.slug}/settings/integrations/keys/new")
    visitor.sign_in(email, "wrong")
    visitor.sign_in(email)
    visitor.is_at("Create new key")
    visitor.go("/sign-in?next=//elsewhere.example/")
    assert visitor.page.url == f"{site.url}/c/{company.slug}/settings/integrations"


def test_a_long_list_has_pages(site: Site, visit: OpenVisitor) -> None:
    """Fifty keys a page, a way on and a way back, and the filter stays."""
    company = site.new_company()

    async def fill(m: Management) -> None:
        for number in range(53):
            scope = "event.read" if number else "order.read"
            await create_key(m, OPERATOR, company.id, name=f"Gate {number:02}", permissions=[scope])

    site.manage(fill)
    visitor = visit(PLAIN)
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/integrations/keys")
    rows = visitor.page.locator("tbody tr")
    assert rows.count() == 50
    visitor.follow("Next page")
    assert rows.count() == 3
    visitor.follow("First page")
    visitor.page.get_by_role("searchbox").fill("event.read")
    visitor.press("Filter")
    visitor.follow("Next page")
    assert rows.count() == 2
    assert visitor.page.get_by_role("searchbox").input_value() == "event.read"
    visitor.follow("Clear the filter")
    assert rows.count() == 50


def test_another_company_does_not_exist(site: Site, visit: OpenVisitor) -> None:
    """Its pages and its keys are not found, as if they were not there."""
    mine, theirs = site.new_company(), site.new_company("Northern Lights Tours")

    async def make(m: Management) -> str:
        new = await create_key(m, OPERATOR, theirs.id, name="Theirs", permissions=["event.read"])
        return new.key.client_id

    client_id = site.manage(make)
    visitor = visit(PLAIN)
    site.let_in(visitor, site.new_person(mine))
    for path in (
        f"/c/{theirs.slug}/settings/integrations",
        f"/c/{theirs.slug}/settings/integrations/keys/{client_id}",
        f"/c/{mine.slug}/settings/integrations/keys/{client_id}",
        f"/c/{mine.slug}/settings/integrations/keys/{client_id}/remove",
        f"/c/{mine.slug}/settings/integrations/keys/kg_ci_none",
    ):
        visitor.go(path)
        visitor.is_at("There is no page at this address")


def test_a_form_without_its_token_changes_nothing(site: Site, visit: OpenVisitor) -> None:
    """A page of its own says so."""
    company = site.new_company()
    visitor = visit(PLAIN)
    site.let_in(visitor, site.new_person(company))
    keys = f"{site.url}/c/{company.slug}/settings/integrations/keys"
    form: dict[str, str | float | bool] = {"name": "Forged", "permission-event.read": "event.read"}
    answer = visitor.context.request.post(f"{keys}/new", form=form)
    assert answer.status == 403
    assert "This form was not sent from its own page." in answer.text()
    visitor.page.goto(keys)
    assert visitor.page.get_by_role("heading", name="No keys yet").is_visible()


def test_unknown_permissions_and_extra_fields_are_not_taken(site: Site, visit: OpenVisitor) -> None:
    """A form that was changed on its way is refused or its additions ignored (K05, K07)."""
    company = site.new_company()
    visitor = visit(PLAIN)
    site.let_in(visitor, site.new_person(company))
    keys = f"{site.url}/c/{company.slug}/settings/integrations/keys"
    visitor.page.goto(f"{keys}/new")
    token = visitor.page.locator("main [name=form_token]").get_attribute("value") or ""
    form: dict[str, str | float | bool] = {"form_token": token, "name": "Changed on its way"}
    refused = visitor.context.request.post(
        f"{keys}/new", form={**form, "permission-event.read": "event.read admin"}
    )
    assert refused.status == 422
    made = visitor.context.request.post(
        f"{keys}/new",
        form={**form, "permission-event.read": "event.read", "client_id": "mine", "company_id": "0" * 32},
    )
    assert made.status == 200
    assert re.search(r'id="client-id"[^>]*>kg_ci_', made.text())


def test_a_theme_is_one_of_three(site: Site, visit: OpenVisitor) -> None:
    """Whatever the cookie says, the page carries one of the known words or none."""
    visitor = visit(PLAIN)
    visitor.context.add_cookies([{"name": "keygrove_theme", "value": "x-y", "url": site.url}])
    visitor.go("/sign-in")
    assert visitor.page.locator("html[data-theme]").count() == 0


def test_a_new_key_begins_with_its_name(site: Site, visit: OpenVisitor) -> None:
    """Typing can begin at once; a form that failed begins with what is wrong instead."""
    company = site.new_company()
    visitor = visit(PLAIN)
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/integrations/keys/new")
    name = visitor.page.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    visitor.page.keyboard.type("Ga")
    assert name.input_value() == "Ga"
    visitor.press("Create")
    expect(visitor.page.get_by_role("alert")).to_be_focused()
    expect(name).not_to_be_focused()
