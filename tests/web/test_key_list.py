"""Table K, the list of keys: limits, pages, cursors, filters; and the headers of every page."""

import base64
import re

import pytest

from keygrove.management.context import Management
from keygrove.management.names import name_key
from keygrove.storage.database import Value
from running import AUDIENCE, RunningServer
from web.people import MARKETING, Member
from web.visitor import FORM_TYPE, Visitor

CREATED_S = 1_800_000_000


def fill_company(server: RunningServer, member: Member, number: int) -> None:
    """Give a company that many keys, straight in the database."""
    of_all = ("", "client_credentials", "marketing.read", AUDIENCE, CREATED_S, "Ana", CREATED_S)
    rows: list[tuple[Value, ...]] = []
    for index in range(number):
        client_id, name = f"kg_ci_{member.company.slug[-4:]}{index:024d}", f"key {index:05d}"
        rows.append((client_id, member.company.id, name, name_key(name), *of_all))

    async def fill(m: Management) -> None:
        async with m.database.transaction() as tx:
            await tx.run_many(
                """
                insert into clients (client_id, company_id, client_name, name_key, secret_digest, grant_types,
                                     scope, audience, created_at_s, created_by, updated_at_s)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                """,
                rows,
            )

    server.manage(fill)


def names_on(text: str) -> list[str]:
    """The names that a page of the list shows."""
    return re.findall(r'class="table__name" href="[^"]*">([^<]*)<', text)


def next_page(text: str) -> str:
    """The address of the next page; empty on the last."""
    found = re.search(r'href="([^"]*after=[^"]*)"[^>]*>Next page', text)
    return found[1].replace("&amp;", "&") if found else ""


def test_k17_ten_thousand_keys_come_in_pages(server: RunningServer, ana: Member) -> None:
    """Fifty at a time, each page within the second; and not one key more can be made."""
    fill_company(server, ana, 10_000)
    seen: list[str] = []
    path = ana.keys_url
    for _ in range(4):
        page = ana.browser.get(path).text
        seen += names_on(page)
        path = next_page(page)
    assert seen == [f"key {index:05d}" for index in range(200)]
    filtered = ana.browser.get(f"{ana.keys_url}?search=key+0999").text
    assert names_on(filtered) == [f"key {index:05d}" for index in range(9990, 10_000)]
    refused = ana.browser.submit(f"{ana.keys_url}/new", name="one more", **{MARKETING: "marketing.read"})
    assert refused.status_code == 422
    assert "Remove one or ask your operator." in refused.text


def test_k17_a_cursor_works_only_as_it_was_given(server: RunningServer, ana: Member, bob: Member) -> None:
    """Altered, made up, or of another company: a page that says 400."""
    fill_company(server, ana, 120)
    fill_company(server, bob, 120)
    right = next_page(ana.browser.get(ana.keys_url).text).partition("after=")[2]
    foreign = next_page(bob.browser.get(bob.keys_url).text).partition("after=")[2]
    assert names_on(ana.browser.get(f"{ana.keys_url}?after={right}").text)[0] == "key 00050"
    position = f'["{ana.company.id}", "key 00010", ""]'
    forged = [
        foreign,
        right[:-1],
        right[1:],
        f"{right}x",
        right.swapcase(),
        "x",
        "-1",
        "%ff%fe",
        "..%2f..%2fetc%2fpasswd",
        "' or 1=1 --",
        coded(position),
        coded(position) + "." + right.rpartition(".")[2],
        coded("[" * 9000),
        coded(f'["{ana.company.id}", "\\ud800", ""]'),
        coded("{}"),
        coded("1e999"),
    ]
    for cursor in forged:
        answer = ana.browser.get(f"{ana.keys_url}?after={cursor}")
        assert answer.status_code == 400, cursor[:80]
        assert "This page of the list is not there any more." in answer.text
        assert names_on(answer.text) == []
    assert ana.browser.get(f"{ana.keys_url}?after=%00").status_code == 400


def coded(text: str) -> str:
    """Text in the alphabet of cursors."""
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


SEARCHES = [
    "' or '1'='1",
    "x' union select secret_digest, 1 --",
    "%",
    "_x_",
    "%' or company_id like '%",
    "!%!_!",
    "\\",
    "(a+)+$",
    "%a" * 50,
    "\ud7ff\uffff",
    "a" * 8000,
    "order by client_id",
]


def test_k18_a_filter_is_only_text(server: RunningServer, ana: Member, bob: Member) -> None:
    """No SQL, no pattern, no other company's keys, and never slow."""
    fill_company(server, ana, 3)
    fill_company(server, bob, 3)
    assert ana.browser.get(f"{ana.keys_url}?search=kg%00ci").status_code == 400
    for search in SEARCHES:
        path = ana.browser.rules.http.build_request("GET", ana.keys_url, params={"search": search})
        page = ana.browser.get(path.url.raw_path.decode())
        assert page.status_code == 200
        assert names_on(page.text) == [], search
        assert "secret_digest" not in re.sub(r'value="[^"]*"|“[^”]*”', "", page.text)


@pytest.mark.parametrize(
    "query", ["sort=secret_digest", "order=name;drop", "limit=1000000", "company_id=1", "search=&search=x"]
)
def test_k18_other_parameters_are_ignored(server: RunningServer, ana: Member, query: str) -> None:
    """There is one order and one size of page."""
    fill_company(server, ana, 2)
    assert len(names_on(ana.browser.get(f"{ana.keys_url}?{query}").text)) in (0, 2)


HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def test_k25_every_page_defends_itself(ana: Member, visitor: Visitor) -> None:
    """Pages, redirects, forms with faults, refusals and static files alike."""
    style = re.findall(r'href="(/static/[^"]*\.css)"', visitor.get("/sign-in").text)[0]
    token = ana.browser.fill(f"{ana.keys_url}/new")["form_token"]
    answers = {
        200: [visitor.get("/sign-in"), ana.browser.get(ana.keys_url), visitor.get(style)],
        303: [visitor.get("/"), visitor.get(ana.keys_url), ana.browser.get("/")],
        400: [ana.browser.get(f"{ana.keys_url}?after=x")],
        403: [visitor.post("/sign-in", {})],
        404: [visitor.get("/nowhere"), visitor.get("/static/x/../y"), ana.browser.get("/c/none/settings")],
        405: [visitor.send("DELETE", "/sign-in", headers={})],
        413: [ana.browser.post(f"{ana.keys_url}/new", {"form_token": token, "name": "x" * 66_000})],
        415: [visitor.send("POST", "/sign-in", headers={"Content-Type": "text/plain"}, content=b"x")],
        422: [ana.browser.post(f"{ana.keys_url}/new", {"form_token": token})],
    }
    for status, found in answers.items():
        for answer in found:
            assert answer.status_code == status
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "base-uri 'none'" in policy
            assert "form-action 'self'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store" or answer.url.path == style
            assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
            assert "server" not in answer.headers


@pytest.mark.parametrize("by", ["length", "chunks"])
def test_k25_a_form_that_is_too_large_is_a_page_of_its_own(ana: Member, by: str) -> None:
    """413 as a page, whether the size is announced or found out."""
    token = ana.browser.fill(f"{ana.keys_url}/new")["form_token"]
    body = f"form_token={token}&name=".encode() + b"x" * (64 * 1024)
    headers = {"Content-Type": FORM_TYPE, "Sec-Fetch-Site": "same-origin"}
    content = body if by == "length" else iter((body[:40_000], body[40_000:]))
    answer = ana.browser.send("POST", f"{ana.keys_url}/new", headers=headers, content=content)
    assert answer.status_code == 413
    assert "That is too much at once" in answer.text or "too large" in answer.text
