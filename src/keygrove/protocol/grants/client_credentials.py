"""The client credentials grant (RFC 6749 §4.4)."""

from typing import ClassVar

from keygrove.protocol.client import Client
from keygrove.protocol.scope import OFFLINE


class ClientCredentials:
    """A client acts for itself: it is the token's subject (RFC 9068 §2.2).

    There is no refresh token (RFC 6749 §4.4.3), so `offline` and `offline_access` are no scopes
    of this grant.
    """

    name: ClassVar[str] = "client_credentials"
    unusable_scopes: ClassVar[frozenset[str]] = OFFLINE

    @staticmethod
    def subject(client: Client) -> str:
        """The token's `sub`: the client itself (RFC 9068 §2.2)."""
        return client.client_id
