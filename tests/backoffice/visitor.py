"""A visitor with a browser window: how it looks, what goes wrong in it, and the ways through Backoffice."""

import os
import re
import shlex
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, expect

from running import PASSWORD

WIDE, NARROW = 1280, 320
# A busy machine may take a while; nothing waits for longer than it must.
_PATIENCE_MS = 20_000
expect.set_options(timeout=_PATIENCE_MS)
_AXE_SOURCE: str = Axe().axe_script
# The text of a document, with what was typed and chosen in it, and without what would run.
_AS_IT_STANDS = """script => {
    const copy = document.documentElement.cloneNode(true);
    const live = document.querySelectorAll("input, textarea, option");
    copy.querySelectorAll("input, textarea, option").forEach((control, place) => {
        if (control.matches("input")) control.toggleAttribute("checked", live[place].checked);
        if (control.matches("input:not([type=file])")) control.setAttribute("value", live[place].value);
        if (control.matches("textarea")) control.textContent = live[place].value;
        if (control.matches("option")) control.toggleAttribute("selected", live[place].selected);
    });
    for (const each of copy.querySelectorAll("script")) each.remove();
    for (const each of copy.querySelectorAll("noscript"))
        each.replaceWith(...(script ? [] : each.childNodes));
    return "<!doctype html>" + copy.outerHTML;
}"""
_SHOW = """source => new Promise(done => {
    document.open();
    addEventListener("load", done, {once: true});
    document.write(source);
    document.close();
})"""
# Where to keep a picture of every state that is looked at, for people to review.
PICTURES = os.environ.get("BACKOFFICE_PICTURES", "")


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at Backoffice. `examined`: axe reads every page that is seen this way."""

    script: bool = True
    width: int = WIDE
    theme: Literal["light", "dark"] = "light"
    examined: bool = True

    def __str__(self) -> str:
        """Its name in the list of tests."""
        return f"{'script' if self.script else 'plain'}-{self.width}-{self.theme}"


# Each state of each page is examined by day, wide, with script, and by night, narrow, without.
CLOSE_LOOKS = [Look(), Look(script=False, width=NARROW, theme="dark")]
# The main path is walked in more. axe takes longer than a page itself, so the close looks must do for it.
LOOKS = [*CLOSE_LOOKS, Look(width=NARROW, examined=False), Look(script=False, examined=False)]


def in_looks(looks: list[Look]) -> pytest.MarkDecorator:
    """A test that sees its pages in these looks, all of them on SQLite, the first on PostgreSQL.

    How a page looks does not depend on the database; that it works there, one look shows.
    """
    both = [("sqlite", look) for look in looks] + [("postgres", looks[0])]
    return pytest.mark.parametrize(("database_kind", "look"), both, indirect=["database_kind"], ids=str)


@dataclass(slots=True)
class Windows:
    """Browser windows by look. One that was used before is taken again: it has the style sheets already."""

    browser: Browser
    free: dict[Look, list[BrowserContext]] = field(default_factory=dict)
    examiners: dict[tuple[Look, str], Page] = field(default_factory=dict)

    def take(self, look: Look) -> BrowserContext:
        """A window of that look with no cookies."""
        if not self.free.setdefault(look, []):
            return self._new(look)
        context = self.free[look].pop()
        context.clear_cookies()
        return context

    def give_back(self, look: Look, context: BrowserContext) -> None:
        """Close its pages and keep it for the next visitor."""
        for page in context.pages:
            page.close()
        self.free[look].append(context)

    def examiner(self, look: Look, url: str) -> Page:
        """A page of that look and of the origin of `url` with axe in it, which stays while documents change.

        To load axe takes a while, and the more it has worked the faster it is.
        """
        look, address = replace(look, script=True), urljoin(url, "/examined")
        if (look, address) not in self.examiners:
            page = self._new(look).new_page()
            page.route("**/examined", lambda route: route.fulfill(body="", content_type="text/html"))
            page.goto(address)
            # While something is routed, a page takes nothing from its cache.
            page.unroute("**/examined")
            page.evaluate(_AXE_SOURCE)
            self.examiners[look, address] = page
        return self.examiners[look, address]

    def _new(self, look: Look) -> BrowserContext:
        context = self.browser.new_context(
            viewport={"width": look.width, "height": 800 if look.width == WIDE else 640},
            java_script_enabled=look.script,
            reduced_motion="reduce",
            color_scheme=look.theme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(_PATIENCE_MS)
        return context


@dataclass(slots=True)
class Visitor:
    """A browser window. `faults` are requests to elsewhere and violations of the content security policy."""

    windows: Windows
    context: BrowserContext
    page: Page
    url: str
    look: Look
    faults: list[str]
    dialogs: list[str]

    @classmethod
    def open(cls, windows: Windows, url: str, look: Look) -> "Visitor":
        """A window with no cookies."""
        context = windows.take(look)
        visitor = cls(windows, context, context.new_page(), url, look, [], [])

        def watch(request: Request) -> None:
            if not request.url.startswith((url, "data:", "blob:")):
                visitor.faults.append(f"left the origin: {request.url}")

        def answer(dialog: Dialog) -> None:
            visitor.dialogs.append(dialog.type)
            dialog.accept()

        visitor.page.on("request", watch)
        visitor.page.on(
            "console",
            lambda message: (
                visitor.faults.append(message.text) if "Security Policy" in message.text else None
            ),
        )
        visitor.page.on("pageerror", lambda error: visitor.faults.append(str(error)))
        visitor.page.on("dialog", answer)
        return visitor

    def go(self, path: str) -> None:
        """Open an address of the site."""
        self.page.goto(f"{self.url}{path}")

    def press(self, name: str) -> None:
        """Press the button of that name in the page itself, and have the page whole where its form leads."""
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_load_state()

    def follow(self, name: str) -> None:
        """Follow the link of that name in the page itself, and have the page whole to which it leads."""
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first.click()
        self.page.wait_for_load_state()

    def choose(self, resource: str, level: str) -> None:
        """Choose a level in one row of the permission picker."""
        row = self.page.get_by_role("group", name=resource, exact=True)
        row.get_by_label(level, exact=True).check()

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Sign in at /sign-in, or at whatever sign-in page is open."""
        if "/sign-in" not in self.page.url:
            self.go("/sign-in")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")

    def create_key(self, slug: str, name: str, permissions: tuple[tuple[str, str], ...]) -> str:
        """Make a key; the Secret Key as the page shows it."""
        self.go(f"/c/{slug}/settings/integrations/keys/new")
        self.page.get_by_label("Name", exact=True).fill(name)
        for resource, level in permissions:
            self.choose(resource, level)
        self.press("Create")
        return self.page.locator("#secret-key").text_content() or ""

    def dotenv(self) -> dict[str, str]:
        """The `.env` file that the page shows, as a shell reads it."""
        lines = shlex.split(self.page.get_by_label(".env").input_value(), comments=True)
        return dict(line.split("=", 1) for line in lines)

    def heading(self) -> str:
        """The page's only h1."""
        headings = self.page.locator("h1")
        expect(headings).to_have_count(1)
        return (headings.text_content() or "").strip()

    def is_at(self, heading: str) -> None:
        """Assert that this is the page's only h1, or is so in a moment."""
        expect(self.page.locator("h1")).to_have_text(heading)

    def is_told(self, words: str | re.Pattern[str]) -> None:
        """Assert that this is all that the page tells of what was done, or is so in a moment."""
        expect(self.page.locator("#status")).to_have_text(words, use_inner_text=True)

    def is_told_of(self, words: str) -> None:
        """Assert that what the page tells has these words in it, or has them in a moment."""
        expect(self.page.locator("#status")).to_contain_text(words, use_inner_text=True)

    def inspect(self, state: str, *, title: str = "Backoffice") -> None:
        """Nothing wrong for axe, nothing wider than the window, a title that ends in `title`."""
        expect(self.page).to_have_title(re.compile(f"{re.escape(title)}$"))
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{state} is {wide} px wider than its window"
        if PICTURES:
            self.page.screenshot(path=f"{PICTURES}/{state}-{self.look}.png", full_page=True)
        if self.look.examined:
            assert self.accessibility_faults() == [], state

    def accessibility_faults(self) -> list[str]:
        """What axe finds in a copy of the document, or in the page itself while a dialog is before it."""
        if self.page.locator(":modal").count():
            page = self.page
            page.evaluate(_AXE_SOURCE)
        else:
            page = self._copy()
        # The violations only, and no selectors: axe's whole report takes longer than its work.
        found: list[str] = page.evaluate(
            """async () => {
                const {violations} = await axe.run({resultTypes: ["violations"], selectors: false});
                return violations.map(
                    rule => `${rule.id}: ${rule.nodes.map(node => node.html.slice(0, 120)).join(" | ")}`);
            }"""
        )
        return found

    def _copy(self) -> Page:
        """The document as it stands, in a page where nothing but axe runs."""
        copy = self.windows.examiner(self.look, self.page.url)
        copy.evaluate(_SHOW, self.page.evaluate(_AS_IT_STANDS, self.look.script))
        return copy

    def close(self) -> None:
        """Close its window."""
        self.windows.give_back(self.look, self.context)
