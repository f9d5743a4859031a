"""What a client is, in the words of RFC 7591 §2."""

from dataclasses import dataclass
from typing import Literal

from keygrove.protocol.scope import OFFLINE, OPENID, PERSON, Scope

ApplicationType = Literal["web", "native"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client: a key that acts for its own company, or an app that people connect to theirs.

    `secret_digest` is a keyed digest of its secret, never the secret; a public client (RFC 6749
    §2.1) has none, and the field is empty. `audience` is the API its tokens are for. `company_id`
    is the company it belongs to. `enabled` is false when the client was removed or its company is
    suspended. `require_pkce` can be switched off for a confidential client only.
    """

    client_id: str
    secret_digest: str
    grant_types: frozenset[str]
    scope: Scope
    audience: str
    company_id: str
    enabled: bool
    public: bool = False
    application_type: ApplicationType = "web"
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    require_pkce: bool = True

    def granted(self, offered: frozenset[str]) -> frozenset[str]:
        """The scopes it may ask for: its own that the API still offers, and `openid`."""
        return frozenset(self.scope.tokens) & offered | {OPENID}

    def may_ask_person(self, offered: frozenset[str]) -> frozenset[str]:
        """The scopes it may ask a person for: those, what it may know of the person, and a refresh token.

        Both spellings of `offline` are open to every client that may use refresh tokens.
        """
        offline = OFFLINE if "refresh_token" in self.grant_types else frozenset()
        return self.granted(offered | PERSON) | offline

    @property
    def must_use_pkce(self) -> bool:
        """Whether its authorization requests need a code challenge (RFC 9700 §2.1.1)."""
        return self.public or self.require_pkce
