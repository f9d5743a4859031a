"""Both halves of the SDK against a Keygrove that really runs."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace

import httpx2
import pytest

from keygrove.demo.api import create_api
from keygrove.demo.consents import invent_company
from keygrove.management import integrations
from keygrove.management.context import OPERATOR
from keygrove.sdk import http
from keygrove.sdk.client import TokenSource
from keygrove.sdk.resource_server import ResourceServer
from keygrove.sdk.steps import HttpAnswer, HttpRequest
from keygrove.sdk.token_endpoint import TokenError
from running import AUDIENCE, Key, RunningServer
from sdk.asgi import serving


def source(server: RunningServer, key: Key, *scopes: str) -> TokenSource:
    """A token source for a key."""
    return TokenSource(
        issuer=server.url,
        client_id=key.client_id,
        client_secret=key.client_secret,
        scopes=scopes,
        audience=AUDIENCE,
    )


def test_a_key_becomes_a_principal(server: RunningServer, key: Key) -> None:
    """Its token says which key of which company may do what; blocking or not."""
    tokens, api = (
        source(server, key, "openid", "marketing.read"),
        ResourceServer(issuer=server.url, audience=AUDIENCE),
    )
    principal = api.verify(tokens.get())
    assert (principal.client_id, principal.subject) == (key.client_id, key.client_id)
    assert principal.company_id == key.company_id
    assert principal.scopes == frozenset({"openid", "marketing.read"})
    assert asyncio.run(api.verify_async(asyncio.run(tokens.get_async()))) == principal


def test_an_issuer_that_does_not_say_how_gets_basic(server: RunningServer, key: Key) -> None:
    """And Keygrove, if it did not say, would take it."""
    authorizations = []

    def fetch(request: HttpRequest) -> HttpAnswer:
        answer = http.fetch(request)
        if request.method == "POST":
            authorizations.append(request.headers.get("authorization"))
            return answer
        metadata = answer.json_object()
        del metadata["token_endpoint_auth_methods_supported"]
        return replace(answer, body=json.dumps(metadata).encode())

    tokens = TokenSource(
        issuer=server.url, client_id=key.client_id, client_secret=key.client_secret, fetch=fetch
    )
    assert (
        ResourceServer(issuer=server.url, audience=AUDIENCE).verify(tokens.get()).client_id == key.client_id
    )
    assert [str(field).startswith("Basic ") for field in authorizations] == [True]


def test_the_demo_api_takes_tokens_of_keygrove(server: RunningServer, key: Key) -> None:
    """And refuses one that lacks the scope, 403 from the API; another API's, 401."""
    companies = {key.company_id: invent_company(key.company_id, "Acme", count=5)}
    booking = server.new_key("booking.read")
    with serving(create_api(issuer=server.url, audience=AUDIENCE, companies=companies)) as url:
        with httpx2.Client(base_url=url, auth=source(server, key).auth(httpx2.Auth)) as http:
            assert http.get("/v1/me").json()["company_name"] == "Acme"
            assert len(http.get("/v1/marketing-consents").json()["items"]) == 5
        with httpx2.Client(base_url=url, auth=source(server, booking).auth(httpx2.Auth)) as http:
            assert http.get("/v1/marketing-consents").status_code == 403
    with serving(create_api(issuer=server.url, audience="https://other.example.com", companies={})) as url:
        assert httpx2.get(f"{url}/v1/me", auth=source(server, key).auth(httpx2.Auth)).status_code == 401


def test_j39_a_removed_keys_token_lives_until_it_expires(server: RunningServer) -> None:
    """Tokens are checked offline, as documented; but no new one is issued."""
    key = server.new_key("marketing.read")
    tokens = source(server, key)
    token = tokens.get()
    server.manage(lambda m: integrations.remove_key(m, OPERATOR, key.company_id, key.client_id))
    assert ResourceServer(issuer=server.url, audience=AUDIENCE).verify(token).client_id == key.client_id
    tokens.invalidate(token)
    with pytest.raises(TokenError) as caught:
        tokens.get()
    assert caught.value.error == "invalid_client"


def test_an_ungranted_scope_is_told(server: RunningServer, key: Key) -> None:
    """The error names it."""
    with pytest.raises(TokenError, match=r"booking\.write") as caught:
        source(server, key, "booking.write").get()
    assert caught.value.error == "invalid_scope"


def test_j46_the_published_keys_are_public_and_distinct(server: RunningServer) -> None:
    """J45 too: each `kid` once."""
    keys = httpx2.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
    assert keys
    assert all(set(jwk) == {"kty", "use", "alg", "kid", "n", "e"} for jwk in keys)
    assert len({jwk["kid"] for jwk in keys}) == len(keys)


def test_the_sdk_needs_nothing_of_the_server() -> None:
    """Importing it brings the standard library, cryptography, joserfc, and our pure floors."""
    program = (
        "import sys; before = set(sys.modules); import keygrove.sdk.authorization_code;"
        "import keygrove.sdk.client, keygrove.sdk.resource_server;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    packages = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    floors = {".".join(name.split(".")[:2]) for name in names if name.startswith("keygrove.")}
    assert packages <= {"keygrove", "joserfc", "cryptography", "_cffi_backend", "_openssl"}
    assert floors <= {"keygrove.sdk", "keygrove.crypto", "keygrove.protocol"}
