"""The token endpoint's rules: the phases that every grant goes through (RFC 6749 §3.2, §5).

    parse_token_request     the request alone: form, grant type, credentials, scope, target
    decide                  with the facts: who, may it use this grant, which API, which scope
    answer                  the JSON of RFC 6749 §5.1

A grant adds only what is its own (see `grants/`) and cannot leave out a shared step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.client_authentication import (
    AuthenticatedClient,
    Credentials,
    authenticate_client,
    read_credentials,
)
from keygrove.protocol.errors import InvalidRequest, InvalidScope, UnauthorizedClient, UnsupportedGrantType
from keygrove.protocol.grants import GRANTS
from keygrove.protocol.grants.client_credentials import ClientCredentials
from keygrove.protocol.message import Request, read_form
from keygrove.protocol.resource import Api, choose_api, split_targets
from keygrove.protocol.scope import Scope

MAY_REPEAT = frozenset({"resource"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A well-formed token request (RFC 6749 §4.4.2). An empty scope means: all that is granted."""

    grant_type: str
    credentials: Credentials
    scope: Scope
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided: the issuer and the APIs, by audience."""

    issuer: str
    apis: Mapping[str, Api]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows about a request: the client named, the digest of the secret presented."""

    client: Client | None
    secret_digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issue:
    """The decision to issue a token, how its header is marked (`typ`), and how it is signed (`alg`)."""

    access_token: AccessToken
    token_type: str
    signing_algorithm: str


def parse_token_request(request: Request) -> TokenRequest:
    """Read a token request. Raises InvalidRequest, UnsupportedGrantType, InvalidClient, InvalidScope."""
    parameters = read_form(request)
    parameters.refuse_repeats(except_for=MAY_REPEAT)
    grant_type = parameters.one("grant_type")
    if grant_type is None:
        raise InvalidRequest("grant_type is missing.")
    if grant_type not in GRANTS:
        raise UnsupportedGrantType(
            "This grant type is not supported.", detail=f"asked for {grant_type[:60]!r}"
        )
    return TokenRequest(
        grant_type=grant_type,
        credentials=read_credentials(request, parameters),
        scope=Scope.parse(parameters.one("scope") or ""),
        targets=split_targets(parameters.one("audience"), parameters.every("resource")),
    )


def decide(asked: TokenRequest, facts: Facts, policy: Policy, *, now: int, jti: str) -> Issue:
    """Decide on a token request. `now` is in epoch seconds, `jti` a fresh random id.

    Raises InvalidClient, UnauthorizedClient, InvalidTarget, InvalidScope.
    """
    authenticated = authenticate_client(asked.credentials, facts.client, facts.secret_digest)
    check_grant_type(asked.grant_type, authenticated)
    client = authenticated.client
    api = choose_api(asked.targets, client.audience, policy.apis)
    grant = GRANTS[asked.grant_type]
    scope = choose_scope(asked.scope, client, api, client.granted(api.scopes) - grant.unusable_scopes)
    token = AccessToken(
        issuer=policy.issuer,
        subject=grant.subject(client),
        audience=api.audience,
        client_id=client.client_id,
        company_id=client.company_id,
        scope=scope,
        issued_at=now,
        expires_at=now + api.lifetime_s,
        token_id=jti,
    )
    return Issue(token, api.token_type, api.signing_algorithm)


def check_grant_type(grant_type: str, authenticated: AuthenticatedClient) -> None:
    """Raise UnauthorizedClient when the client may not use the grant type (RFC 6749 §5.2).

    A public client never acts for itself (RFC 6749 §4.4).
    """
    client = authenticated.client
    if grant_type not in client.grant_types or (client.public and grant_type == ClientCredentials.name):
        raise UnauthorizedClient("This client may not use this grant type.")


def choose_scope(asked: Scope, client: Client, api: Api, granted: frozenset[str]) -> Scope:
    """The scope a token gets: exactly what was asked for, or all that the client has at the API.

    Nothing is ever narrowed in silence: a client that asks for one scope too many gets none.
    Raises InvalidScope naming the first scope that is not granted, and when none is asked for
    and none is left to give (RFC 6749 §3.3).
    """
    if asked:
        asked.require_within(granted)
        return asked
    every = client.scope.within(api.scopes)
    if not every:
        raise InvalidScope("The API offers none of this client's scopes any more.")
    return every


def answer(issue: Issue, signed: str, *, now: float) -> dict[str, str | int]:
    """The members of a success, in the reference's order (RFC 6749 §5.1).

    `expires_in` is what is left of the token's life at `now`, in whole seconds, rounded down.
    """
    token = issue.access_token
    return {
        "access_token": signed,
        "expires_in": max(0, int(token.expires_at - now)),
        "scope": str(token.scope),
        "token_type": "bearer",
    }
