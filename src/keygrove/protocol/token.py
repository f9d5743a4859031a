"""The token endpoint's rules: the phases that every grant goes through (RFC 6749 §3.2, §5).

    parse_token_request     the request alone: form, grant type, credentials, scope, target
    decide                  with the facts: who, may it use this grant, which API, which scope
    answer                  the JSON of RFC 6749 §5.1, OIDC Core §3.1.3.3

A grant adds only what is its own (see `grants/`) and cannot leave out a shared step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keygrove.protocol.authorization_grant import REFUSED, Refuse, Standing
from keygrove.protocol.claims import AccessToken, IdToken
from keygrove.protocol.client import Client
from keygrove.protocol.client_authentication import (
    AuthenticatedClient,
    Credentials,
    authenticate_client,
    read_credentials,
)
from keygrove.protocol.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from keygrove.protocol.grants import GRANTS
from keygrove.protocol.grants.authorization_code import (
    AuthorizationCode,
    CodeRequest,
    Redeem,
    redeem_code,
)
from keygrove.protocol.grants.client_credentials import ClientCredentials
from keygrove.protocol.grants.refresh_token import (
    RefreshPolicy,
    RefreshRequest,
    RefreshToken,
    Repeat,
    Rotate,
    refresh,
)
from keygrove.protocol.message import Request, read_form
from keygrove.protocol.person import PersonClaims
from keygrove.protocol.resource import Api, choose_api, split_targets
from keygrove.protocol.scope import OPENID, Scope

MAY_REPEAT = frozenset({"resource"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A well-formed token request (RFC 6749 §4.1.3, §4.4.2, §6). An empty scope means: all that is granted.

    `presented` is the code or refresh token, and empty in a grant that presents nothing.
    """

    grant_type: str
    credentials: Credentials
    scope: Scope
    targets: tuple[str, ...]
    presented: str = field(default="", repr=False)
    redirect_uri: str | None = None
    code_verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided: the issuer, the APIs by audience, the lives of refresh tokens."""

    issuer: str
    apis: Mapping[str, Api]
    refresh: RefreshPolicy = field(default_factory=RefreshPolicy)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows about a request: the client named, the digest of the secret presented.

    `found` is what the code or refresh token stands for, and `person` who granted it. `signed_with` is the
    client's key set with which the assertion presented is signed, if one is.
    """

    client: Client | None
    secret_digest: str = field(repr=False)
    found: tuple[AuthorizationCode | RefreshToken, Standing] | None = None
    person: PersonClaims | None = None
    signed_with: str | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """The decision to issue a token, how its header is marked (`typ`), and how it is signed (`alg`).

    `spend` is what must be committed first; None when nothing was presented. With it comes a refresh token
    of its next generation, unless that is 0, and an ID token.
    """

    access_token: AccessToken
    token_type: str
    signing_algorithm: str
    spend: Redeem | Rotate | Repeat | None = None
    id_token: IdToken | None = None


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
    presents = GRANTS[grant_type]
    presented = "" if presents is None else parameters.one(presents)
    if presented is None:
        raise InvalidRequest(f"{presents} is missing.")
    return TokenRequest(
        grant_type=grant_type,
        credentials=read_credentials(request, parameters),
        scope=Scope.parse(parameters.one("scope") or ""),
        targets=split_targets(parameters.one("audience"), parameters.every("resource")),
        presented=presented,
        redirect_uri=parameters.one("redirect_uri"),
        code_verifier=parameters.one("code_verifier"),
    )


def decide(asked: TokenRequest, facts: Facts, policy: Policy, *, now: int, jti: str) -> Issue | Refuse:
    """Decide on a token request. `now` is in epoch seconds, `jti` a fresh random id.

    Raises InvalidClient, UnauthorizedClient, InvalidGrant, InvalidTarget, InvalidScope.
    """
    authenticated = authenticate_client(
        asked.credentials, facts.client, facts.secret_digest, signed_with=facts.signed_with
    )
    check_grant_type(asked.grant_type, authenticated)
    if asked.grant_type == ClientCredentials.name:
        return _act_for_itself(asked, authenticated.client, policy, now=now, jti=jti)
    spend = _spend(asked, authenticated, facts, policy, now=now)
    if isinstance(spend, Refuse):
        return spend
    return _act_for_person(spend, facts, policy, now=now, jti=jti)


def _act_for_itself(asked: TokenRequest, client: Client, policy: Policy, *, now: int, jti: str) -> Issue:
    """RFC 6749 §4.4."""
    api = choose_api(asked.targets, client.audience, policy.apis)
    granted = client.granted(api.scopes) - ClientCredentials.unusable_scopes
    scope = choose_scope(asked.scope, client, api, granted)
    token = AccessToken(
        issuer=policy.issuer,
        subject=ClientCredentials.subject(client),
        audience=api.audience,
        client_id=client.client_id,
        company_id=client.company_id,
        scope=scope,
        issued_at=now,
        expires_at=now + api.lifetime_s,
        token_id=jti,
    )
    return Issue(token, api.token_type, api.signing_algorithm)


def _spend(
    asked: TokenRequest, authenticated: AuthenticatedClient, facts: Facts, policy: Policy, *, now: int
) -> Redeem | Rotate | Repeat | Refuse:
    """What becomes of the code or refresh token that is presented."""
    if facts.found is None:
        raise InvalidGrant(REFUSED, detail=f"unknown {GRANTS[asked.grant_type]}")
    presented, standing = facts.found
    if isinstance(presented, AuthorizationCode):
        code_request = CodeRequest(asked.redirect_uri, asked.code_verifier, asked.targets)
        return redeem_code(code_request, authenticated, (presented, standing), policy.apis, now=now)
    refresh_request = RefreshRequest(asked.scope, asked.targets)
    found = (presented, standing)
    return refresh(refresh_request, authenticated, found, policy.apis, policy.refresh, now=now)


def _act_for_person(
    spend: Redeem | Rotate | Repeat, facts: Facts, policy: Policy, *, now: int, jti: str
) -> Issue:
    """RFC 6749 §4.1.4, §6; with the scope `openid` there is an ID token (OIDC Core §3.1.3.3, §12.2)."""
    grant, person = spend.grant, facts.person
    if facts.found is None or person is None:
        raise InvalidGrant(REFUSED, detail="the person is gone")
    api = policy.apis[grant.audience]
    token = AccessToken.of_grant(grant, spend.scope, api, issuer=policy.issuer, now=now, jti=jti)
    id_token = None
    if OPENID in spend.scope.tokens:
        renewed = not isinstance(spend, Redeem)
        id_token = IdToken.of_grant(
            grant, facts.found[1], person, issuer=policy.issuer, now=now, renewed=renewed
        )
    return Issue(token, api.token_type, api.signing_algorithm, spend, id_token)


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


def answer(
    issue: Issue, signed: str, *, now: float, id_token: str = "", refresh_token: str = ""
) -> dict[str, str | int]:
    """The members of a success, in the reference's order (RFC 6749 §5.1, OIDC Core §3.1.3.3).

    `expires_in` is what is left of the token's life at `now`, in whole seconds, rounded down.
    An empty `id_token` or `refresh_token` is left out.
    """
    token = issue.access_token
    members: dict[str, str | int] = {
        "access_token": signed,
        "expires_in": max(0, int(token.expires_at - now)),
    }
    if id_token:
        members["id_token"] = id_token
    if refresh_token:
        members["refresh_token"] = refresh_token
    return members | {"scope": str(token.scope), "token_type": "bearer"}
