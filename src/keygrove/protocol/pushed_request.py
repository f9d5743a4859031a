"""Pushed authorization requests (RFC 9126): what a client sends ahead, and the name it gets for it."""

from dataclasses import dataclass, field

from keygrove.protocol.authorization import (
    ClaimedRequest,
    ErrorPage,
    ErrorRedirect,
    check_authorization_request,
)
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidRedirectUri, InvalidRequest
from keygrove.protocol.message import Parameters, decode_form
from keygrove.protocol.response_mode import encode
from keygrove.protocol.token import Policy

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
LIFETIME_S = 90
# The name holds the request, and must fit in a URL.
MAX_BYTES = 6 * 1024
# What proves the client at the endpoint is no part of the request (RFC 9126 §2.1).
_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type", "client_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRequest:
    """A request that a client pushed. `parameters` are still encoded; `made_at_s` is in epoch seconds.

    `id` is random: what comes of the request comes of it once.
    """

    id: str
    parameters: bytes = field(repr=False)
    made_at_s: int


def check_pushed_request(
    authenticated: AuthenticatedClient, parameters: Parameters, body: bytes, policy: Policy
) -> bytes:
    """The request to keep, encoded, once everything in it that the client can know of is right (§2.1).

    Raises the OAuthErrors that the authorization endpoint would tell.
    """
    client = authenticated.client
    if parameters.one("request_uri") is not None:
        raise InvalidRequest("A pushed request has no request_uri.")
    try:
        check_authorization_request(ClaimedRequest(client.client_id, parameters), client, policy)
    except (ErrorPage, ErrorRedirect) as refused:
        error = refused.error
        if isinstance(error, InvalidRedirectUri):
            # That code is one of registration (RFC 9126 §2.3 knows those of RFC 6749 only).
            raise InvalidRequest(error.description, detail=error.detail) from None
        raise error from None
    pairs = [pair for pair in decode_form(body) if pair[0] not in _CREDENTIALS]
    kept = "&".join(encode({name: value}) for name, value in (("client_id", client.client_id), *pairs))
    if len(kept) > MAX_BYTES:
        raise InvalidRequest(f"A pushed request has at most {MAX_BYTES} bytes.")
    return kept.encode()


def is_current(pushed: PushedRequest, *, now: int) -> bool:
    """Whether the browser came in time; a clock that is a minute behind ours is forgiven."""
    return -60 <= now - pushed.made_at_s < LIFETIME_S
