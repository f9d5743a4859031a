"""What a client may know about a person: OpenID Connect Core §5.3, §5.4, §5.5."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InsufficientScope, InvalidToken
from keygrove.protocol.person import ClaimValue
from keygrove.protocol.scope import Scope
from keygrove.protocol.userinfo import userinfo
from protocol.asking import APP, AUDIENCE, POLICY
from protocol.granting import ANA, GRANT, NO_MORE, NOW, STANDS

ABOUT_ME = replace(STANDS, allowed=STANDS.allowed | {"profile", "email"})
PROFILE = {"name": "Ana", "updated_at": 1_600_000_000}
EMAIL = {"email": "ana@example.com", "email_verified": False}


TOKEN = AccessToken.of_grant(
    GRANT, GRANT.scope, POLICY.apis[AUDIENCE], issuer=POLICY.issuer, now=NOW, jti="j1"
)


def ask(
    scope: str = "openid",
    standing: Standing = ABOUT_ME,
    grant: AuthorizationGrant = GRANT,
    *,
    client: Client | None = APP,
    now: int = NOW + 3599,
) -> dict[str, ClaimValue]:
    """Show a token of that scope, in its last second."""
    return userinfo(replace(TOKEN, scope=Scope.parse(scope)), client, (grant, standing), ANA, now=now)


def test_claims_follow_from_the_scope() -> None:
    """The subject always (§5.3.2, §5.4)."""
    assert ask("openid booking.read") == {"sub": "ana"}
    assert ask("openid profile") == {"sub": "ana", **PROFILE}
    assert ask("email openid profile") == {"sub": "ana", **PROFILE, **EMAIL}


def test_claims_may_be_asked_for_by_name() -> None:
    """§5.5."""
    grant = replace(GRANT, userinfo_claims=frozenset({"email"}))
    assert ask("openid", grant=grant) == {"sub": "ana", "email": "ana@example.com"}


def test_what_is_not_allowed_any_more_is_left_out() -> None:
    """Though the token has the scope."""
    grant = replace(GRANT, userinfo_claims=frozenset({"name"}))
    assert ask("openid email", STANDS, grant) == {"sub": "ana"}


def test_what_a_person_has_not_is_left_out() -> None:
    """No claim is empty (§5.3.2)."""
    nobody = replace(ANA, name="", email="")
    assert nobody.named(["name", "email", "email_verified", "updated_at"]) == {"updated_at": 1_600_000_000}


def test_r15_a_token_without_a_person_is_not_enough() -> None:
    """A client's own, or one without `openid`."""
    own = replace(TOKEN, subject="app", grant_id="")
    with pytest.raises(InsufficientScope):
        userinfo(own, APP, None, None, now=NOW)
    with pytest.raises(InsufficientScope):
        ask("profile booking.read")


def test_r13_a_token_of_a_grant_that_does_not_stand_is_invalid() -> None:
    """At once: revoked, disabled, left, withdrawn; or nobody is there any more."""
    for standing in NO_MORE.values():
        with pytest.raises(InvalidToken):
            ask(standing=standing)
    for person in (None, replace(ANA, subject="bob")):
        with pytest.raises(InvalidToken):
            userinfo(TOKEN, APP, (GRANT, STANDS), person, now=NOW)


def test_a_token_that_does_not_count_is_invalid() -> None:
    """None of ours, expired, of an app that is gone or not live any more, of a grant that is gone."""
    with pytest.raises(InvalidToken):
        userinfo(None, APP, (GRANT, STANDS), ANA, now=NOW)
    with pytest.raises(InvalidToken):
        ask(now=NOW + 3600)
    for client in (
        None,
        replace(APP, enabled=False),
        replace(APP, client_id="other"),
        replace(APP, restricted_to="other"),
    ):
        with pytest.raises(InvalidToken):
            ask(client=client)
    for grant in (replace(GRANT, grant_id="g2"), replace(GRANT, client_id="other")):
        with pytest.raises(InvalidToken):
            ask(grant=grant)
    with pytest.raises(InvalidToken):
        userinfo(TOKEN, APP, None, None, now=NOW)
