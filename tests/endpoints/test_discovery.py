"""The public documents: RFC 8414, OpenID Connect Discovery 1.0, RFC 7517."""

import json
from base64 import urlsafe_b64decode

import httpx2
import pytest

from endpoints.asking import Asker
from hostile_rules import Rules
from keygrove.management.catalogue import SAMPLE
from keygrove.protocol.metadata import discovery_document
from running import RunningServer
from web.wire import dial, request

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"
documents = pytest.mark.parametrize("path", [OPENID, OAUTH, JWKS])


def get(ask: Asker, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    """Ask for a document."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask.send(method, b"", named, path=path)


def test_the_document_is_about_this_server(ask: Asker, server: RunningServer) -> None:
    """Its issuer, its APIs' scopes; the rest is tested where it is made."""
    document = get(ask, OPENID).json()
    assert document == discovery_document(server.url, sorted(SAMPLE.scopes()))


def test_both_well_known_paths_have_the_same_bytes(ask: Asker) -> None:
    """OpenID Connect's and RFC 8414's."""
    assert get(ask, OPENID).content == get(ask, OAUTH).content


def test_the_addresses_in_the_document_answer(ask: Asker) -> None:
    """Whoever follows it arrives."""
    document = get(ask, OPENID).json()
    own = ask.rules.server.url
    assert get(ask, document["jwks_uri"].removeprefix(own)).status_code == 200
    endpoints = {name: url.removeprefix(own) for name, url in document.items() if name.endswith("_endpoint")}
    assert endpoints["token_endpoint"] == "/oauth2/token"
    for path in endpoints.values():
        assert get(ask, path, "POST").status_code not in (404, 405), path


def test_j46_the_key_set_is_public(ask: Asker) -> None:
    """RSA 2048 for signatures with RS256, named, and without a private member."""
    keys = get(ask, JWKS).json()["keys"]
    assert len(keys) == 1
    for key in keys:
        assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}
        assert (key["kty"], key["use"], key["alg"], key["e"]) == ("RSA", "sig", "RS256", "AQAB")
        assert len(key["n"]) == 342


def test_j45_every_kid_is_once_in_the_set_and_in_the_tokens(ask: Asker) -> None:
    """The token's header names a key of the set."""
    kids = [key["kid"] for key in get(ask, JWKS).json()["keys"]]
    assert len(kids) == len(set(kids))
    header = ask().json()["access_token"].partition(".")[0]
    assert json.loads(urlsafe_b64decode(header + "==")) == {"alg": "RS256", "kid": kids[0], "typ": "at+jwt"}


@documents
def test_documents_can_be_cached_and_read_from_every_origin(ask: Asker, path: str) -> None:
    """An hour for everybody; scripts of other origins may read them, without credentials."""
    answer = get(ask, path, Origin="https://app.example")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


@documents
def test_an_unchanged_document_is_not_sent_again(ask: Asker, path: str) -> None:
    """If-None-Match with its ETag, weak or among others, or `*`: 304 without a body (RFC 9110 §13.1.2)."""
    etag = get(ask, path).headers["etag"]
    assert etag.startswith('"')
    for matching in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = get(ask, path, If_None_Match=matching)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert "content-length" not in answer.headers
    for other in ('"other"', etag.strip('"'), "W/", ",", '"', etag[:-1]):
        assert get(ask, path, If_None_Match=other).status_code == 200


@documents
def test_head_is_get_without_a_body(ask: Asker, rules: Rules, path: str) -> None:
    """The same headers, and nothing after them on the wire."""
    whole = get(ask, path)
    with dial(rules.server) as plug:
        plug.sendall(request(rules.server, b"HEAD " + path.encode() + b" HTTP/1.1", b"Connection: close"))
        data = b""
        while more := plug.recv(65536):
            data += more
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == b""
    lines = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
    for name in ("etag", "content-type", "cache-control", "content-length", "access-control-allow-origin"):
        assert lines[name] == whole.headers[name].lower()


@documents
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_documents_are_only_read(ask: Asker, path: str, method: str) -> None:
    """405 with the methods that are."""
    answer = get(ask, path, method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@documents
def test_a_preflight_is_answered(ask: Asker, path: str) -> None:
    """For scripts that send a header of their own."""
    answer = get(ask, path, "OPTIONS", Origin="https://app.example", Access_Control_Request_Method="GET")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"


@documents
def test_a_query_changes_nothing(ask: Asker, path: str) -> None:
    """Documents have no parameters."""
    assert get(ask, f"{path}?x=y").content == get(ask, path).content


@pytest.mark.parametrize(
    "path", [f"{OPENID}/", "/.well-known/", "/.well-known/other", f"{JWKS}x", "/.WELL-KNOWN/jwks.json"]
)
def test_no_other_well_known_path_exists(ask: Asker, path: str) -> None:
    """404, not a redirect."""
    assert get(ask, path).status_code == 404
