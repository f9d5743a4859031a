"""What a client is, in the words of RFC 7591 §2."""

from dataclasses import dataclass

from keygrove.protocol.scope import OPENID, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A confidential client that acts for one company.

    `secret_digest` is a keyed digest of its secret, never the secret. `audience` is the API its
    tokens are for. `enabled` is false when the client was removed or its company is suspended.
    """

    client_id: str
    secret_digest: str
    grant_types: frozenset[str]
    scope: Scope
    audience: str
    company_id: str
    enabled: bool

    def granted(self, offered: frozenset[str]) -> frozenset[str]:
        """The scopes it may ask for: its own that the API still offers, and `openid`."""
        return frozenset(self.scope.tokens) & offered | {OPENID}
