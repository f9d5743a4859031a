"""OAuth clients that others wrote, unchanged: they judge us."""

import json
from dataclasses import replace

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient  # type: ignore[import-untyped]
from requests_oauthlib import OAuth2Session as OauthlibSession  # type: ignore[import-untyped]

from clients.dialogue import Outcome, Registration
from clients.person import Person
from clients.roster import RealClient, chosen
from clients.running_site import Site
from running import AUDIENCE

pytestmark = pytest.mark.usefixtures("trust")

for_itself = pytest.mark.parametrize(
    "client", [client for client in chosen() if client.for_itself], ids=lambda client: client.name
)
for_people = pytest.mark.parametrize(
    "client", [client for client in chosen() if client.for_people], ids=lambda client: client.name
)


def claims_of(site: Site, access_token: str) -> dict[str, object]:
    """The claims of a token that verifies with the published keys."""
    keys = KeySet.import_key_set(requests.get(f"{site.issuer}/.well-known/jwks.json", timeout=5).json())
    return jwt.decode(access_token, keys, algorithms=["RS256"]).claims


def connect(client: RealClient, site: Site, email: str, told: Registration) -> tuple[Outcome, list[str]]:
    """Let a person connect an app that uses this client; gives the pages that the person saw, too."""
    assert client.for_people is not None
    home = told.redirect_uri.removesuffix("callback")
    with Person(email, site.certificate.authority) as browser:
        outcome = client.for_people(site.certificate).code(told, lambda url: browser.go(url, until=home))
        if outcome.signed_out_at is not None:
            assert browser.open(f"{site.issuer}/sign-in").status_code == 200
    return outcome, browser.pages


def spoil_id_token(content: bytes) -> bytes:
    """An answer of the token endpoint with another signature under its ID token."""
    if b'"id_token"' not in content:
        return content
    answer = json.loads(content)
    said, _, signature = answer["id_token"].rpartition(".")
    return json.dumps({**answer, "id_token": f"{said}.{signature[::-1]}"}).encode()


@for_itself
def test_a_client_gets_a_token_for_itself(client: RealClient, site: Site) -> None:
    """Client credentials: the token is the one that was asked for."""
    assert client.for_itself is not None
    outcome = client.for_itself(site.certificate).client_credentials(site.key)
    claims = claims_of(site, outcome.access_token)
    assert claims["iss"] == site.issuer
    assert claims["client_id"] == site.key.client_id
    assert claims["aud"] == AUDIENCE
    assert claims["scope"] == site.key.scope


@for_people
def test_a_client_gets_tokens_for_a_person(client: RealClient, site: Site) -> None:
    """Code, PKCE and refresh: the tokens are the person's, before and after renewal."""
    email = f"{next(site.server.names)}@acme.example"
    person = site.server.new_person(email)
    told = site.new_app(client.name, public=client.public)
    outcome, pages = connect(client, site, email, told)
    assert pages == ["sign-in", "allow"]
    assert outcome.id_token_subject == (person.id if client.checks_id_token else None)
    assert outcome.userinfo_subject == (person.id if client.asks_userinfo else None)
    assert outcome.renewed_access_token is not None
    assert outcome.renewed_access_token != outcome.access_token
    for token in (outcome.access_token, outcome.renewed_access_token):
        claims = claims_of(site, token)
        assert claims["sub"] == person.id
        assert claims["client_id"] == told.client_id
        assert claims["company_id"] == site.server.company_id
        assert claims["aud"] == AUDIENCE


@pytest.mark.parametrize(
    "client", [client for client in chosen() if client.signs], ids=lambda client: client.name
)
def test_a_client_proves_itself_by_signing(client: RealClient, site: Site) -> None:
    """`private_key_jwt` (RFC 7523 §2.2), for the code and for the refresh token."""
    email = f"{next(site.server.names)}@acme.example"
    person = site.server.new_person(email)
    told = site.new_app(f"{client.name}, signing", signs=True)
    outcome, _ = connect(client, site, email, told)
    assert (outcome.id_token_subject, outcome.userinfo_subject) == (person.id, person.id)
    assert outcome.renewed_access_token is not None
    assert claims_of(site, outcome.renewed_access_token)["client_id"] == told.client_id


@pytest.mark.parametrize(
    "client", [client for client in chosen() if client.takes_form_post], ids=lambda client: client.name
)
def test_a_client_takes_an_answer_by_form(client: RealClient, site: Site) -> None:
    """`response_mode=form_post`: the browser posts it (Form Post Response Mode §2)."""
    email = f"{next(site.server.names)}@acme.example"
    person = site.server.new_person(email)
    told = replace(site.new_app(f"{client.name}, by form"), response_mode="form_post")
    outcome, pages = connect(client, site, email, told)
    assert pages == ["sign-in", "allow", "form_post"]
    assert outcome.id_token_subject == person.id


@pytest.mark.parametrize(
    "client", [client for client in chosen() if client.signs_out], ids=lambda client: client.name
)
def test_a_client_signs_a_person_out(client: RealClient, site: Site) -> None:
    """RP-initiated logout: without a question, and back to the app with its state."""
    email = f"{next(site.server.names)}@acme.example"
    site.server.new_person(email)
    told = site.new_app(f"{client.name}, signing out")
    bye = told.redirect_uri.replace("/callback", "/bye")
    outcome, pages = connect(client, site, email, replace(told, post_logout_redirect_uri=bye))
    assert pages == ["sign-in", "allow"]
    assert outcome.signed_out_at == bye


@for_people
def test_a_client_that_verifies_refuses_a_spoiled_id_token(
    client: RealClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks at the signature; of the others it is known that they do not."""
    email = f"{next(site.server.names)}@acme.example"
    site.server.new_person(email)
    told = site.new_app(f"{client.name}, spoiled", public=client.public)
    monkeypatch.setattr(site.front, "alter", spoil_id_token)
    refusal = ""
    try:
        connect(client, site, email, told)
    except Exception as error:
        refusal = repr(error)
    assert bool(refusal) == client.checks_id_token, refusal
    assert not refusal or "signature" in refusal.lower()


def test_authlib_reports_our_errors(site: Site) -> None:
    """It reads the code and the description."""
    with (
        OAuth2Session(site.key.client_id, "wrong", token_endpoint_auth_method="client_secret_post") as client,
        pytest.raises(Exception, match="invalid_client: Client authentication failed"),
    ):
        client.fetch_token(f"{site.issuer}/oauth2/token", grant_type="client_credentials")


def test_oauthlib_reports_our_errors(site: Site) -> None:
    """An ungranted scope is its InvalidScopeError."""
    client = BackendApplicationClient(client_id=site.key.client_id, scope="booking.write")
    with (
        OauthlibSession(client=client) as session,
        pytest.raises(Exception, match=r"booking\.write is not granted"),
    ):
        session.fetch_token(
            f"{site.issuer}/oauth2/token", client_secret=site.key.client_secret, include_client_id=True
        )
