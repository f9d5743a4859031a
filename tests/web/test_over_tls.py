"""What changes when the world comes by HTTPS, through a proxy on this machine: cookies, headers, refusals."""

from collections.abc import Iterator

import httpx2
import pytest

from hostile_rules import Rules
from running import AUDIENCE, Key, RunningServer, running_server
from stores import ONLY_SQLITE
from web.people import join
from web.visitor import FORM_TYPE, Visitor

# Cookies and headers do not depend on the database.
pytestmark = ONLY_SQLITE
PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
ISSUER = "https://auth.example.com"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose issuer is an HTTPS address."""
    folder = tmp_path_factory.mktemp("behind")
    with running_server(folder, settings={"KEYGROVE_ISSUER": ISSUER}) as server:
        yield server


@pytest.fixture
def tls_rules(behind: RunningServer) -> Iterator[Rules]:
    """The rules for answers of that server; its good request is the token request by the proxy."""
    with httpx2.Client(base_url=behind.url, trust_env=False, timeout=30) as http:
        yield Rules(behind, behind.new_key(), http)


def ask(server: RunningServer, key: Key, headers: dict[str, str]) -> httpx2.Response:
    """Ask for a token as a customer's program does."""
    form = {
        "grant_type": "client_credentials",
        "audience": AUDIENCE,
        "client_id": key.client_id,
        "client_secret": key.client_secret,
    }
    return httpx2.post(f"{server.url}/oauth2/token", data=form, headers=headers)


def attributes(line: str) -> set[str]:
    """The attributes of a Set-Cookie line, in lower case."""
    return {part.strip().lower() for part in line.split(";")[1:]}


def test_l02_cookies_are_bound_to_this_host(behind: RunningServer, tls_rules: Rules) -> None:
    """`__Host-`, Secure, HttpOnly, SameSite=Lax, Path=/ and no Domain, for every cookie."""
    member = join(behind, tls_rules, over_tls=True)
    member.browser.cookies.clear()
    member.browser.sign_in(member.person.email)
    member.browser.get("/sign-out")
    lines = member.browser.set_cookies
    assert {line.partition("=")[0] for line in lines} == {"__Host-keygrove_session", "__Host-keygrove_form"}
    for line in lines:
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes(line)
        assert not any(attribute.startswith("domain") for attribute in attributes(line))
    assert member.browser.get(member.keys_url).status_code == 200
    member.browser.cookies = {"keygrove_session": member.browser.session}
    assert member.browser.get(member.keys_url).status_code == 303


def test_l02_the_theme_cookie_is_secure_too(behind: RunningServer, tls_rules: Rules) -> None:
    """It holds nothing secret, and still crosses no network in the clear."""
    visitor = Visitor(behind, tls_rules, over_tls=True)
    form = visitor.fill("/sign-in", "/theme")
    visitor.post("/theme", {**form, "theme": "dark"})
    theme = next(line for line in visitor.set_cookies if line.startswith("keygrove_theme"))
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes(theme)


def test_k25_browsers_are_told_to_come_by_https(behind: RunningServer, tls_rules: Rules) -> None:
    """On every page, for a year; and only where the issuer is HTTPS."""
    visitor = Visitor(behind, tls_rules, over_tls=True)
    for path in ("/", "/sign-in", "/nowhere"):
        assert visitor.get(path).headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_k25_no_promise_of_https_where_there_is_none(visitor: Visitor) -> None:
    """A browser would refuse to come back."""
    assert "strict-transport-security" not in visitor.get("/sign-in").headers


def test_h13_a_token_request_in_the_clear_is_refused(behind: RunningServer, tls_rules: Rules) -> None:
    """With an error that says what to do, not with a redirect; by HTTPS the same request succeeds."""
    key = tls_rules.good_key
    for headers in ({}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "gopher"}):
        answer = ask(behind, key, headers)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"
        assert "replace the Secret Key" in answer.json()["error_description"]
        assert "location" not in answer.headers
    assert ask(behind, key, PROXY).status_code == 200


def test_h05_addresses_come_from_the_settings(behind: RunningServer, tls_rules: Rules) -> None:
    """Not from Host, X-Forwarded-Host or Forwarded."""
    visitor = Visitor(behind, tls_rules, over_tls=True)
    for name in ("Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"):
        value = "host=evil.example" if name == "Forwarded" else "evil.example"
        for path in ("/", "/sign-in", "/.well-known/openid-configuration"):
            answer = visitor.send("GET", path, headers={name: value})
            assert "evil.example" not in answer.text + str(answer.headers)
    document = visitor.get("/.well-known/openid-configuration").json()
    assert document["issuer"] == ISSUER
    assert document["token_endpoint"] == f"{ISSUER}/oauth2/token"


def test_k01_the_form_of_another_origin_is_refused_by_https_too(
    behind: RunningServer, tls_rules: Rules
) -> None:
    """The issuer's own origin is ours; the same host by plain HTTP is not."""
    visitor = Visitor(behind, tls_rules, over_tls=True)
    form = visitor.fill("/sign-in", email="nobody@example.com", password="a wrong password")
    for origin, status in {
        ISSUER: 422,
        "http://auth.example.com": 403,
        "https://auth.example.com.evil.test": 403,
    }.items():
        answer = visitor.send(
            "POST",
            "/sign-in",
            headers={"Origin": origin, "Content-Type": FORM_TYPE},
            content=str(httpx2.QueryParams(form)).encode(),
        )
        assert answer.status_code == status
