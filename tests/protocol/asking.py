"""An app, and the authorization requests that it makes in these tests."""

from urllib.parse import quote

from keygrove.protocol.authorization import (
    AuthorizationRequest,
    check_authorization_request,
    read_authorization_request,
)
from keygrove.protocol.client import Client
from keygrove.protocol.message import Request
from keygrove.protocol.resource import Api
from keygrove.protocol.scope import Scope
from keygrove.protocol.token import Policy

AUDIENCE = "https://api.example"
CALLBACK = "https://app.example/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
POLICY = Policy(
    "https://issuer.example",
    {AUDIENCE: Api(audience=AUDIENCE, scopes=frozenset({"booking.read", "booking.write", "event.read"}))},
)
APP = Client(
    client_id="app",
    secret_digest="a" * 64,
    grant_types=frozenset({"authorization_code", "refresh_token"}),
    scope=Scope(("booking.read", "booking.write", "profile")),
    audience=AUDIENCE,
    company_id="0" * 32,
    enabled=True,
    redirect_uris=(CALLBACK,),
)
GOOD = {
    "client_id": "app",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid booking.read",
    "state": "s1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def query(changes: dict[str, str | None], more: str = "") -> bytes:
    """A good request's query, changed; None takes a parameter out."""
    merged = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return ("&".join(f"{name}={quote(value, safe='')}" for name, value in merged.items()) + more).encode()


def ask(client: Client | None = APP, more: str = "", /, **changes: str | None) -> AuthorizationRequest:
    """Make a request by GET and check it."""
    request = Request(method="GET", path="/oauth2/auth", headers=(), query=query(changes, more))
    return check_authorization_request(read_authorization_request(request), client, POLICY)
