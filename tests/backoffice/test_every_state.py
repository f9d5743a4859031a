"""Every state of every page, in every look: nothing for axe to find, nothing wider than the window."""

from playwright.sync_api import expect

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import CLOSE_LOOKS, Look, Visitor, in_looks
from keygrove.management.context import OPERATOR, Management
from keygrove.management.integrations import create_key
from running import PASSWORD

every_look = in_looks(CLOSE_LOOKS)


def error_links(visitor: Visitor) -> list[str]:
    """The list on top of a failed form; each line must lead to a control that says it is wrong."""
    summary = visitor.page.get_by_role("alert")
    assert visitor.page.title().startswith("Error: ")
    expect(summary).to_be_focused()
    for link in summary.get_by_role("link").all():
        target = (link.get_attribute("href") or "").removeprefix("#")
        assert visitor.page.locator(f"[id='{target}']").count() == 1, target
    return [text.strip() for text in summary.get_by_role("listitem").all_inner_texts()]


@every_look
def test_failed_forms(look: Look, site: Site, visit: OpenVisitor) -> None:
    """A failed form says what is wrong, keeps what was entered, and never the password."""
    company = site.new_company()
    email = site.new_person(company)
    visitor = visit(look)
    page, keys = visitor.page, f"/c/{company.slug}/settings/integrations/keys"
    visitor.sign_in(email, "not the password")
    assert error_links(visitor) == ["Check your e-mail address and password."]
    assert page.get_by_text("E-mail address or password is not right.").is_visible()
    assert page.get_by_label("E-mail address").input_value() == email
    assert page.get_by_label("Password").input_value() == ""
    assert page.get_by_label("E-mail address").get_attribute("aria-invalid") == "true"
    visitor.inspect("sign-in-failed")
    visitor.sign_in(email)
    visitor.create_key(company.slug, "Accounting export", (("Orders", "Read"), ("Events", "Read")))
    visitor.go(f"{keys}/new")
    page.get_by_label("Name", exact=True).fill("ab")
    visitor.press("Create")
    assert error_links(visitor) == [
        "Name: use 3 to 80 characters.",
        "Permissions: choose at least one permission.",
    ]
    assert page.get_by_label("Name", exact=True).input_value() == "ab"
    visitor.inspect("key-new-failed")
    visitor.choose("Orders", "Read")
    page.get_by_label("Name", exact=True).fill("accounting EXPORT")
    visitor.press("Create")
    assert len(error_links(visitor)) == 1
    assert page.get_by_role("group", name="Orders").get_by_label("Read").is_checked()
    visitor.go(keys)
    visitor.follow("Accounting export")
    page.get_by_label("Name", exact=True).fill("")
    visitor.press("Save name")
    assert error_links(visitor) == ["Name: enter a name."]
    visitor.inspect("rename-failed")


@every_look
def test_a_change_asks_again_after_ten_minutes(look: Look, site: Site, visit: OpenVisitor) -> None:
    """Create, permissions and remove have a password field then; a wrong one keeps the rest of the form."""
    company = site.new_company()
    visitor = visit(look)
    page = visitor.page
    site.let_in(visitor, site.new_person(company))
    visitor.create_key(company.slug, "Long-lived", (("Events", "Read"),))
    site.age_sessions()
    visitor.go(f"/c/{company.slug}/settings/integrations/keys/new")
    page.get_by_label("Name", exact=True).fill("Made later")
    visitor.choose("Events", "Read")
    page.get_by_label("Confirm it's you").fill("wrong")
    visitor.press("Create")
    assert error_links(visitor) == ["The password is not right."]
    assert page.get_by_label("Name", exact=True).input_value() == "Made later"
    assert page.get_by_label("Confirm it's you").input_value() == ""
    visitor.inspect("key-new-confirm-failed")
    page.get_by_label("Confirm it's you").fill(PASSWORD)
    visitor.press("Create")
    visitor.is_at("Your key is ready")
    visitor.follow("I've stored the Secret Key")
    site.age_sessions()
    key_page = page.url
    page.goto(f"{key_page}/permissions")
    visitor.press("Save permissions")
    assert error_links(visitor) == ["Enter your password."]
    visitor.inspect("permissions-confirm-failed")
    page.goto(f"{key_page}/remove")
    visitor.inspect("remove-confirm")
    visitor.press("Remove key")
    assert error_links(visitor) == ["Enter your password."]
    page.get_by_label("Confirm it's you").fill(PASSWORD)
    visitor.press("Remove key")
    visitor.is_told_of("The key is removed.")


@every_look
def test_an_auditor_sees_why_nothing_can_be_changed(look: Look, site: Site, visit: OpenVisitor) -> None:
    """What the role does not allow is shown, disabled, with the reason and whom to ask."""
    company = site.new_company("Northern Lights Tours")
    key = site.manage(lambda m: _key_of(m, company.id))
    visitor = visit(look)
    page, keys = visitor.page, f"/c/{company.slug}/settings/integrations/keys"
    visitor.sign_in(site.new_person(company, site.new_company("Acme"), role="auditor"))
    visitor.is_at("Choose a company")
    visitor.inspect("companies")
    page.get_by_role("main").get_by_text("Northern Lights Tours").click()
    for path, state in (
        (keys, "keys-auditor"),
        (f"{keys}/new", "key-new-auditor"),
        (f"{keys}/{key}", "key-overview-auditor"),
        (f"{keys}/{key}/permissions", "key-permissions-auditor"),
        (f"{keys}/{key}/remove", "key-remove-auditor"),
    ):
        visitor.go(path)
        assert "ask an admin of Northern Lights Tours" in page.get_by_role("main").inner_text()
        assert page.get_by_role("main").locator("form[data-once] button:enabled").count() == 0
        visitor.inspect(state)


async def _key_of(m: Management, company_id: str) -> str:
    new = await create_key(
        m, OPERATOR, company_id, name="Ticket scanner at the gate", permissions=m.catalogue.scopes()
    )
    return new.key.client_id


@every_look
def test_trouble_and_the_rest(look: Look, site: Site, visit: OpenVisitor) -> None:
    """Error pages, the filter that finds nothing, signing out, and the page of components."""
    company = site.new_company()
    visitor = visit(look)
    page, keys = visitor.page, f"/c/{company.slug}/settings/integrations/keys"
    visitor.go("/no/such/page")
    visitor.is_at("There is no page at this address")
    assert len(page.locator("#request-id").inner_text()) >= 16
    visitor.inspect("not-found")
    visitor.go("/theme")
    visitor.is_at("This address does not work that way")
    visitor.inspect("wrong-method")
    site.let_in(visitor, site.new_person(company))
    visitor.create_key(company.slug, "Webhook relay", (("Webhooks", "Read and write"),))
    visitor.go(f"{keys}?search=nothing+like+this")
    assert page.get_by_role("heading", name="Nothing matches").is_visible()
    visitor.inspect("keys-nothing-found")
    visitor.go(f"{keys}?search=WEBHOOK")
    assert page.get_by_role("link", name="Webhook relay").is_visible()
    visitor.go(f"{keys}?after=made-up")
    assert page.get_by_text("400").is_visible()
    visitor.go("/ui-kit")
    visitor.inspect("ui-kit")
    visitor.go("/sign-out")
    visitor.inspect("sign-out")
    visitor.press("Sign out")
    visitor.is_told("You are signed out.")
    visitor.inspect("signed-out")
    visitor.go(keys)
    visitor.is_at("Sign in to Backoffice")
