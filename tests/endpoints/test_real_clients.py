"""OAuth clients that others wrote, unchanged: they judge us."""

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import BackendApplicationClient  # type: ignore[import-untyped]
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as OauthlibSession  # type: ignore[import-untyped]

from running import AUDIENCE, Key, RunningServer

SCOPE = "openid marketing.read"
pytestmark = pytest.mark.usefixtures("rules")


def accepted(server: RunningServer, key: Key, token: dict[str, object]) -> None:
    """A token that verifies with the published keys and says what was asked for."""
    assert token["token_type"] == "bearer"
    assert isinstance(token["expires_in"], int)
    keys = KeySet.import_key_set(requests.get(f"{server.url}/.well-known/jwks.json", timeout=5).json())
    read = jwt.decode(str(token["access_token"]), keys, algorithms=["RS256"])
    assert read.claims["client_id"] == key.client_id
    assert read.claims["aud"] == AUDIENCE
    assert read.claims["scope"] == SCOPE


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_authlib_gets_a_token(server: RunningServer, key: Key, method: str) -> None:
    """With the credentials in the body and in the header."""
    with OAuth2Session(
        key.client_id, key.client_secret, scope=SCOPE, token_endpoint_auth_method=method
    ) as client:
        token = client.fetch_token(
            f"{server.url}/oauth2/token", grant_type="client_credentials", audience=AUDIENCE
        )
    accepted(server, key, dict(token))


def test_authlib_reports_our_errors(server: RunningServer, key: Key) -> None:
    """It reads the code and the description."""
    with (
        OAuth2Session(key.client_id, "wrong", token_endpoint_auth_method="client_secret_post") as client,
        pytest.raises(Exception, match="invalid_client: Client authentication failed"),
    ):
        client.fetch_token(f"{server.url}/oauth2/token", grant_type="client_credentials")


@pytest.mark.parametrize("by_header", [False, True])
def test_requests_oauthlib_gets_a_token(
    server: RunningServer, key: Key, by_header: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses a scope that differs from the one asked for, so ours must not."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client = BackendApplicationClient(client_id=key.client_id, scope=SCOPE)
    way = (
        {"auth": HTTPBasicAuth(key.client_id, key.client_secret)}
        if by_header
        else {"include_client_id": True, "client_secret": key.client_secret}
    )
    with OauthlibSession(client=client) as session:
        token = session.fetch_token(f"{server.url}/oauth2/token", audience=AUDIENCE, **way)
    accepted(server, key, dict(token))


def test_oauthlib_reports_our_errors(
    server: RunningServer, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ungranted scope is its InvalidScopeError."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client = BackendApplicationClient(client_id=key.client_id, scope="booking.write")
    with (
        OauthlibSession(client=client) as session,
        pytest.raises(Exception, match=r"booking\.write is not granted"),
    ):
        session.fetch_token(
            f"{server.url}/oauth2/token", client_secret=key.client_secret, include_client_id=True
        )
