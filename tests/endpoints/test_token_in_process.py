"""The token endpoint without HTTP: what it asks of database and keys, and how our own failures look."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from endpoints.in_process import API, DIGESTS, serving
from hostile_rules import assert_silent
from keygrove.crypto.jose import Keyring, SigningKey
from keygrove.crypto.secrets import new_client_id, new_client_secret
from keygrove.endpoints.token import token
from keygrove.protocol.message import Request, Response
from keygrove.protocol.scope import Scope
from keygrove.storage import clients, companies
from keygrove.storage.clients import ClientListing
from keygrove.storage.companies import Company
from keygrove.storage.database import Database, DatabaseUnavailable
from stores import Store

SECRET = "kg_sk_a-secret"
CLIENT = ClientListing(
    client_id="c1",
    client_name="Newsletter",
    scope=Scope(("booking.read",)),
    audience=API.audience,
    company_id="o1",
    created_at_s=0,
    created_by="Ana",
    updated_at_s=0,
)
pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(store: Store, anyio_backend: str) -> AsyncIterator[Database]:
    """A database that knows one client."""
    opened = await store.open()
    async with opened.transaction() as tx:
        await companies.insert(tx, Company(id="o1", slug="acme", name="Acme", created_at_s=0))
        digest = DIGESTS.of("client_secret", SECRET)
        await clients.insert(
            tx, CLIENT, name_key="newsletter", secret_digest=digest, grant_types="client_credentials"
        )
    yield opened
    await opened.close()


def failing(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Let the look-up of a client fail."""

    async def by_id(*_: object) -> None:
        raise failure

    monkeypatch.setattr("keygrove.storage.clients.by_id", by_id)


@dataclass(frozen=True, slots=True)
class CountingKeyring:
    """A keyring that notes what it signs."""

    keyring: Keyring
    signed: list[str] = field(default_factory=list)

    def sign(self, claims: bytes, typ: str, *, algorithm: str, now: int) -> str:
        """Sign."""
        self.signed.append(typ)
        return self.keyring.sign(claims, typ, algorithm=algorithm, now=now)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    """One key for all of these tests."""
    return Keyring((SigningKey.generate(now=0), SigningKey.generate(now=0, algorithm="ES256")))


def asking(secret: str = SECRET, client_id: str = "c1") -> Request:
    """A token request."""
    body = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}".encode()
    headers = (("content-type", "application/x-www-form-urlencoded"),)
    return Request(method="POST", path="/oauth2/token", headers=headers, body=body, request_id="r1")


def error_of(response: Response) -> str:
    """The error code of an answer."""
    return str(json.loads(response.body)["error"])


async def test_a_token_costs_one_read_and_one_signature(
    database: Database, keyring: Keyring, seen: list[str]
) -> None:
    """And no write."""
    counting = CountingKeyring(keyring)
    response = await token(serving(database, counting), asking())
    assert response.status == 200
    assert json.loads(response.body)["expires_in"] == 3599
    assert seen == ["select"]
    assert counting.signed == ["at+jwt"]


@pytest.mark.parametrize("request_", [asking(secret="wrong"), asking(client_id="c2")])
async def test_d06_bad_credentials_cost_no_signature(
    database: Database, keyring: Keyring, request_: Request, seen: list[str]
) -> None:
    """One read, one fast digest, and that is all."""
    counting = CountingKeyring(keyring)
    response = await token(serving(database, counting), request_)
    assert (response.status, error_of(response)) == (401, "invalid_client")
    assert seen == ["select"]
    assert counting.signed == []


async def test_a_malformed_request_reaches_no_database(
    database: Database, keyring: Keyring, seen: list[str]
) -> None:
    """It is refused before anything is looked up."""
    response = await token(serving(database, keyring), replace(asking(), body=b"%zz"))
    assert response.status == 400
    assert seen == []


async def test_an_api_may_mark_its_tokens_as_plain_jwt(database: Database, keyring: Keyring) -> None:
    """For verifiers that know no other `typ`."""
    counting = CountingKeyring(keyring)
    response = await token(serving(database, counting, api=replace(API, token_type="JWT")), asking())
    assert response.status == 200
    assert counting.signed == ["JWT"]


async def test_an_unavailable_database_is_temporarily_unavailable(
    database: Database,
    keyring: Keyring,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """503 with Retry-After; the cause is in the log, not in the answer."""
    failing(monkeypatch, DatabaseUnavailable("disk I/O error"))
    response = await token(serving(database, keyring), asking())
    assert (response.status, error_of(response)) == (503, "temporarily_unavailable")
    assert dict(response.headers)["retry-after"] == "1"
    assert dict(response.headers)["cache-control"] == "no-store"
    assert b"disk" not in response.body
    (record,) = caplog.records
    assert (record.levelno, vars(record)["reason"]) == (logging.WARNING, "disk I/O error")


async def test_a_bug_of_ours_is_a_bare_server_error(
    database: Database,
    keyring: Keyring,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has all of it, the answer nothing."""
    failing(monkeypatch, RuntimeError("a bug"))
    response = await token(serving(database, keyring), asking())
    assert (response.status, error_of(response)) == (500, "server_error")
    assert b"bug" not in response.body
    (record,) = caplog.records
    assert record.exc_info is not None
    assert SECRET not in caplog.text


async def test_the_reason_of_a_refusal_is_for_the_log(
    database: Database, keyring: Keyring, caplog: pytest.LogCaptureFixture
) -> None:
    """Who, which error and why; never the secret."""
    caplog.set_level(logging.DEBUG, logger="keygrove.token")
    await token(serving(database, keyring), asking(secret="kg_sk_wrong"))
    await token(serving(database, keyring), asking())
    refused, issued = (vars(record) for record in caplog.records)
    assert (refused["reason"], refused["error"]) == (
        "wrong secret; the client_secret is cut off or mistyped",
        "invalid_client",
    )
    assert (refused["client_id"], issued["client_id"], issued["company"]) == ("c1", "c1", "o1")
    assert_silent(f"{refused}{issued}", ("kg_sk_",))


async def test_the_log_tells_a_cut_off_credential_from_another_one(
    database: Database, keyring: Keyring, caplog: pytest.LogCaptureFixture
) -> None:
    """By its checksum: whoever helps a customer sees whether it was copied badly."""
    caplog.set_level(logging.INFO, logger="keygrove.token")
    client_id, secret = new_client_id(), new_client_secret().reveal()
    for request in (
        asking(client_id=client_id),
        asking(client_id=client_id[:-1]),
        asking(secret=secret),
        asking(secret=secret[:-1]),
    ):
        await token(serving(database, keyring), request)
    assert [vars(record)["reason"] for record in caplog.records] == [
        "unknown client",
        "unknown client; the client_id is cut off or mistyped",
        "wrong secret",
        "wrong secret; the client_secret is cut off or mistyped",
    ]
    assert "kg_sk_" not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("clock", [0.5, 2**31 + 0.5, 4_102_444_800.5])
async def test_no_year_is_special(database: Database, keyring: Keyring, clock: float) -> None:
    """1970, 2038 and 2100."""
    response = await token(serving(database, keyring, clock=clock), asking())
    assert json.loads(response.body)["expires_in"] == 3599
