"""Signing keys of a running server: two algorithms, rotated and revoked from beside while it serves."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from keygrove.crypto.jose import InvalidToken
from keygrove.management import signing_keys
from keygrove.management.context import OPERATOR
from keygrove.sdk.resource_server import ResourceServer
from running import AUDIENCE, Key, RunningServer, ask_for_token, running_server

ELLIPTIC = "https://elliptic.example.com"
CATALOGUE = f"""
[[api]]
audience = "{AUDIENCE}"
name = "RSA"
[[api.permission]]
resource = "Marketing consents"
read = "marketing.read"

[[api]]
audience = "{ELLIPTIC}"
name = "Elliptic"
signing_algorithm = "ES256"
[[api.permission]]
resource = "Reports"
read = "report.read"
"""
WITHIN_S = 30


@pytest.fixture(scope="module")
def issuer(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[RunningServer]:
    """Two workers that reload their keys often, and an API for each algorithm."""
    folder = tmp_path_factory.mktemp("rotation")
    (folder / "keygrove.toml").write_text(CATALOGUE)
    settings = {"KEYGROVE_CONFIG": str(folder / "keygrove.toml")}
    program = [str(Path(__file__).with_name("hasty.py"))]
    with running_server(
        folder, database=new_database(), workers=2, settings=settings, program=program
    ) as server:
        yield server


@pytest.fixture(scope="module")
def rsa(issuer: RunningServer) -> Key:
    """A key of the API whose tokens are signed with RS256."""
    return issuer.new_key("marketing.read")


@pytest.fixture(scope="module")
def elliptic(issuer: RunningServer) -> Key:
    """A key of the other one."""
    return issuer.new_key("report.read")


def token(server: RunningServer, key: Key, audience: str, scope: str) -> str:
    """A fresh access token."""
    return str(ask_for_token(server, key, audience=audience, scope=scope).json()["access_token"])


def header(token: str) -> dict[str, str]:
    """The header of a token."""
    part = token.partition(".")[0]
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert isinstance(found, dict)
    return found


def key_set(server: RunningServer, etag: str = "") -> httpx2.Response:
    """The key set of whichever worker answers."""
    headers = {"If-None-Match": etag} if etag else {}
    return httpx2.get(f"{server.url}/.well-known/jwks.json", headers=headers, verify=False)


def kids(server: RunningServer) -> set[str]:
    """The names in it."""
    return {key["kid"] for key in key_set(server).json()["keys"]}


def eventually(happens: Callable[[], bool]) -> None:
    """Return once it happens, twenty times in a row: at every worker."""
    deadline, row = time.monotonic() + WITHIN_S, 0
    while row < 20:
        row = row + 1 if happens() else 0
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_api_has_its_algorithm(issuer: RunningServer, rsa: Key, elliptic: Key) -> None:
    """Both are published, both are listed, and each API's owner verifies without knowing which it is."""
    for key, audience, scope, algorithm in (
        (rsa, AUDIENCE, "marketing.read", "RS256"),
        (elliptic, ELLIPTIC, "report.read", "ES256"),
    ):
        signed = token(issuer, key, audience, scope)
        assert header(signed)["alg"] == algorithm
        principal = ResourceServer(issuer=issuer.url, audience=audience).verify(signed)
        assert (principal.client_id, principal.scopes) == (key.client_id, frozenset({scope}))
    metadata = httpx2.get(f"{issuer.url}/.well-known/openid-configuration", verify=False).json()
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256"]
    by_type = {key["kty"]: key for key in key_set(issuer).json()["keys"]}
    assert set(by_type["RSA"]) == {"kty", "use", "alg", "kid", "n", "e"}
    assert set(by_type["EC"]) == {"kty", "use", "alg", "kid", "crv", "x", "y"}


def test_a_rotation_reaches_every_worker(issuer: RunningServer, rsa: Key) -> None:
    """The next key is in the set first, under another ETag; when it signs, the old one stays published."""
    api = ResourceServer(issuer=issuer.url, audience=AUDIENCE)
    old = token(issuer, rsa, AUDIENCE, "marketing.read")
    api.verify(old)
    before, etag = kids(issuer), key_set(issuer).headers["etag"]
    assert key_set(issuer, etag).status_code == 304
    new = issuer.in_house(lambda house: signing_keys.rotate(house.management, OPERATOR, house.vault)).key.kid
    eventually(lambda: kids(issuer) == before | {new} and key_set(issuer, etag).status_code == 200)
    assert header(token(issuer, rsa, AUDIENCE, "marketing.read"))["kid"] == header(old)["kid"]
    issuer.in_house(
        lambda house: signing_keys.rotate(house.management, OPERATOR, house.vault, immediately=True)
    )
    eventually(lambda: header(token(issuer, rsa, AUDIENCE, "marketing.read"))["kid"] == new)
    later = ResourceServer(issuer=issuer.url, audience=AUDIENCE)
    for signed in (old, token(issuer, rsa, AUDIENCE, "marketing.read")):
        assert later.verify(signed).client_id == rsa.client_id
    assert "signing keys changed" in issuer.log_text()


def test_j29_a_revoked_key_leaves_the_set_and_its_tokens_are_refused(issuer: RunningServer, rsa: Key) -> None:
    """By whoever reads the set from then on; new tokens are good at once."""
    old = token(issuer, rsa, AUDIENCE, "marketing.read")
    revoked = header(old)["kid"]
    issuer.in_house(lambda house: signing_keys.revoke(house.management, OPERATOR, house.vault, revoked))
    eventually(lambda: revoked not in kids(issuer))
    eventually(lambda: header(token(issuer, rsa, AUDIENCE, "marketing.read"))["kid"] != revoked)
    api = ResourceServer(issuer=issuer.url, audience=AUDIENCE)
    assert api.verify(token(issuer, rsa, AUDIENCE, "marketing.read")).client_id == rsa.client_id
    with pytest.raises(InvalidToken):
        api.verify(old)
