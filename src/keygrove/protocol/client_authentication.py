"""The credentials in a request, and whether they prove a client (RFC 6749 §2.3)."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from hmac import compare_digest

from keygrove.protocol.client import SIGNED, Client
from keygrove.protocol.client_assertion import ASSERTION_TYPE, claimed_client_id
from keygrove.protocol.errors import InvalidClient, InvalidRequest, OAuthError
from keygrove.protocol.message import Parameters, Request, decode_component

# What stands in for the digest of a client that does not exist, so that both comparisons cost the same.
_NO_DIGEST = "0" * 64
_BASIC = re.compile(r"basic +(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A claim to be a client, not yet proved. `by_header` tells which way it came.

    The secret is empty when none was sent, as public clients do (RFC 6749 §3.2.1).
    """

    client_id: str
    client_secret: str = field(repr=False)
    by_header: bool


@dataclass(frozen=True, slots=True)
class SignedCredentials(Credentials):
    """A claim that comes with an assertion, which the client has signed or has not (RFC 7523 §2.2)."""

    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A client that proved itself; made by `authenticate_client` only."""

    client: Client


def read_credentials(request: Request, parameters: Parameters) -> Credentials:
    """The client's credentials, from the `Authorization` header or from the body, never both.

    Raises InvalidRequest when they come both ways or not at all, InvalidClient when the header
    is malformed (RFC 6749 §2.3, §2.3.1).
    """
    authorization = request.header("authorization")
    client_id = parameters.one("client_id")
    client_secret = parameters.one("client_secret")
    assertion = parameters.one("client_assertion")
    if assertion is not None:
        if authorization is not None or client_secret is not None:
            raise InvalidRequest("Prove the client in one way only.")
        return _read_assertion(assertion, parameters.one("client_assertion_type"), client_id)
    if authorization is not None:
        if client_secret is not None:
            raise InvalidRequest(
                "Send the credentials in the Authorization header or in the body, not in both."
            )
        credentials = read_basic(authorization)
        if client_id is not None and client_id != credentials.client_id:
            raise InvalidRequest("client_id differs from the one in the Authorization header.")
        return credentials
    if client_id is None:
        raise InvalidRequest("The client's credentials are missing.")
    return Credentials(client_id, client_secret or "", by_header=False)


def _read_assertion(assertion: str, kind: str | None, client_id: str | None) -> SignedCredentials:
    """Read what RFC 7521 §4.2 names; a `client_id` beside it must be the same client."""
    if kind != ASSERTION_TYPE:
        raise InvalidRequest("client_assertion_type is not one that is supported.")
    claimed = claimed_client_id(assertion)
    if client_id is not None and client_id != claimed:
        raise InvalidRequest("client_id differs from the one in client_assertion.")
    return SignedCredentials(claimed, "", by_header=False, assertion=assertion)


def read_basic(authorization: str) -> Credentials:
    """Read HTTP Basic credentials, each part form-encoded (RFC 6749 §2.3.1, RFC 7617 §2).

    Raises InvalidRequest for another scheme, InvalidClient for malformed credentials.
    """
    if authorization[:5].lower() != "basic" or authorization[5:6] not in ("", " "):
        raise InvalidRequest("Use HTTP Basic, or send the credentials in the body.")
    match = _BASIC.fullmatch(authorization.rstrip(" "))
    try:
        if match is None:
            raise ValueError("no credentials after the scheme")
        text = base64.b64decode(match[1], validate=True).decode("utf-8")
        name, colon, password = text.partition(":")
        if not colon or not name or not password:
            raise ValueError("an id and a secret are needed")
        return Credentials(decode_component(name), decode_component(password), by_header=True)
    except (ValueError, binascii.Error, OAuthError) as error:
        raise InvalidClient(detail=f"malformed Basic credentials: {error}", challenge=True) from None


def authenticate_client(
    credentials: Credentials, client: Client | None, digest: str, *, signed_with: str | None = None
) -> AuthenticatedClient:
    """Prove that the credentials are the client's. `digest` is that of the secret presented.

    `signed_with` says that they are an assertion, not used before and signed with that key set, which must
    still be the client's. A public client has no secret, and must not send one (RFC 6749 §2.1, §2.3). One
    answer, in one time, for an unknown client, a wrong secret and a client that is switched off.
    Raises InvalidClient (RFC 6749 §5.2).
    """
    expected = client.secret_digest if client is not None and not client.public else _NO_DIGEST
    matches = compare_digest(digest.encode(), expected.encode())
    if client is None:
        reason = "unknown client"
    elif client.token_endpoint_auth_method == SIGNED:
        reason = _fault_of_assertion(signed_with, client)
    elif client.public:
        proof = credentials.client_secret or isinstance(credentials, SignedCredentials)
        reason = "a public client has no secret" if proof else ""
    elif not credentials.client_secret:
        reason = "no client_secret"
    else:
        reason = "" if matches else "wrong secret"
    if client is not None and not reason:
        if client.enabled:
            return AuthenticatedClient(client)
        reason = "client is removed or its company is suspended"
    raise InvalidClient(detail=reason, challenge=credentials.by_header)


def _fault_of_assertion(signed_with: str | None, client: Client) -> str:
    if signed_with is None:
        return "no client_assertion"
    return "" if signed_with == client.jwks else "client_assertion: its keys were replaced meanwhile"
