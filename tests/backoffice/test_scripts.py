"""What script adds: copying, covering, saving, a warning before the secret is lost, themes, printing."""

from pathlib import Path

from playwright.sync_api import expect

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import NARROW, Look, Visitor

CONSENTS = (("Marketing consents", "Read"),)


def with_a_key(site: Site, visit: OpenVisitor, look: Look) -> tuple[Visitor, str, str]:
    """A visitor on the page of a key just made, its secret, and where the keys are."""
    company = site.new_company()
    visitor = visit(look)
    site.let_in(visitor, site.new_person(company))
    secret = visitor.create_key(company.slug, "Newsletter sync", CONSENTS)
    return visitor, secret, f"/c/{company.slug}/settings/integrations/keys"


def test_copying_says_so(site: Site, visit: OpenVisitor) -> None:
    """The whole value is on the clipboard, also while it is covered on the screen."""
    visitor, secret, _ = with_a_key(site, visit, Look())
    page = visitor.page
    page.get_by_role("button", name="Hide the Secret Key").click()
    assert secret not in page.locator("#secret-key").inner_text()
    page.get_by_role("button", name="Copy Secret Key").click()
    page.get_by_text("Copied", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    visitor.is_told_of("Copied: Secret Key")
    page.get_by_role("button", name="Show the Secret Key").click()
    assert page.locator("#secret-key").inner_text() == secret


def test_leaving_asks_until_the_secret_was_taken(site: Site, visit: OpenVisitor) -> None:
    """Once copied, saved or printed, or on the button that says it is stored, nothing asks."""
    visitor, _, keys = with_a_key(site, visit, Look())
    visitor.page.get_by_role("heading", name="Try it").click()
    visitor.go(keys)
    assert visitor.dialogs == ["beforeunload"]
    visitor, _, keys = with_a_key(site, visit, Look())
    visitor.page.get_by_role("button", name="Copy Secret Key").click()
    visitor.page.get_by_text("Copied", exact=True).wait_for()
    visitor.go(keys)
    assert visitor.dialogs == []
    visitor, _, _ = with_a_key(site, visit, Look())
    visitor.follow("I've stored the Secret Key")
    assert visitor.dialogs == []


def test_the_env_file_is_saved_from_the_page(site: Site, visit: OpenVisitor, tmp_path: Path) -> None:
    """No request is made for it."""
    visitor, secret, _ = with_a_key(site, visit, Look())
    requests: list[str] = []
    visitor.page.on("request", lambda request: requests.append(request.url))
    with visitor.page.expect_download() as download:
        visitor.press("Download .env")
    assert download.value.suggested_filename == "keygrove.env"
    visitor.is_told_of("Saved keygrove.env.")
    saved = tmp_path / "env"
    download.value.save_as(saved)
    assert saved.read_text() == visitor.page.get_by_label(".env").input_value()
    values = visitor.dotenv()
    assert (values["KEYGROVE_CLIENT_SECRET"], values["KEYGROVE_ISSUER"]) == (secret, site.url)
    assert set(values) == {"KEYGROVE_ISSUER", "KEYGROVE_CLIENT_ID", "KEYGROVE_CLIENT_SECRET"}
    assert [url for url in requests if not url.startswith("blob:") and "/static/" not in url] == []


def test_paper_carries_the_key_and_nothing_else(site: Site, visit: OpenVisitor) -> None:
    """Printing the page of a new key gives a sheet for the safe."""
    visitor, secret, _ = with_a_key(site, visit, Look(theme="dark"))
    visitor.page.emulate_media(media="print")
    sheet = visitor.page.locator(".sheet")
    assert secret in sheet.inner_text()
    assert "Keep this sheet in a safe." in sheet.inner_text()
    for elsewhere in ("header", "nav.side", "footer", "#try", "button"):
        assert visitor.page.locator(elsewhere).first.is_hidden()
    assert visitor.page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_read_everything_asks_first(site: Site, visit: OpenVisitor) -> None:
    """The shortcut chooses Read in every row, after a question that Escape answers with no."""
    visitor, _, keys = with_a_key(site, visit, Look())
    page = visitor.page
    visitor.go(f"{keys}/new")
    summary = page.locator("[data-summary]")
    page.get_by_role("button", name="Read everything").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert summary.inner_text() == "No permission yet"
    page.get_by_role("button", name="Read everything").click()
    visitor.inspect("read-everything")
    page.get_by_role("dialog").get_by_role("button", name="Read everything").click()
    # The dialog tells its answer a moment after it has closed.
    expect(summary).to_contain_text("6 permissions: booking.read, event.read")


def test_a_secret_in_the_filter_is_not_sent(site: Site, visit: OpenVisitor) -> None:
    """With script it stays in the browser; without, the server does not use it."""
    visitor, secret, keys = with_a_key(site, visit, Look())
    visitor.go(keys)
    requests: list[str] = []
    visitor.page.on("request", lambda request: requests.append(request.url))
    visitor.page.get_by_role("searchbox").fill(secret)
    visitor.press("Filter")
    assert "That looks like a Secret Key" in visitor.page.locator("#search-note").inner_text()
    assert [url for url in requests if "/static/" not in url] == []


def test_the_theme_is_kept_and_never_flashes(site: Site, visit: OpenVisitor) -> None:
    """The choice is in the page's first byte, with script and without."""
    for script in (True, False):
        visitor = visit(Look(script=script))
        visitor.go("/sign-in")
        light = visitor.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        with visitor.page.expect_response("**/theme"):
            visitor.page.get_by_role("button", name="Dark").click()
        visitor.page.wait_for_selector("html[data-theme=dark]")
        assert visitor.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
        answer = visitor.page.goto(f"{site.url}/sign-in")
        assert answer is not None
        assert 'data-theme="dark"' in answer.text()[:100]
        visitor.inspect("sign-in-dark-by-choice")
        with visitor.page.expect_response("**/theme"):
            visitor.page.get_by_role("button", name="System").click()
        visitor.page.wait_for_selector("html:not([data-theme])")


def test_menus_close_as_menus_do(site: Site, visit: OpenVisitor) -> None:
    """The settings menu of narrow windows and the account menu open; Escape and a click elsewhere close."""
    visitor, _, keys = with_a_key(site, visit, Look(width=NARROW))
    page = visitor.page
    visitor.go(keys)
    page.get_by_label("Settings menu").click()
    assert (
        page.get_by_role("navigation", name="Settings").get_by_role("link", name="Integrations").is_visible()
    )
    visitor.inspect("menu-settings")
    page.keyboard.press("Escape")
    expect(page.locator("details[open]")).to_have_count(0)
    page.get_by_label("Your account").click()
    assert page.get_by_role("button", name="Sign out").is_visible()
    visitor.inspect("menu-account")
    page.locator("footer > span").click()
    expect(page.locator("details[open]")).to_have_count(0)
    page.get_by_label("Actions for Newsletter sync").click()
    visitor.inspect("menu-key")
    page.get_by_role("link", name="Remove").click()
    visitor.is_at("Remove Newsletter sync?")
