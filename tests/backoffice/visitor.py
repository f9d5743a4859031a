"""A visitor with a browser window: how it looks, what goes wrong in it, and the ways through Backoffice."""

import os
import re
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request

from running import PASSWORD

WIDE, NARROW = 1280, 320
_AXE_SOURCE: str = Axe().axe_script
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
# The main path is walked in more. axe works for most of a second a page, so the close looks must do for it.
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

    def take(self, look: Look) -> BrowserContext:
        """A window of that look with no cookies."""
        if self.free.setdefault(look, []):
            context = self.free[look].pop()
            context.clear_cookies()
            return context
        context = self.browser.new_context(
            viewport={"width": look.width, "height": 800 if look.width == WIDE else 640},
            java_script_enabled=look.script,
            reduced_motion="reduce",
            color_scheme=look.theme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(10_000)
        return context

    def give_back(self, look: Look, context: BrowserContext) -> None:
        """Close its pages and keep it for the next visitor."""
        for page in context.pages:
            page.close()
        self.free[look].append(context)


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
    copies: list[Page] = field(default_factory=list)

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
        """Press the button of that name in the page itself."""
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow the link of that name in the page itself."""
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).first.click()

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

    def heading(self) -> str:
        """The page's only h1."""
        headings = self.page.locator("h1")
        assert headings.count() == 1
        return (headings.text_content() or "").strip()

    def inspect(self, state: str, *, title: str = "Backoffice") -> None:
        """Nothing wrong for axe, nothing wider than the window, a title that ends in `title`."""
        assert self.page.title().endswith(title), self.page.title()
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{state} is {wide} px wider than its window"
        if PICTURES:
            self.page.screenshot(path=f"{PICTURES}/{state}-{self.look}.png", full_page=True)
        if self.look.examined:
            assert self.accessibility_faults() == [], state

    def accessibility_faults(self) -> list[str]:
        """What axe finds; without script it reads a copy."""
        page = self.page if self.look.script else self._as_it_stands()
        page.evaluate(_AXE_SOURCE)
        # The violations only: carrying axe's whole report out of the browser takes longer than its work.
        found: list[str] = page.evaluate(
            """async () => {
                const {violations} = await axe.run({resultTypes: ["violations"]});
                return violations.map(
                    rule => `${rule.id}: ${rule.nodes.map(node => node.html.slice(0, 120)).join(" | ")}`);
            }"""
        )
        return found

    def _as_it_stands(self) -> Page:
        """A copy of the page with script, without which axe cannot run."""
        source = re.sub(r"<script\b.*?</script>|</?noscript>", "", self.page.content(), flags=re.DOTALL)
        copy = self._copy()
        copy.route("**/copy", lambda route: route.fulfill(body=source, content_type="text/html"), times=1)
        copy.goto(urljoin(self.page.url, "/copy"))
        return copy

    def _copy(self) -> Page:
        """A second window, with script, in which the pages of this one are examined."""
        if not self.copies:
            self.copies.append(self.windows.take(self._copy_look).new_page())
        return self.copies[0]

    @property
    def _copy_look(self) -> Look:
        return replace(self.look, script=True)

    def close(self) -> None:
        """Close its windows."""
        for page in self.copies:
            self.windows.give_back(self._copy_look, page.context)
        self.windows.give_back(self.look, self.context)
