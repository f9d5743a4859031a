"""The demo API over a real socket, in the shapes of the reference."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from keygrove.demo.api import create_api, from_environment
from keygrove.demo.consents import invent_company
from keygrove.demo.platform import AUDIENCE
from sdk.asgi import serving
from sdk.issuer import CLIENT, COMPANY, Issuer, running_issuer

OTHER_COMPANY = "0" * 32
UNLISTED_COMPANY = "9" * 32
CONSENTS = "/v1/marketing-consents"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Who signs the tokens."""
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def http(issuer: Issuer) -> Iterator[httpx2.Client]:
    """A client of the API, which has two companies."""
    companies = {
        COMPANY: invent_company(COMPANY, "Lakeside Kayaks"),
        OTHER_COMPANY: invent_company(OTHER_COMPANY, "Old Town Walks", count=3),
    }
    api = create_api(issuer=issuer.url, audience=AUDIENCE, companies=companies)
    with serving(api) as url, httpx2.Client(base_url=url) as client:
        yield client


def bearer(issuer: Issuer, **claims: object) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {issuer.token(**claims)}"}


def check_error(answer: httpx2.Response, status: int, code: str) -> None:
    """The one shape of all errors: exactly `code` and `message`."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"code", "message"}
    assert body["code"] == code
    assert body["message"]


def test_status_needs_no_token(http: httpx2.Client) -> None:
    """Most endpoints do, this one does not."""
    assert http.get("/v1/status").json() == {"status": "ok"}


def test_the_root_says_what_is_here(http: httpx2.Client) -> None:
    """Without a token: each endpoint, and which token it wants."""
    front = http.get("/")
    assert front.status_code == 200
    assert "that Keygrove protects" in front.json()["about"]
    assert {each["path"]: each["token"] for each in front.json()["endpoints"]} == {
        "/v1/status": "none",
        "/v1/me": "any",
        CONSENTS: "marketing.read",
        f"{CONSENTS}/{{consentId}}": "marketing.read",
    }


@pytest.mark.parametrize("scope", ["openid marketing.read", "openid", None])
def test_me_takes_any_good_token(http: httpx2.Client, issuer: Issuer, scope: str | None) -> None:
    """Four strings, whatever the scope."""
    assert http.get("/v1/me", headers=bearer(issuer, scope=scope)).json() == {
        "company_id": COMPANY,
        "company_name": "Lakeside Kayaks",
        "user_id": CLIENT,
        "email": "",
    }


@pytest.mark.parametrize("path", ["/v1/me", CONSENTS, f"{CONSENTS}/x", f"{CONSENTS}?limit=0&cursor=bad"])
def test_no_token_is_401_before_all_else(http: httpx2.Client, path: str) -> None:
    """With a bare challenge."""
    answer = http.get(path)
    check_error(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_bad_token_is_401(http: httpx2.Client, issuer: Issuer) -> None:
    """Expired, garbled, for another API."""
    for headers in (
        bearer(issuer, exp=1),
        bearer(issuer, aud="https://other.example.com"),
        {"Authorization": "Bearer abc"},
    ):
        answer = http.get("/v1/me", headers=headers)
        check_error(answer, 401, "UNAUTHORIZED")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", [CONSENTS, f"{CONSENTS}/x"])
def test_too_little_scope_is_403(http: httpx2.Client, issuer: Issuer, path: str) -> None:
    """The challenge names the scope."""
    answer = http.get(path, headers=bearer(issuer, scope="openid booking.read"))
    check_error(answer, 403, "UNAUTHORIZED")
    assert 'scope="marketing.read"' in answer.headers["www-authenticate"]


def test_all_consents_are_reached_page_by_page(http: httpx2.Client, issuer: Issuer) -> None:
    """`next` leads on and is absent at the end; each consent comes once, in the reference's shape."""
    headers, cursor, pages = bearer(issuer), "", []
    while True:
        page = http.get(CONSENTS, params={"cursor": cursor, "limit": 70}, headers=headers).json()
        pages.append(page["items"])
        cursor = page.get("next", "")
        if "next" not in page:
            break
    items = [item for page in pages for item in page]
    assert [len(page) for page in pages] == [70, 70, 70, 30]
    assert len({item["id"] for item in items}) == 240
    required = {"id", "company_id", "email", "full_name", "source"}
    assert all(set(item) - {"references"} == required for item in items)
    assert all(isinstance(item[name], str) for item in items for name in required)
    assert {item["company_id"] for item in items} == {COMPANY}
    assert {"references" in item for item in items} == {True, False}


def test_a_page_has_a_hundred_unless_told(http: httpx2.Client, issuer: Issuer) -> None:
    """Also with an empty cursor, and whatever other parameters say."""
    headers = bearer(issuer)
    first = http.get(CONSENTS, headers=headers).json()
    assert len(first["items"]) == 100
    assert (
        http.get(
            CONSENTS, params={"cursor": "", "sort": "x", "company_id": OTHER_COMPANY}, headers=headers
        ).json()
        == first
    )


@pytest.mark.parametrize("limit", ["0", "-1", "101", "x", "", "1.5", "9" * 5000, "null", "1e1"])
def test_a_limit_out_of_range_is_400(http: httpx2.Client, issuer: Issuer, limit: str) -> None:
    """From 1 to 100 only."""
    check_error(http.get(CONSENTS, params={"limit": limit}, headers=bearer(issuer)), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("cursor", ["x", "0", "MTAw", "ÿ", "'", "=" * 40, "A" * 5000, "\0"])
def test_a_made_up_cursor_is_400(http: httpx2.Client, issuer: Issuer, cursor: str) -> None:
    """Only the API makes cursors."""
    check_error(
        http.get(CONSENTS, params={"cursor": cursor}, headers=bearer(issuer)), 400, "INVALID_ARGUMENT"
    )


def test_a_cursor_of_another_company_is_400(http: httpx2.Client, issuer: Issuer) -> None:
    """It holds for the company that it was made for; an altered one for nobody."""
    cursor = http.get(CONSENTS, params={"limit": 1}, headers=bearer(issuer)).json()["next"]
    foreign = bearer(issuer, company_id=OTHER_COMPANY)
    check_error(http.get(CONSENTS, params={"cursor": cursor}, headers=foreign), 400, "INVALID_ARGUMENT")
    check_error(
        http.get(CONSENTS, params={"cursor": cursor[:-4] + "AAAA"}, headers=bearer(issuer)),
        400,
        "INVALID_ARGUMENT",
    )


def test_one_consent_is_found_by_its_id(http: httpx2.Client, issuer: Issuer) -> None:
    """As it is in the list."""
    headers = bearer(issuer)
    first = http.get(CONSENTS, params={"limit": 1}, headers=headers).json()["items"][0]
    assert http.get(f"{CONSENTS}/{first['id']}", headers=headers).json() == first


def test_another_companys_consent_is_not_found(http: httpx2.Client, issuer: Issuer) -> None:
    """Just as one that does not exist."""
    foreign = bearer(issuer, company_id=OTHER_COMPANY)
    theirs = http.get(CONSENTS, headers=foreign).json()["items"]
    assert [item["company_id"] for item in theirs] == [OTHER_COMPANY] * 3
    answers = [
        http.get(f"{CONSENTS}/{name}", headers=bearer(issuer)) for name in (theirs[0]["id"], "nothing")
    ]
    for answer in answers:
        check_error(answer, 404, "NOT_FOUND")
    assert answers[0].content == answers[1].content


def test_a_company_that_is_not_listed_has_nothing(http: httpx2.Client, issuer: Issuer) -> None:
    """An empty name and an empty list without `next`."""
    headers = bearer(issuer, company_id=UNLISTED_COMPANY)
    assert http.get(CONSENTS, headers=headers).json() == {"items": []}
    assert http.get("/v1/me", headers=headers).json()["company_name"] == ""


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1", 404, "NOT_FOUND"),
        ("POST", "/", 405, "INVALID_ARGUMENT"),
        ("GET", "/v1/me/", 404, "NOT_FOUND"),
        ("GET", "/v1/marketing-consents/a/b", 404, "NOT_FOUND"),
        ("GET", "/docs", 404, "NOT_FOUND"),
        ("POST", "/v1/me", 405, "INVALID_ARGUMENT"),
        ("DELETE", CONSENTS, 405, "INVALID_ARGUMENT"),
        ("TRACE", CONSENTS, 405, "INVALID_ARGUMENT"),
    ],
)
def test_what_is_not_there_is_told_in_the_same_shape(
    http: httpx2.Client, method: str, path: str, status: int, code: str
) -> None:
    """404, and 405 with Allow."""
    answer = http.request(method, path)
    check_error(answer, status, code)
    assert ("allow" in answer.headers) == (status == 405)


def test_head_is_get_without_a_body(http: httpx2.Client, issuer: Issuer) -> None:
    """Same status and headers, with and without a token."""
    for headers in (bearer(issuer), {}):
        head, get = (http.request(method, CONSENTS, headers=headers) for method in ("HEAD", "GET"))
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers.get("www-authenticate") == get.headers.get("www-authenticate")
        assert head.headers["content-length"] == get.headers["content-length"]


def test_the_openapi_document_has_one_shape_of_error(http: httpx2.Client) -> None:
    """Every operation answers its own model or the error model, and names its scopes."""
    document = http.get("/openapi.json").json()
    operations = {path: item["get"] for path, item in document["paths"].items()}
    assert all(set(operation["responses"]) == {"200", "default"} for operation in operations.values())
    assert all(list(item) == ["get"] for item in document["paths"].values())
    assert operations[CONSENTS]["security"] == [{"OAuth2": ["marketing.read"]}]
    assert "security" not in operations["/v1/status"]


def test_the_environment_names_issuer_and_companies(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same people are invented each time, and none can be reached."""
    listed = tmp_path / "companies.json"
    listed.write_text(json.dumps([{"company_id": COMPANY, "company_name": "Lakeside Kayaks"}]), "utf-8")
    monkeypatch.setenv("KEYGROVE_ISSUER", issuer.url)
    monkeypatch.setenv("KEYGROVE_DEMO_COMPANIES", str(listed))
    with serving(from_environment()) as url:
        items = httpx2.get(url + CONSENTS, headers=bearer(issuer)).json()["items"]
    invented = list(invent_company(COMPANY, "Lakeside Kayaks").consents.values())
    assert [item["id"] for item in items] == [consent.id for consent in invented[:100]]
    assert {item["email"].rpartition("@")[2] for item in items} == {"example.com", "example.org"}
    assert len({item["email"] for item in items}) == 100
