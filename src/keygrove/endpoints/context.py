"""What an endpoint is handed: the issuer's policy, its store, its keys, its clock and its books."""

from collections.abc import Callable
from dataclasses import dataclass

from keygrove.crypto.jose import Keyring
from keygrove.crypto.secrets import Digests
from keygrove.crypto.vault import Vault
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.signer import Signer
from keygrove.endpoints.usage import UsageBook
from keygrove.protocol.token import Policy
from keygrove.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationServer:
    """An authorization server (RFC 6749 §1.1). `clock` gives epoch seconds with their fraction.

    `keyring` gives the signing keys as last read from the database. `pushed` seals pushed authorization
    requests (RFC 9126).
    """

    policy: Policy
    database: Database
    keyring: Callable[[], Keyring]
    signer: Signer
    digests: Digests
    pushed: Vault
    clock: Callable[[], float]
    usage: UsageBook
    budget: FailureBudget
