"""Giving up a token: RFC 7009 §2.1, §2.2."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import AuthorizationGrant
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant, UnsupportedTokenType
from keygrove.protocol.revocation import revoke
from protocol.asking import APP, AUDIENCE, POLICY
from protocol.granting import GRANT, NOW, PROVED

TOKEN = AccessToken.of_grant(
    GRANT, GRANT.scope, POLICY.apis[AUDIENCE], issuer=POLICY.issuer, now=NOW, jti="j1"
)
OWN = replace(TOKEN, subject="app", grant_id="")
OTHER = AuthenticatedClient(replace(APP, client_id="other"))


def give_up(
    token: AccessToken | None,
    found: AuthorizationGrant | None = GRANT,
    *,
    client: AuthenticatedClient = PROVED,
    now: int = NOW + 3599,
) -> AuthorizationGrant | None:
    """Revoke a token."""
    return revoke(client, token, found, now=now)


def test_either_token_ends_its_grant() -> None:
    """A refresh token (then no access token is found), or an access token (§2.1)."""
    assert give_up(None) == GRANT
    assert give_up(TOKEN) == GRANT


def test_what_is_nothing_or_has_expired_ends_nothing() -> None:
    """And that is a success (§2.2)."""
    assert give_up(None, None) is None
    assert give_up(TOKEN, None) is None
    assert give_up(TOKEN, now=NOW + 3600) is None
    assert give_up(OWN, None, now=NOW + 3600) is None


def test_the_token_of_another_client_is_refused() -> None:
    """Nothing ends (§2.1)."""
    for token, found in ((None, GRANT), (TOKEN, GRANT), (OWN, None)):
        with pytest.raises(InvalidGrant):
            give_up(token, found, client=OTHER)


def test_an_app_in_review_again_may_give_up_what_it_may_not_use() -> None:
    """Less access harms nobody."""
    assert give_up(None, client=AuthenticatedClient(replace(APP, restricted_to="other"))) == GRANT


def test_a_client_s_own_access_token_cannot_be_revoked() -> None:
    """It is told so, rather than that it worked (§2.2.1)."""
    with pytest.raises(UnsupportedTokenType):
        give_up(OWN, None)
