"""A grant as a person made it, and what is true of it, for the tests of what comes of it."""

from dataclasses import replace

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.person import PersonClaims
from keygrove.protocol.scope import Scope
from protocol.asking import APP, AUDIENCE, POLICY

NOW = 1_700_000_000
APIS = POLICY.apis
SCOPE = Scope(("openid", "booking.read", "booking.write", "offline"))
GRANT = AuthorizationGrant(
    grant_id="g1",
    client_id="app",
    subject="ana",
    company_id="acme",
    audience=AUDIENCE,
    scope=SCOPE,
    auth_time=NOW - 100,
    amr=("pwd",),
    acr=None,
    session_id="sid1",
    nonce="n1",
    id_token_claims=frozenset({"name", "email", "email_verified"}),
)
ANA = PersonClaims(
    subject="ana",
    name="Ana",
    email="ana@example.com",
    email_verified=False,
    updated_at=1_600_000_000,
)
STANDS = Standing(revoked=False, person_enabled=True, may_grant=True, allowed=frozenset(SCOPE.tokens))
# What the reason says, and what is true of the grant then.
NO_MORE = {
    "revoked": replace(STANDS, revoked=True),
    "disabled": replace(STANDS, person_enabled=False),
    "may not grant": replace(STANDS, may_grant=False),
    "withdrawn": replace(STANDS, allowed=frozenset()),
    "password": replace(STANDS, password_changed_at=NOW - 99),
}
PROVED = AuthenticatedClient(APP)
