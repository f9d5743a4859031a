"""An app that is nothing but pages, in Chromium: oidc-client-ts, as a browser loads it, at its own origin.

It needs CORS for discovery, tokens, userinfo and revocation; Chromium decides what may be read.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from backoffice.callback import serve
from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import Look, Visitor, in_looks
from running import PASSWORD
from web.apps import Connecting, new_app

LIBRARY = (
    Path(__file__).parents[1] / "clients/node/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"
)
PAGE = b"<!doctype html><title>The app</title><h1>The app</h1><script src='/oidc-client-ts.js'></script>"
MANAGER = "new oidc.UserManager(settings)"
in_chromium = in_looks([Look(examined=False)])
ASK = """async ([url, form, headers]) => {
    const answer = await fetch(url, {method: "POST", body: new URLSearchParams(form), headers})
    return [answer.status, await answer.json()]
}"""


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_library = self.path == "/oidc-client-ts.js"
        content = LIBRARY.read_bytes() if is_library else PAGE
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_library else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """The app's origin."""
    with serve(_Pages) as url:
        yield url


@pytest.fixture
def app(site: Site, home: str) -> Connecting:
    """The app, public."""
    return new_app(
        site.server,
        site.new_company("Waves ApS").id,
        public=True,
        redirect_uris=(f"{home}/cb",),
        post_logout_redirect_uris=(f"{home}/bye",),
    )


def run(visitor: Visitor, home: str, app: Connecting, script: str) -> Any:
    """Run a line of the app's own script in its page."""
    settings = {
        "authority": app.server.url,
        "client_id": app.app.client_id,
        "redirect_uri": f"{home}/cb",
        "post_logout_redirect_uri": f"{home}/bye",
        "scope": "openid profile booking.read offline",
        "loadUserInfo": True,
        "revokeTokenTypes": ["refresh_token"],
        "automaticSilentRenew": False,
    }
    return visitor.page.evaluate(f"async settings => {script}", settings)


@in_chromium
def test_it_signs_in_renews_and_signs_out(
    look: Look, site: Site, visit: OpenVisitor, home: str, app: Connecting
) -> None:
    """From its own page and back: tokens, userinfo, renewal, revocation, logout."""
    email = site.new_person(site.new_company())
    visitor = visit(look)
    visitor.page.goto(home)
    run(visitor, home, app, f"{{ {MANAGER}.signinRedirect() }}")
    visitor.page.wait_for_url(f"{site.url}/oauth2/auth*")
    visitor.page.get_by_label("E-mail address").fill(email)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in")
    visitor.press("Allow")
    visitor.page.wait_for_url(f"{home}/cb*")
    user = run(visitor, home, app, f"(await {MANAGER}.signinCallback())")
    assert user["profile"]["name"] == "Ana Alvarez"
    renewed = run(visitor, home, app, f"(await {MANAGER}.signinSilent())")
    assert renewed["refresh_token"] != user["refresh_token"]
    run(visitor, home, app, f"(await {MANAGER}.revokeTokens())")
    token = {"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]}
    status, refusal = fetch(visitor, site, {**token, "client_id": app.app.client_id})
    assert (status, refusal["error"]) == (400, "invalid_grant")
    run(visitor, home, app, f"{{ {MANAGER}.signoutRedirect() }}")
    visitor.page.wait_for_url(f"{home}/bye*")
    visitor.faults.clear()


@in_chromium
def test_what_pages_elsewhere_may_read(
    look: Look, site: Site, visit: OpenVisitor, home: str, app: Connecting
) -> None:
    """Errors, also of a request that Chromium asks about first; not the tokens of a Secret Key."""
    key, visitor = site.server.new_key("marketing.read"), visit(look)
    visitor.page.goto(home.replace("127.0.0.1", "localhost"))
    form = {"grant_type": "client_credentials", "client_id": key.client_id}
    status, refusal = fetch(visitor, site, {**form, "client_secret": "wrong"})
    assert (status, refusal["error"]) == (401, "invalid_client")
    status, refusal = fetch(visitor, site, {}, {"Authorization": "Basic eDp5"})
    assert (status, refusal["error"]) == (400, "invalid_request")
    with pytest.raises(Exception, match="Failed to fetch"):
        fetch(visitor, site, {**form, "client_secret": key.client_secret})
    visitor.faults.clear()


def fetch(visitor: Visitor, site: Site, form: dict[str, str], headers: dict[str, str] | None = None) -> Any:
    """Ask the token endpoint from the page that is open."""
    return visitor.page.evaluate(ASK, [f"{site.url}/oauth2/token", form, headers or {}])
