"""Tokens of other nodes: of keys that the one asked about them has not read yet, of a clock that is ahead."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from endpoints.connecting import INTROSPECT, REVOKE
from endpoints.in_process import API, DIGESTS, NOW, serving
from endpoints.neighbor import posted
from keygrove.crypto.jose import Keyring, SigningKey
from keygrove.crypto.passwords import Passwords
from keygrove.crypto.vault import Vault
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.introspection import introspect
from keygrove.endpoints.revocation import revoke
from keygrove.endpoints.userinfo import userinfo
from keygrove.management import signing_keys
from keygrove.management.catalogue import SAMPLE, Catalogue
from keygrove.management.context import OPERATOR, Management
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.message import Request
from keygrove.storage import api_credentials, grants
from keygrove.storage.api_credentials import ApiCredential
from keygrove.storage.database import Database
from storage.granted import APP, GRANT, add_companies_people_and_apps, add_grant
from stores import Store

SECRET = "kg_sk_a-secret"
NOW_S = int(NOW)
HOUR_S = 3600
# Keys for this algorithm are quickly made.
EVENTS = replace(API, scopes=frozenset({"event.read"}), signing_algorithm="ES256")
VAULT = Vault(b"m" * 32)
pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Behind:
    """A node that has read the keys once, and what it is asked."""

    server: AuthorizationServer

    async def active(self, token: str) -> bool:
        """Whether the token is active, as the API is told."""
        form = {"client_id": "api1", "client_secret": SECRET, "token": token}
        response = await introspect(self.server, posted(form, INTROSPECT))
        assert response.status == 200
        return bool(json.loads(response.body)["active"])

    async def userinfo(self, token: str) -> int:
        """The status of an answer about the person."""
        headers = (("authorization", f"Bearer {token}"),)
        request = Request(method="GET", path="/userinfo", headers=headers, body=b"", request_id="r")
        return (await userinfo(self.server, request)).status

    async def revoke(self, token: str) -> bool:
        """Whether the grant has ended once the app has given the token back."""
        form = {"client_id": APP.client_id, "client_secret": SECRET, "token": token}
        assert (await revoke(self.server, posted(form, REVOKE))).status == 200
        async with self.server.database.transaction() as tx:
            stored = await grants.by_id(tx, GRANT.grant_id)
        assert stored is not None
        return stored.standing.revoked


@pytest.fixture
async def database(store: Store, anyio_backend: str) -> AsyncIterator[Database]:
    """A database with a grant of Ana's to an app, a credential of the API, and a signing key."""
    opened = await store.open()
    await add_companies_people_and_apps(opened)
    assert await add_grant(opened)
    digest = DIGESTS.of("client_secret", SECRET)
    async with opened.transaction() as tx:
        await tx.run("update clients set secret_digest = $1 where client_id = $2", digest, APP.client_id)
        api = ApiCredential(
            client_id="api1", audience=EVENTS.audience, secret_digest=digest, name="API", created_at_s=0
        )
        await api_credentials.insert(tx, api)
    await signing_keys.ensure(opened, VAULT, now=NOW_S - 2 * HOUR_S, algorithms=("ES256",))
    yield opened
    await opened.close()


@pytest.fixture
async def behind(database: Database) -> Behind:
    """The node that has read that key."""
    return Behind(serving(database, await keys_now(database), api=EVENTS))


async def keys_now(database: Database) -> Keyring:
    """What a node reads now."""
    return await signing_keys.load(database, VAULT, now=NOW_S)


def at(database: Database, now: float = NOW) -> Management:
    """The operator's desk at a time."""
    return Management(
        issuer="https://issuer.example",
        platform_name="Understory",
        catalogue=Catalogue((replace(SAMPLE.apis[0], signing_algorithm="ES256"),)),
        database=database,
        digests=DIGESTS,
        passwords=Passwords(),
        clock=lambda: now,
    )


def signed(keyring: Keyring, *, ahead_s: int = 0) -> str:
    """A fresh access token of the grant, of a node with these keys whose clock may be ahead."""
    issuer, now = "https://issuer.example", NOW_S + ahead_s
    token = AccessToken.of_grant(GRANT, GRANT.scope, EVENTS, issuer=issuer, now=now, jti="j1")
    return keyring.sign(json.dumps(token.claims()).encode(), "at+jwt", algorithm="ES256", now=NOW_S)


async def test_a_token_of_a_key_that_signs_since_a_moment_ago(database: Database, behind: Behind) -> None:
    """After `rotate --now`: it is active, tells of the person, and given back it ends the grant."""
    await signing_keys.rotate(at(database), OPERATOR, VAULT, algorithm="ES256", immediately=True)
    token = signed(await keys_now(database))
    assert await behind.active(token)
    assert await behind.userinfo(token) == 200
    assert await behind.revoke(token)
    assert not await behind.active(token)


async def test_a_token_of_a_key_that_replaces_a_revoked_one(database: Database, behind: Behind) -> None:
    """Its key was made by the revocation, in the same transaction."""
    (old,) = (await keys_now(database)).keys
    await signing_keys.revoke(at(database), OPERATOR, VAULT, old.kid)
    assert await behind.active(signed(await keys_now(database)))


async def test_j29_a_revoked_key_is_not_looked_up(database: Database, behind: Behind) -> None:
    """Made, used and revoked between two readings."""
    await signing_keys.rotate(at(database), OPERATOR, VAULT, algorithm="ES256", immediately=True)
    keyring = await keys_now(database)
    token = signed(keyring)
    assert await behind.active(token)
    await signing_keys.revoke(at(database), OPERATOR, VAULT, keyring.keys[0].kid)
    assert not await behind.active(token)
    assert await behind.userinfo(token) == 401
    assert not await behind.revoke(token)


async def test_a_retired_key_is_not_looked_up(database: Database, behind: Behind) -> None:
    """Its last token has ended: whoever has the key still can make none."""
    token = signed(await keys_now(database))
    early = at(database, NOW - HOUR_S - 61)
    await signing_keys.rotate(early, OPERATOR, VAULT, algorithm="ES256", immediately=True)
    assert await behind.active(token)
    rereading = Behind(serving(database, await keys_now(database), api=EVENTS))
    assert not await rereading.active(token)
    assert await rereading.userinfo(token) == 401
    assert not await rereading.revoke(token)


@pytest.mark.parametrize("kid", ["made up", "x' or '1'='1", "\u0000", "k" * 256])
async def test_d15_a_made_up_name_of_a_key_costs_one_read(
    behind: Behind, kid: str, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no key is read from its text anew; what is no token at all costs nothing."""
    stranger = signed(Keyring((SigningKey.generate(now=0, algorithm="ES256"),)))
    header = json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": kid}).encode()
    token = base64.urlsafe_b64encode(header).rstrip(b"=").decode() + stranger[stranger.index(".") :]
    assert await behind.userinfo(token) == 401
    monkeypatch.setattr("keygrove.crypto.jose._usable_key", None)
    for _ in range(3):
        seen.clear()
        assert await behind.userinfo(token) == 401
        assert seen == ["select"]
    seen.clear()
    assert await behind.userinfo("a.b.c") == 401
    assert seen == []


async def test_nobody_signs_with_a_name_of_ours(database: Database, behind: Behind) -> None:
    """A key's name proves nothing: the signature is judged with the key that was looked up."""
    await signing_keys.rotate(at(database), OPERATOR, VAULT, algorithm="ES256", immediately=True)
    token = signed(await keys_now(database))
    stranger = signed(Keyring((SigningKey.generate(now=0, algorithm="ES256"),)))
    assert await behind.active(token)
    assert not await behind.active(token.partition(".")[0] + stranger[stranger.index(".") :])


async def test_f13_a_token_of_a_clock_that_was_ahead(database: Database, behind: Behind) -> None:
    """By more than a minute: it does not count yet, though it may be given back."""
    keyring = await keys_now(database)
    assert await behind.active(signed(keyring, ahead_s=60))
    token = signed(keyring, ahead_s=10 * 365 * 86_400)
    assert not await behind.active(token)
    assert await behind.userinfo(token) == 401
    assert await behind.revoke(token)
