"""OAuth clients that others wrote, unchanged: they judge us."""

import re

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient  # type: ignore[import-untyped]
from requests_oauthlib import OAuth2Session as OauthlibSession  # type: ignore[import-untyped]

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
    assert client.for_people is not None
    email = f"{re.sub('[^a-z0-9]+', '-', client.name.lower()).strip('-')}@acme.example"
    person = site.server.new_person(email)
    told = site.new_app(client.name, public=client.public)
    with Person(email, site.certificate.authority) as browser:
        outcome = client.for_people(site.certificate).code(
            told, lambda url: browser.go(url, until=told.redirect_uri)
        )
    assert browser.pages == ["sign-in", "allow"]
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
