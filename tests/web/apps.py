"""Apps that people connect to their company, and the authorization requests that they make."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from keygrove.app import House
from keygrove.crypto.secrets import new_client_id, new_client_secret
from keygrove.protocol.scope import Scope
from keygrove.storage import apps
from keygrove.storage.apps import App
from running import AUDIENCE, RunningServer
from web.visitor import Fields, Visitor, fields_of

AUTH, CONTINUE = "/oauth2/auth", "/oauth2/auth/continue"
CALLBACK = "https://app.example.com/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Connecting:
    """An app with its secret, and a browser in front of which it stands."""

    server: RunningServer
    app: App
    client_secret: str

    def request(self, **changes: str | None) -> dict[str, str]:
        """A good authorization request; `changes` replace or add parameters, None takes one away."""
        asked: dict[str, str | None] = {
            "client_id": self.app.client_id,
            "redirect_uri": self.app.redirect_uris[0] if self.app.redirect_uris else None,
            "response_type": "code",
            "scope": "openid booking.read",
            "state": "s1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def send(self, browser: Visitor, **changes: str | None) -> httpx2.Response:
        """Send a browser to the authorization endpoint."""
        return browser.get(f"{AUTH}?{urlencode(self.request(**changes))}")

    def change(self, **changes: Any) -> "Connecting":
        """Change what is kept of the app."""
        changed = replace(self.app, **changes)

        async def update(house: House) -> None:
            async with house.database.transaction() as tx:
                assert await apps.update(tx, changed, name_key=changed.name)

        self.server.in_house(update)
        return replace(self, app=changed)


def new_app(server: RunningServer, company_id: str = "", **more: Any) -> Connecting:
    """An app of a company, by default live and of the server's first company."""
    name = more.pop("name", f"App {next(_numbers)}")
    secret = new_client_secret()

    async def add(house: House) -> App:
        now = house.management.now()
        fields: dict[str, Any] = {
            "client_id": new_client_id(),
            "company_id": company_id or server.company_id,
            "name": name,
            "audience": AUDIENCE,
            "scope": Scope.of(("booking.read", "booking.write", "event.read", "profile", "email")),
            "redirect_uris": (CALLBACK,),
            "created_at_s": now,
            "created_by": "Ana",
            "updated_at_s": now,
            "reasons": {"booking.read": "We show your bookings on the big screen."},
            "state": "live",
            "state_changed_at_s": now,
            "verified_at_s": now,
            **more,
        }
        app = App(**fields)
        digest = "" if app.public else house.management.digests.of("client_secret", secret.reveal())
        async with house.database.transaction() as tx:
            assert await apps.insert(tx, app, name_key=f"{name} {app.client_id}", secret_digest=digest)
        return app

    return Connecting(server, server.in_house(add), secret.reveal())


def go_on(browser: Visitor, page: httpx2.Response, step: str, **values: str) -> httpx2.Response:
    """Press a button of a page of the way: the form with `values` filled in, as a browser sends it."""
    fields: Mapping[str, str] | Fields = {**fields_of(page.text, CONTINUE), **values, "step": step}
    return browser.post(CONTINUE, fields)


def answer_of(response: httpx2.Response) -> dict[str, str]:
    """The parameters at the client's redirect URI."""
    assert response.status_code == 303, response.text
    query = urlsplit(response.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
