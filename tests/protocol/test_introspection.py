"""What an API may know of a token: RFC 7662 §2.2."""

from collections.abc import Mapping
from dataclasses import replace

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.introspection import introspect
from keygrove.protocol.scope import Scope
from protocol.asking import APP, AUDIENCE
from protocol.granting import APIS, GRANT, NO_MORE, NOW, SCOPE, STANDS

API = APIS[AUDIENCE]
OFF = {"active": False}
PERSONS = AccessToken.of_grant(GRANT, SCOPE, API, issuer="https://issuer.example", now=NOW, jti="j1")
KEYS = replace(PERSONS, subject="app", scope=Scope(("booking.read", "booking.write")), grant_id="")


def ask(
    token: AccessToken | None = PERSONS,
    *,
    client: Client | None = APP,
    found: tuple[AuthorizationGrant, Standing] | None = (GRANT, STANDS),
    now: int = NOW + 3599,
) -> Mapping[str, object]:
    """Ask for the API, in the token's last second."""
    return introspect(token, API, client, found, now=now)


def test_an_active_token_is_told_of() -> None:
    """With the members of RFC 7662 §2.2 and our own claims, for a person's and a key's."""
    assert ask() == {
        "active": True, "token_type": "bearer", "scope": str(SCOPE), "client_id": "app", "sub": "ana",
        "aud": AUDIENCE, "iss": "https://issuer.example", "jti": "j1", "iat": NOW, "exp": NOW + 3600,
        "company_id": "acme", "grant_id": "g1",
    }  # fmt: skip
    assert ask(KEYS, found=None)["scope"] == "booking.read booking.write"


def test_r14_of_every_other_token_nothing_is_told() -> None:
    """Garbage, another API's, expired; of a client that is gone; of a grant that does not stand."""
    assert ask(None) == OFF
    assert introspect(PERSONS, None, APP, (GRANT, STANDS), now=NOW) == OFF
    assert ask(replace(PERSONS, audience="https://other.example")) == OFF
    assert ask(now=NOW + 3600) == OFF
    for token in (PERSONS, KEYS):
        for client in (None, replace(APP, enabled=False), replace(APP, client_id="other")):
            assert ask(token, client=client) == OFF
    assert ask(client=replace(APP, restricted_to="other")) == OFF
    for found in (
        None,
        (replace(GRANT, grant_id="g2"), STANDS),
        *((GRANT, gone) for gone in NO_MORE.values()),
    ):
        assert ask(found=found) == OFF


def test_s15_a_scope_that_was_taken_away_is_not_told() -> None:
    """From the person's consent, from the key, and all of it."""
    narrowed = replace(STANDS, allowed=frozenset({"booking.read", "offline_access"}))
    assert ask(found=(GRANT, narrowed))["scope"] == "booking.read offline"
    assert ask(KEYS, client=replace(APP, scope=Scope(("booking.write",))))["scope"] == "booking.write"
    assert ask(KEYS, client=replace(APP, scope=Scope())) == OFF
