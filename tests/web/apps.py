"""Apps that people connect to their company, and the authorization requests that they make."""

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from keygrove.crypto.secrets import new_client_id, new_client_secret
from keygrove.house import House
from keygrove.protocol.grants.authorization_code import AuthorizationCode
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, consents, grants
from keygrove.storage.apps import App
from running import AUDIENCE, RunningServer
from web.visitor import Fields, Visitor, fields_of

AUTH, CONTINUE = "/oauth2/auth", "/oauth2/auth/continue"
CALLBACK = "https://app.example.com/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CODES = ("kg_co_",)
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
        return open_at(browser, f"{AUTH}?{urlencode(self.request(**changes))}")

    def redeem(self, code: str) -> httpx2.Response:
        """Send the code to the token endpoint, as the app does."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.app.redirect_uris[0],
            "code_verifier": VERIFIER,
            "client_id": self.app.client_id,
            "client_secret": self.client_secret,
        }
        return httpx2.post(f"{self.server.url}/oauth2/token", data=form, verify=False)

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
    return _code_only_on_the_way_back(browser.post(CONTINUE, fields, shows=CODES))


def open_at(browser: Visitor, address: str) -> httpx2.Response:
    """Open an address of the endpoint, which may answer with a code."""
    return _code_only_on_the_way_back(browser.send("GET", address, headers={}, shows=CODES))


def _code_only_on_the_way_back(answer: httpx2.Response) -> httpx2.Response:
    """The answer; a code stands in a redirect, or in a form for the app, and nowhere else."""
    assert "kg_co_" not in answer.text or fields_of(answer.text, CALLBACK)
    return answer


def answer_of(response: httpx2.Response) -> dict[str, str]:
    """The parameters at the client's redirect URI."""
    assert response.status_code == 303, response.text
    query = urlsplit(response.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}


def refused_on_a_page(response: httpx2.Response) -> None:
    """An error page of ours: nobody is sent anywhere, and there is no link out."""
    assert response.status_code == 400
    assert "location" not in response.headers
    assert "This app's request can't be used" in response.text
    assert_nothing_from_elsewhere(response)


def refused_at_the_app(response: httpx2.Response, code: str) -> dict[str, str]:
    """A redirect to the registered URI that carries this error; its parameters."""
    assert response.headers["location"].startswith(f"{CALLBACK}?")
    answer = answer_of(response)
    assert answer["error"] == code, answer
    return answer


def assert_nothing_from_elsewhere(response: httpx2.Response) -> None:
    """Nothing is loaded from another origin, and no referrer leaves (RFC 9700 §4.2)."""
    assert response.headers["referrer-policy"] == "no-referrer"
    loaded = re.findall(r'(?:<link [^>]*href|\ssrc)="([^"]*)"', response.text)
    assert [address for address in loaded if not address.startswith("/static/")] == []


def code_content(server: RunningServer, code: str) -> AuthorizationCode:
    """What the store holds of a code."""

    async def read(house: House) -> AuthorizationCode:
        async with house.database.transaction() as tx:
            found = await grants.by_code(tx, house.management.digests.of("code", code))
        assert found is not None
        return found[0]

    return server.in_house(read)


def allowed_for(server: RunningServer, app: Connecting, person_id: str) -> dict[str, frozenset[str]]:
    """What a person allows an app, by company."""

    async def read(house: House) -> dict[str, frozenset[str]]:
        async with house.database.transaction() as tx:
            return await consents.of_person(tx, app.app.client_id, person_id)

    return server.in_house(read)


def signed_token(server: RunningServer, typ: str, claims: Mapping[str, object]) -> str:
    """A token of the server's own key."""

    async def sign(house: House) -> str:
        now = house.management.now()
        content = json.dumps({"iss": server.url, **claims}).encode()
        return house.keyring().sign(content, typ, algorithm="RS256", now=now)

    return server.in_house(sign)


def id_token(server: RunningServer, app: Connecting, subject: str, **claims: object) -> str:
    """An ID token for this app about somebody, long expired unless it is said otherwise."""
    client_id = app.app.client_id
    about = {"sub": subject, "aud": client_id, "azp": client_id, "sid": "s", "exp": 1, "iat": 0}
    return signed_token(server, "JWT", {**about, **claims})


def consent_of(answer: httpx2.Response) -> httpx2.Response:
    """The answer, which must be the consent page."""
    assert answer.status_code == 200, answer.text
    assert "It will be able to" in answer.text
    return answer
