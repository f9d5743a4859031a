"""The authorization request, read in two stages (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

    read_authorization_request     who it says it is from; any fault is an ErrorPage
    check_authorization_request    with the client: an ErrorPage until client and redirect URI are
                                   trusted, an ErrorRedirect from then on (RFC 6749 §4.1.2.1)

What comes next is decided in `consent.py`, and sent as `response_mode.py` says.
"""

import re
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from keygrove.protocol.claims_request import ClaimsRequest, parse_claims_request
from keygrove.protocol.client import Client
from keygrove.protocol.errors import (
    InvalidRequest,
    OAuthError,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from keygrove.protocol.message import Parameters, Request, read_query_or_form
from keygrove.protocol.pkce import check_challenge
from keygrove.protocol.redirect import RedirectUri, trust_redirect_uri
from keygrove.protocol.resource import Api, choose_api, split_targets
from keygrove.protocol.response_mode import RESPONSE_MODES, ReturnAddress
from keygrove.protocol.scope import OPENID, Scope
from keygrove.protocol.token import MAY_REPEAT, Policy, choose_scope

Prompt = Literal["none", "login", "consent", "select_account"]
PROMPTS: tuple[Prompt, ...] = get_args(Prompt)
RESPONSE_TYPE = "code"
GRANT_TYPE = "authorization_code"
MAX_STATE_BYTES = 8192
MAX_NONCE_BYTES = 1024
_MAX_HINT_CHARACTERS = 320
_MAX_LISTED = 10
_SECONDS = re.compile(r"[0-9]{1,9}")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}")


class ErrorPage(Exception):
    """A fault that is told to the person, on a page of ours: there is nobody else to be trusted with it."""

    def __init__(self, error: OAuthError) -> None:
        self.error = error
        super().__init__(str(error))


class ErrorRedirect(Exception):
    """A fault that is told to the client, at its own redirect URI."""

    def __init__(self, error: OAuthError, back: ReturnAddress) -> None:
        self.error = error
        self.back = back
        super().__init__(str(error))


@dataclass(frozen=True, slots=True)
class ClaimedRequest:
    """An authorization request before anything in it is believed: the client it names, and the rest."""

    client_id: str
    parameters: Parameters = field(repr=False)

    @property
    def is_silent(self) -> bool:
        """Whether no page may be shown: `prompt=none` and nothing else (OIDC Core §3.1.2.1)."""
        return _alone(self.parameters, "prompt") == "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A well-formed authorization request of a client that may make it.

    `scope` is never empty. `max_age_s` is in seconds. `id_token_hint` is not verified yet.
    `code_challenge` is of S256; None when this client need not send one and did not.
    """

    client: Client
    back: ReturnAddress
    api: Api
    scope: Scope
    code_challenge: str | None
    nonce: str | None
    prompt: frozenset[Prompt]
    max_age_s: int | None
    login_hint: str | None
    id_token_hint: str | None = field(repr=False)
    ui_locales: tuple[str, ...]
    acr_values: tuple[str, ...]
    claims: ClaimsRequest

    @property
    def is_silent(self) -> bool:
        """Whether no page may be shown: `prompt=none`."""
        return "none" in self.prompt

    def to_be_allowed(self) -> Scope:
        """All that a person must allow: the scope, and what covers the claims asked for by name."""
        return Scope.of((*self.scope.tokens, *sorted(self.claims.scopes())))


def read_authorization_request(request: Request) -> ClaimedRequest:
    """Read the parameters, and which client they are said to come from. Raises ErrorPage."""
    try:
        parameters = read_query_or_form(request)
        client_id = parameters.one("client_id")
        if client_id is None:
            raise InvalidRequest("client_id is missing.")
        return ClaimedRequest(client_id, parameters)
    except OAuthError as error:
        raise ErrorPage(error) from None


def check_authorization_request(
    claimed: ClaimedRequest, client: Client | None, policy: Policy
) -> AuthorizationRequest:
    """Check the request against the client that it names. Raises ErrorPage, then ErrorRedirect."""
    try:
        client, redirect_uri = _trust(claimed, client)
    except OAuthError as error:
        raise ErrorPage(error) from None
    back = _return_address(claimed.parameters, redirect_uri)
    try:
        return _check(claimed.parameters, client, back, policy)
    except OAuthError as error:
        raise ErrorRedirect(error, back) from None


def _trust(claimed: ClaimedRequest, client: Client | None) -> tuple[Client, RedirectUri]:
    if client is None or not client.enabled:
        reason = "unknown client" if client is None else "client is removed or its company is suspended"
        raise InvalidRequest("The app that sent you here is not known.", detail=reason)
    return client, trust_redirect_uri(claimed.parameters.one("redirect_uri"), client)


def _return_address(parameters: Parameters, redirect_uri: RedirectUri) -> ReturnAddress:
    """Where even a faulty request is answered: what is faulty about the way back is left out."""
    mode, state = _alone(parameters, "response_mode"), _alone(parameters, "state")
    if state is not None and len(state.encode()) > MAX_STATE_BYTES:
        state = None
    known = mode if mode in RESPONSE_MODES else "query"
    return ReturnAddress(redirect_uri, known, state)


def _alone(parameters: Parameters, name: str) -> str | None:
    values = parameters.every(name)
    return values[0] if len(values) == 1 else None


def _check(
    parameters: Parameters, client: Client, back: ReturnAddress, policy: Policy
) -> AuthorizationRequest:
    """Every rule that may be answered at the redirect URI. Raises OAuthErrors."""
    parameters.refuse_repeats(except_for=MAY_REPEAT)
    _check_answerable(parameters, back)
    _refuse_unsupported(parameters)
    if GRANT_TYPE not in client.grant_types:
        raise UnauthorizedClient("This client may not use the authorization code grant.")
    challenge = check_challenge(
        parameters.one("code_challenge"),
        parameters.one("code_challenge_method"),
        required=client.must_use_pkce,
    )
    targets = split_targets(parameters.one("audience"), parameters.every("resource"))
    api = choose_api(targets, client.audience, policy.apis)
    may_ask = client.may_ask_person(api.scopes)
    scope = choose_scope(Scope.parse(parameters.one("scope") or ""), client, api, may_ask)
    claims = parse_claims_request(parameters.one("claims"))
    return AuthorizationRequest(
        client=client,
        back=back,
        api=api,
        scope=scope,
        code_challenge=challenge,
        nonce=_nonce(parameters.one("nonce")),
        prompt=_prompt(parameters.one("prompt")),
        max_age_s=_max_age(parameters.one("max_age")),
        login_hint=_bounded(parameters.one("login_hint"), _MAX_HINT_CHARACTERS),
        id_token_hint=parameters.one("id_token_hint"),
        ui_locales=_languages(parameters.one("ui_locales")),
        acr_values=tuple((parameters.one("acr_values") or "").split()[:_MAX_LISTED]),
        claims=claims.within(may_ask) if OPENID in scope.tokens else ClaimsRequest(),
    )


def _check_answerable(parameters: Parameters, back: ReturnAddress) -> None:
    """The way back as it was asked for is the way back as it was understood."""
    if parameters.one("response_mode") not in (None, back.response_mode):
        raise InvalidRequest("response_mode must be query, fragment or form_post.")
    if parameters.one("state") != back.state:
        raise InvalidRequest(f"state is longer than {MAX_STATE_BYTES} bytes.")


def _refuse_unsupported(parameters: Parameters) -> None:
    if parameters.one("request") is not None:
        raise RequestNotSupported("Request objects are not supported.")
    if parameters.one("request_uri") is not None:
        raise RequestUriNotSupported("Request objects are not supported.")
    if parameters.one("registration") is not None:
        raise RegistrationNotSupported("The registration parameter is not supported.")
    if parameters.one("response_type") != RESPONSE_TYPE:
        raise UnsupportedResponseType("response_type must be code.")


def _nonce(text: str | None) -> str | None:
    if text is not None and len(text.encode()) > MAX_NONCE_BYTES:
        raise InvalidRequest(f"nonce is longer than {MAX_NONCE_BYTES} bytes.")
    return text


def _prompt(text: str | None) -> frozenset[Prompt]:
    asked = frozenset((text or "").split(" ")) - {""}
    if not asked <= frozenset(PROMPTS):
        raise InvalidRequest("prompt has a value that is not known.")
    if "none" in asked and len(asked) > 1:
        raise InvalidRequest("prompt=none stands alone.")
    return cast("frozenset[Prompt]", asked)


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise InvalidRequest("max_age is not a number of seconds.")
    return int(text)


def _bounded(text: str | None, limit: int) -> str | None:
    """A hint that is too long to be one is no hint."""
    return text if text is not None and len(text) <= limit else None


def _languages(text: str | None) -> tuple[str, ...]:
    """Language tags in order of preference; what is no tag is left out, for it is a wish only."""
    return tuple(tag for tag in (text or "").split()[:_MAX_LISTED] if _LANGUAGE.fullmatch(tag))
