"""What a client is, in the words of RFC 7591 §2."""

from dataclasses import dataclass
from typing import Literal

from keygrove.protocol.scope import NO_SCOPE, OFFLINE, OPENID, PERSON, Scope

ApplicationType = Literal["web", "native"]
# The `token_endpoint_auth_method` of public clients, and of those that sign (RFC 7591 §2, OIDC Core §9).
PUBLIC, SIGNED = "none", "private_key_jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client: a key that acts for its own company, or an app that people connect to theirs.

    `secret_digest` is a keyed digest of its secret, never the secret; a public client (RFC 6749
    §2.1) has none, and the field is empty. `audience` is the API its tokens are for. `company_id`
    is the company it belongs to. `enabled` is false when the client was removed or its company is
    suspended, or the app itself is. `require_pkce` can be switched off for a confidential client only.
    An app that is not reviewed yet is `restricted_to` the company whose it is. `optional_scope` is what
    it may ask for besides `scope`, and gets only when it does. `jwks` is a JSON Web Key Set in text, whose
    keys prove a client of `private_key_jwt`.
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
    token_endpoint_auth_method: str | None = None
    jwks: str | None = None
    backchannel_logout_uri: str | None = None
    optional_scope: Scope = NO_SCOPE
    restricted_to: str | None = None

    def granted(self, offered: frozenset[str]) -> frozenset[str]:
        """The scopes it may ask for: its own that the API still offers, and `openid`."""
        return frozenset(self.scope.tokens + self.optional_scope.tokens) & offered | {OPENID}

    def may_ask_person(self, offered: frozenset[str]) -> frozenset[str]:
        """The scopes it may ask a person for: those, what it may know of the person, and a refresh token.

        Both spellings of `offline` are open to every client that may use refresh tokens.
        """
        offline = OFFLINE if "refresh_token" in self.grant_types else frozenset()
        return self.granted(offered | PERSON) | offline

    def may_serve(self, company_id: str) -> bool:
        """Whether it may act for that company: an app that is not reviewed may for its own only."""
        return self.restricted_to in (None, company_id)

    @property
    def must_use_pkce(self) -> bool:
        """Whether its authorization requests need a code challenge (RFC 9700 §2.1.1)."""
        return self.public or self.require_pkce
