"""What a key does, on its pages: last use, never used, thirty days as bars and as a table."""

import re

import pytest

from backoffice.company import TOURS, Story, company_with
from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import CLOSE_LOOKS, Look, Visitor, in_looks
from keygrove.backoffice.usage import chart_of, clean, idle_words, shorten
from keygrove.management.companies import Company
from keygrove.management.usage import Day, LastUse

DAY_S = 86_400
FIRST_S = 1_793_145_600
# Without NUL, which no HTTP header brings and PostgreSQL does not keep.
HOSTILE = (
    "<img src=x onerror=alert(1)>\u202egnirts\u0001\u001b[31m\u2028{{ 7 * 7 }}" + "\u0301" * 9 + "long" * 60
)


def at_the_keys(site: Site, visit: OpenVisitor, look: Look, company: Company) -> Visitor:
    """An admin of the company who looks at its keys."""
    visitor = visit(look)
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/integrations/keys")
    return visitor


def row(visitor: Visitor, name: str) -> str:
    """The words of one row of the list, blanks and line ends as one blank."""
    text = (
        visitor.page.get_by_role("row")
        .filter(has_text=name)
        .or_(visitor.page.locator("tbody tr").filter(has_text=name))
    )
    return " ".join(text.first.inner_text().split())


def standing(visitor: Visitor) -> str:
    """The sentence under the name of a key."""
    return " ".join(visitor.page.locator(".standing").inner_text().split())


@in_looks(CLOSE_LOOKS)
def test_the_keys_of_a_busy_company(look: Look, site: Site, visit: OpenVisitor) -> None:
    """The list and the page of a key say who used it, when and from where; the drawing has words too."""
    visitor = at_the_keys(site, visit, look, company_with(site, TOURS))
    page = visitor.page
    used = row(visitor, "Newsletter sync, production")
    assert "Active" in used
    assert "3 minutes ago My-Company/Marketing-Automation-App" in used
    assert "Never used" in row(visitor, "Ticket scanner at the pier")
    assert "Active" not in row(visitor, "Ticket scanner at the pier")
    assert page.get_by_text("not been used for 90 days").count() == 0
    visitor.inspect("keys-in-use")
    visitor.follow("Newsletter sync, production")
    assert standing(visitor) == (
        "Active. Last used 3 minutes ago by My-Company/Marketing-Automation-App from 203.0.113.7."
    )
    assert page.get_by_text(re.compile(r"^\d+ tokens, 3 refused in 30 days$")).is_visible()
    drawing = page.get_by_role("img", name="Tokens a day")
    assert drawing.locator("g").count() == 30
    assert drawing.locator(".usage__refused").count() == 2
    table = page.get_by_role("table")
    assert not table.is_visible()
    visitor.inspect("key-in-use")
    page.get_by_text("Show as table").click()
    assert table.is_visible()
    issued = table.locator("td:nth-child(2)").all_inner_texts()
    total = f"{sum(map(int, issued))} tokens, 3 refused in 30 days"
    assert page.get_by_text(total, exact=True).is_visible()
    visitor.inspect("key-in-use-table")


@in_looks(CLOSE_LOOKS)
def test_a_key_that_nobody_used(look: Look, site: Site, visit: OpenVisitor) -> None:
    """Says so in words, and where to begin."""
    visitor = at_the_keys(site, visit, look, company_with(site, TOURS))
    visitor.follow("Ticket scanner at the pier")
    assert standing(visitor) == "Active. Never used."
    assert visitor.page.get_by_text("No requests in the last 30 days.").is_visible()
    assert visitor.page.get_by_role("img", name="Tokens a day").count() == 0
    visitor.inspect("key-never-used")
    visitor.follow("Permissions")
    assert standing(visitor) == "Active. Never used."


def test_keys_that_are_forgotten(site: Site, visit: OpenVisitor) -> None:
    """A hint on the list counts those without a use in 90 days, new ones aside."""
    events = ("event.read",)
    stories = (
        Story(name="Old kiosk", permissions=events, created_days_ago=300, used_ago_s=91 * DAY_S),
        Story(name="Old plan", permissions=events, created_days_ago=91),
        Story(name="New plan", permissions=events, created_days_ago=3),
        Story(name="In use", permissions=events, created_days_ago=300, used_ago_s=89 * DAY_S),
    )
    visitor = at_the_keys(site, visit, Look(), company_with(site, stories))
    assert visitor.page.get_by_text("2 keys have not been used for 90 days.").is_visible()
    visitor.inspect("keys-forgotten")
    visitor.follow("Old kiosk")
    assert standing(visitor) == "Active. Last used 91 days ago from 203.0.113.7."
    assert visitor.page.get_by_text("No requests in the last 30 days.").is_visible()


def test_what_a_program_says_of_itself_is_only_words(site: Site, visit: OpenVisitor) -> None:
    """Its name comes from outside: shown as text, short, without controls."""
    story = Story(name="Odd", permissions=("event.read",), used_ago_s=5, agent=HOSTILE, busy=1)
    visitor = at_the_keys(site, visit, Look(script=False, width=320), company_with(site, (story,)))
    for on_the_list in (True, False):
        shown = visitor.page.locator("main").inner_text()
        assert "<img src=x onerror=alert(1)>" in shown
        assert not re.search("[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2028\u0301]", shown)
        assert "long" * 50 not in visitor.page.content()
        assert visitor.page.locator("main img").count() == 0
        visitor.inspect("keys-odd" if on_the_list else "key-odd")
        if on_the_list:
            visitor.follow("Odd")


def days(*counts: tuple[int, int]) -> tuple[Day, ...]:
    """Days one after the other, each with tokens issued and refused."""
    return tuple(Day(FIRST_S + place * DAY_S, *count) for place, count in enumerate(counts))


def test_a_drawing_is_true_to_its_numbers() -> None:
    """Heights follow the numbers, one request is seen beside thousands, nothing leaves the frame."""
    chart = chart_of(days((0, 0), (1, 0), (2000, 1000), (0, 3000), (0, 1)))
    assert chart is not None
    assert chart.totals == "2,001 tokens, 4,001 refused in 5 days"
    assert chart.busiest == "The busiest day was 30 Oct with 2,000 tokens, 1,000 refused."
    none, one, both, bad, one_bad = chart.bars
    assert (none.issued_height, none.refused_height) == (0, 0)
    assert one.issued_height == one_bad.refused_height == 3
    assert both.issued_height == 2 * both.refused_height
    assert both.refused_y + both.refused_height < both.issued_y
    assert all(bar.refused_y >= 0 and bar.issued_y + bar.issued_height == 72 for bar in chart.bars)
    assert bad.refused_height > both.issued_height
    assert [bar.day for bar in chart.busy] == ["1 Nov", "31 Oct", "30 Oct", "29 Oct"]
    assert chart_of(days((0, 0), (0, 0))) is None
    assert chart_of(()) is None


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((214, 3), "214 tokens, 3 refused in 30 days"),
        ((1, 0), "1 token in 30 days"),
        ((0, 2), "0 tokens, 2 refused in 30 days"),
    ],
    ids=str,
)
def test_totals_are_words(counts: tuple[int, int], words: str) -> None:
    """One token, many tokens, and those refused only when there are any."""
    chart = chart_of(days(counts, *[(0, 0)] * 29))
    assert chart is not None
    assert chart.totals == words


def test_words_from_outside() -> None:
    """Controls go, blanks come together, long names end in an ellipsis."""
    assert clean(" a\t\r\n\u0085 b\u0000\u007f\u200b\u202e\ud800c ") == "a bc"
    assert clean("e\u0301\u0301\u0301") == "é"
    assert clean("\u0000\u202e") == ""
    assert shorten("12345", 5) == "12345"
    assert shorten("1234 56", 6) == "1234…"


def test_one_forgotten_key_and_none() -> None:
    """Counted from the last use, or from the making of a key without one."""
    now = FIRST_S
    old, new = now - 90 * DAY_S, now - 90 * DAY_S + 1
    use = LastUse(at_s=new, address="", user_agent="")
    assert idle_words([(old, None), (old, use), (new, None)], now) == "1 key has not been used for 90 days."
    assert idle_words([(old, use)], now) == ""
