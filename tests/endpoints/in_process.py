"""An authorization server in the test's own process, without HTTP."""

from typing import Any

from keygrove.crypto.secrets import Digests
from keygrove.crypto.vault import Vault
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.signer import Signer
from keygrove.endpoints.usage import UsageBook
from keygrove.protocol.resource import Api
from keygrove.protocol.token import Policy
from keygrove.storage.database import Database

NOW = 1_700_000_000.9
API = Api(audience="https://api.example", scopes=frozenset({"booking.read"}))
DIGESTS = Digests(b"d" * 32)


def serving(database: Database, keyring: Any, *, api: Api = API, clock: float = NOW) -> AuthorizationServer:
    """An authorization server of one API."""
    policy = Policy("https://issuer.example", {api.audience: api})
    return AuthorizationServer(
        policy=policy,
        database=database,
        keyring=lambda: keyring,
        signer=Signer(),
        digests=DIGESTS,
        pushed=Vault(b"k" * 32),
        clock=lambda: clock,
        usage=UsageBook(),
        budget=FailureBudget(per_client=0, per_address=0),
    )
