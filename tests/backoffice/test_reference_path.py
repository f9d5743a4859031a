"""The reference's path, word for word, in a real browser; it ends in a token by the curl that is shown."""

import json
import subprocess
import time

from playwright.sync_api import expect

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import LOOKS, Look, Visitor, in_looks
from yardstick import in_time


def run(command: str) -> dict[str, object]:
    """What a pasted command prints."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=20)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@in_looks(LOOKS)
def test_from_sign_in_to_a_token_and_back_to_nothing(look: Look, site: Site, visit: OpenVisitor) -> None:
    """Sign in, create a key, use it, rename it, change its permissions, remove it."""
    company = site.new_company()
    email = site.new_person(company)
    visitor = visit(look)
    key_page, curl = create(visitor, email, company.name)
    token = run(curl)
    assert list(token) == ["access_token", "expires_in", "scope", "token_type"]
    assert str(token["access_token"]).startswith("eyJ")
    # A second may just have ended between two looks at the clock.
    assert token.pop("expires_in") in (3598, 3599)
    assert {**token, "access_token": ""} == {
        "access_token": "",
        "scope": "openid marketing.read",
        "token_type": "bearer",
    }
    look_after(visitor, key_page, curl)
    remove(visitor, curl)


def create(visitor: Visitor, email: str, company: str) -> tuple[str, str]:
    """From the sign-in page to the key's own page; its address, and the curl that was shown."""
    page = visitor.page
    visitor.go("/")
    visitor.is_at("Sign in to Backoffice")
    visitor.inspect("sign-in")
    visitor.sign_in(email)
    visitor.is_at("Settings: Integrations")
    assert page.get_by_text("No apps are connected.").is_visible()
    visitor.inspect("integrations")
    page.get_by_role("link", name="Create your own integration").click()
    visitor.is_at("Internal integration keys")
    assert page.get_by_role("heading", name="No keys yet").is_visible()
    visitor.inspect("keys-empty")
    visitor.follow("Create new key")
    assert page.title() == f"Create new key – Integrations – {company} – Backoffice"  # noqa: RUF001
    page.get_by_label("Name", exact=True).fill("Newsletter sync, production")
    visitor.choose("Marketing consents", "Read")
    visitor.inspect("key-new")
    visitor.press("Create")
    visitor.is_at("Your key is ready")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert page.get_by_text("You won't see it again.").is_visible()
    for label in ("Client ID", "Secret Key"):
        assert page.get_by_text(label, exact=True).first.is_visible()
    visitor.inspect("key-ready")
    curl = page.locator("#example-curl").text_content() or ""
    visitor.follow("I've stored the Secret Key")
    return page.url, curl


def look_after(visitor: Visitor, key_page: str, curl: str) -> None:
    """View, rename, change permissions: the next token follows."""
    page = visitor.page
    visitor.is_at("Newsletter sync, production")
    visitor.inspect("key-overview")
    page.get_by_label("Name", exact=True).fill("Newsletter sync")
    visitor.press("Save name")
    visitor.is_at("Newsletter sync")
    visitor.is_told("The name is changed.")
    visitor.inspect("key-renamed")
    visitor.press("Save name")
    visitor.is_told("Nothing was changed.")
    visitor.follow("Permissions")
    visitor.choose("Marketing consents", "None")
    visitor.choose("Bookings", "Read and write")
    visitor.inspect("key-permissions")
    visitor.press("Save permissions")
    visitor.is_told_of("The permissions are changed.")
    visitor.press("Save permissions")
    visitor.is_told("Nothing was changed.")
    refused = run(curl)
    assert refused["error"] == "invalid_scope"
    assert "marketing.read" in str(refused["error_description"])
    changed = run(curl.replace("marketing.read", "booking.read booking.write"))
    assert changed["scope"] == "openid booking.read booking.write"
    page.goto(key_page.rpartition("/")[0])
    assert page.get_by_text("booking.write").is_visible()
    visitor.inspect("keys")


def remove(visitor: Visitor, curl: str) -> None:
    """Remove the key: the very next token request is refused."""
    visitor.follow("Newsletter sync")
    visitor.follow("Remove key")
    visitor.is_at("Remove Newsletter sync?")
    visitor.inspect("key-remove")
    visitor.press("Remove key")
    visitor.is_told_of("The key is removed.")
    assert visitor.page.get_by_role("heading", name="No keys yet").is_visible()
    visitor.inspect("key-removed")
    assert run(curl)["error"] == "invalid_client"


def tab_to(visitor: Visitor, selector: str) -> None:
    """Press Tab until the element has the focus; every stop on the way must show that it has it."""
    for _ in range(60):
        visitor.page.keyboard.press("Tab")
        stop = visitor.page.evaluate(
            """selector => {
                const at = document.activeElement;
                const painted = [at, at.nextElementSibling].filter(Boolean);
                const box = at.getBoundingClientRect();
                return {
                    there: at.matches(selector),
                    seen: painted.some(element => getComputedStyle(element).outlineStyle !== "none"),
                    inside: box.bottom > 0 && box.top < innerHeight,
                    what: at.outerHTML.slice(0, 120),
                };
            }""",
            selector,
        )
        assert stop["seen"] and stop["inside"], stop["what"]  # noqa: PT018
        if stop["there"]:
            return
    raise AssertionError(f"no way to {selector} by keyboard")


def test_the_whole_path_by_keyboard_alone(site: Site, visit: OpenVisitor) -> None:
    """Tab, arrows, Space and Enter are enough, and the focus is always visible."""
    email = site.new_person(site.new_company())
    visitor = visit(Look())
    keyboard = visitor.page.keyboard
    visitor.go("/sign-in")
    keyboard.type(email)
    tab_to(visitor, "#password")
    keyboard.type("a clearing in a forest")
    keyboard.press("Enter")
    visitor.page.wait_for_url("**/settings/integrations")
    tab_to(visitor, "a.own")
    keyboard.press("Enter")
    visitor.page.wait_for_url("**/keys")
    tab_to(visitor, "main a.button--primary")
    keyboard.press("Enter")
    visitor.page.wait_for_url("**/keys/new")
    expect(visitor.page.locator("#name")).to_be_focused()
    keyboard.type("Made without a mouse")
    tab_to(visitor, "[name='permission-marketing.read']")
    keyboard.press("ArrowRight")
    assert visitor.page.locator("[data-summary]").inner_text() == "1 permission: marketing.read"
    tab_to(visitor, "button[data-busy]")
    keyboard.press("Enter")
    visitor.page.get_by_role("heading", name="Your key is ready").wait_for()
    tab_to(visitor, "[data-copy-from='secret-key']")
    keyboard.press("Space")
    visitor.page.get_by_text("Copied: Secret Key").wait_for(state="attached")
    assert str(visitor.page.evaluate("navigator.clipboard.readText()")).startswith("kg_sk_")
    tab_to(visitor, "[data-leave-freely]")
    keyboard.press("Enter")
    visitor.page.get_by_role("heading", name="Made without a mouse").wait_for()


def test_pages_answer_quickly(site: Site, visit: OpenVisitor) -> None:
    """A page of the list is rendered in well under a blink."""
    company = site.new_company()
    visitor = visit(Look(script=False))
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/integrations/keys")
    started = time.perf_counter()
    for _ in range(10):
        answer = visitor.context.request.get(visitor.page.url)
        assert answer.status == 200
    assert in_time((time.perf_counter() - started) / 10, 0.2)
