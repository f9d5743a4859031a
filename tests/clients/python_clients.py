"""The Python clients, as their own documents say they are used."""

import asyncio
import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from httpx_oauth.clients.openid import OpenID
from joserfc.jwk import RSAKey
from oauthlib.oauth2 import BackendApplicationClient  # type: ignore[import-untyped]
from requests.auth import HTTPBasicAuth
from requests_oauth2client import IdToken, OAuth2Client
from requests_oauthlib import OAuth2Session as OauthlibSession  # type: ignore[import-untyped]
from starlette.requests import Request

from clients.dialogue import Outcome, Person, Registration
from keygrove.protocol.metadata import OPENID_CONFIGURATION


def discover(told: Registration) -> dict[str, Any]:
    """The discovery document, for the clients that are told the endpoints one by one."""
    found: dict[str, Any] = requests.get(told.issuer + OPENID_CONFIGURATION, timeout=10).json()
    return found


class Authlib:
    """Its session for requests; its integration for Starlette where a person is in it."""

    def client_credentials(self, told: Registration) -> Outcome:
        """The secret goes in the header, Authlib's default."""
        with OAuth2Session(told.client_id, told.client_secret, scope=told.scope) as client:
            token = client.fetch_token(
                discover(told)["token_endpoint"], grant_type="client_credentials", audience=told.audience
            )
        return Outcome(access_token=token["access_token"])

    def code(self, told: Registration, person: Person) -> Outcome:
        """As a Starlette app would, with the two requests made by hand."""
        return asyncio.run(self._code(told, person))

    async def _code(self, told: Registration, person: Person) -> Outcome:
        proof: dict[str, Any] = {"client_secret": told.client_secret}
        method = {}
        if told.private_jwk:
            key = RSAKey.import_key(json.loads(told.private_jwk))
            signing = PrivateKeyJWT(headers={"kid": key.kid})
            proof = {"client_secret": key, "client_auth_methods": [signing]}
            method = {"token_endpoint_auth_method": signing.name}
        client = OAuth().register(
            "keygrove",
            client_id=told.client_id,
            server_metadata_url=told.issuer + OPENID_CONFIGURATION,
            client_kwargs={"scope": told.scope, "code_challenge_method": "S256", **method},
            **proof,
        )
        session: dict[str, Any] = {}
        sent = await client.authorize_redirect(_request(session, told.redirect_uri), told.redirect_uri)
        callback = await asyncio.to_thread(person, sent.headers["location"])
        token = await client.authorize_access_token(_request(session, callback))
        about = await client.userinfo(token=token)
        renewed = await client.fetch_access_token(
            grant_type="refresh_token", refresh_token=token["refresh_token"]
        )
        return Outcome(
            access_token=token["access_token"],
            renewed_access_token=renewed["access_token"],
            id_token_subject=token["userinfo"]["sub"],
            userinfo_subject=about["sub"],
        )


def _request(session: dict[str, Any], url: str) -> Request:
    """A request as Starlette gives it to an app that keeps sessions."""
    query = urlsplit(url).query.encode()
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": query,
            "headers": [],
            "session": session,
        }
    )


class RequestsOauthlib:
    """Refuses a scope that differs from the one asked for, so ours must not."""

    def client_credentials(self, told: Registration) -> Outcome:
        """The secret goes in the header."""
        client = BackendApplicationClient(client_id=told.client_id, scope=told.scope)
        with OauthlibSession(client=client) as session:
            token = session.fetch_token(
                discover(told)["token_endpoint"],
                audience=told.audience,
                auth=HTTPBasicAuth(told.client_id, told.client_secret),
            )
        return Outcome(access_token=token["access_token"])

    def code(self, told: Registration, person: Person) -> Outcome:
        """The secret goes in the body. It knows nothing of ID tokens."""
        endpoints = discover(told)
        secret = {"client_secret": told.client_secret}
        with OauthlibSession(
            told.client_id, redirect_uri=told.redirect_uri, scope=told.scope.split(), pkce="S256"
        ) as session:
            url, _ = session.authorization_url(endpoints["authorization_endpoint"])
            token = session.fetch_token(
                endpoints["token_endpoint"],
                authorization_response=person(url),
                include_client_id=True,
                **secret,
            )
            about = session.get(endpoints["userinfo_endpoint"]).json()
            renewed = session.refresh_token(endpoints["token_endpoint"], client_id=told.client_id, **secret)
        return Outcome(
            access_token=token["access_token"],
            renewed_access_token=renewed["access_token"],
            userinfo_subject=about["sub"],
        )


class RequestsOauth2client:
    """Discovers everything, and checks state, iss and the ID token by itself."""

    def _client(self, told: Registration) -> OAuth2Client:
        return OAuth2Client.from_discovery_endpoint(
            issuer=told.issuer,
            client_id=told.client_id,
            client_secret=told.client_secret,
            redirect_uri=told.redirect_uri or None,
        )

    def client_credentials(self, told: Registration) -> Outcome:
        """The secret goes in the body, its default."""
        token = self._client(told).client_credentials(scope=told.scope, audience=told.audience)
        return Outcome(access_token=str(token.access_token))

    def code(self, told: Registration, person: Person) -> Outcome:
        """Its authorization requests always have PKCE, state and nonce."""
        client = self._client(told)
        asked = client.authorization_request(scope=told.scope)
        answer = asked.validate_callback(person(asked.uri))
        token = client.authorization_code(answer, validate=True)
        assert isinstance(token.id_token, IdToken)
        about = client.userinfo(token)
        renewed = client.refresh_token(token)
        return Outcome(
            access_token=str(token.access_token),
            renewed_access_token=str(renewed.access_token),
            id_token_subject=str(token.id_token.claims["sub"]),
            userinfo_subject=about["sub"],
        )


class HttpxOauth:
    """For sign-in only: it has no client credentials, and asks userinfo instead of reading ID tokens."""

    def code(self, told: Registration, person: Person) -> Outcome:
        """PKCE is the caller's to make."""
        return asyncio.run(self._code(told, person))

    async def _code(self, told: Registration, person: Person) -> Outcome:
        client = OpenID(told.client_id, told.client_secret, told.issuer + OPENID_CONFIGURATION)
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe()
        url = await client.get_authorization_url(
            told.redirect_uri,
            state=state,
            scope=told.scope.split(),
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        callback = await asyncio.to_thread(person, url)
        answer = parse_qs(urlsplit(callback).query)
        assert answer["state"] == [state]
        token = await client.get_access_token(answer["code"][0], told.redirect_uri, verifier)
        subject, _ = await client.get_id_email(token["access_token"])
        renewed = await client.refresh_token(token["refresh_token"])
        return Outcome(
            access_token=token["access_token"],
            renewed_access_token=renewed["access_token"],
            userinfo_subject=subject,
        )
