"""The refresh token grant: RFC 6749 §6, RFC 9700 §4.14.2, RFC 8707 §2.2, OIDC Core §11."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import Refuse, Standing
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget
from keygrove.protocol.grants.refresh_token import (
    RefreshPolicy,
    RefreshRequest,
    RefreshToken,
    Repeat,
    Rotate,
    refresh,
)
from keygrove.protocol.scope import Scope
from protocol.asking import APP, AUDIENCE
from protocol.granting import APIS, GRANT, NO_MORE, NOW, PROVED, SCOPE, STANDS

POLICY = RefreshPolicy(idle_s=1000, absolute_s=5000, grace_s=10)
YOUNGEST = RefreshToken(grant=GRANT, generation=3, family_started_at=NOW - 100, issued_at=NOW - 100)
USED = replace(YOUNGEST, used_at=NOW)


def use(
    token: RefreshToken = YOUNGEST,
    asked: RefreshRequest | None = None,
    *,
    standing: Standing = STANDS,
    client: AuthenticatedClient = PROVED,
    policy: RefreshPolicy = POLICY,
    now: int = NOW,
) -> Rotate | Repeat | Refuse:
    """Present a refresh token."""
    return refresh(asked or RefreshRequest(Scope()), client, (token, standing), APIS, policy, now=now)


def scoped(text: str) -> RefreshRequest:
    """A request for that scope."""
    return RefreshRequest(Scope.parse(text))


def test_the_youngest_token_is_rotated() -> None:
    """For the grant's whole scope (RFC 6749 §6)."""
    assert use() == Rotate(GRANT, SCOPE, 3)


def test_r01_a_used_token_that_comes_back_ends_the_family() -> None:
    """When its grace is over, or its child was used (RFC 9700 §4.14.2)."""
    for token, now in [(USED, NOW + 10), (USED, NOW + 99_999), (replace(USED, child_used=True), NOW)]:
        refused = use(token, now=now)
        assert isinstance(refused, Refuse)
        assert (refused.error.code, refused.grant) == ("invalid_grant", GRANT)


def test_r03_a_lost_answer_is_given_again_within_the_grace() -> None:
    """With the same child; without a grace the family ends."""
    for now in (NOW - 1, NOW, NOW + 9):
        assert use(USED, now=now) == Repeat(GRANT, SCOPE, 3)
    assert isinstance(use(USED, policy=replace(POLICY, grace_s=0)), Refuse)


def test_r05_the_scope_may_be_narrower_and_whole_again() -> None:
    """But never wider, and the grant stays whole (RFC 6749 §6)."""
    assert use(asked=scoped("booking.read")) == Rotate(GRANT, Scope(("booking.read",)), 3)
    assert use(asked=scoped("offline_access openid")) == Rotate(GRANT, Scope(("offline_access", "openid")), 3)
    for wider in ("booking.read event.read", "profile", "Booking.read"):
        with pytest.raises(InvalidScope):
            use(asked=scoped(wider))


def test_r06_the_target_is_that_of_the_grant() -> None:
    """RFC 8707 §2.2."""
    assert use(asked=RefreshRequest(Scope(), targets=(f"{AUDIENCE}/",))) == Rotate(GRANT, SCOPE, 3)
    with pytest.raises(InvalidTarget):
        use(asked=RefreshRequest(Scope(), targets=("https://other.example",)))


def test_r07_what_is_not_allowed_any_more_is_an_invalid_grant() -> None:
    """Revoked, disabled, left the company, withdrawn, password changed; in the grace too."""
    for standing in (
        *NO_MORE.values(),
        replace(STANDS, allowed=frozenset({"openid", "booking.read"})),
    ):
        for token in (YOUNGEST, USED):
            with pytest.raises(InvalidGrant):
                use(token, standing=standing)


def test_r07_what_the_client_may_not_ask_for_any_more_is_left_out() -> None:
    """The next token lacks it at once; asked for by name it is refused."""
    client = AuthenticatedClient(replace(APP, scope=Scope(("booking.read",))))
    assert use(client=client) == Rotate(GRANT, Scope(("openid", "booking.read", "offline")), 3)
    with pytest.raises(InvalidScope):
        use(client=client, asked=scoped("booking.write"))


def test_r09_a_token_ends_unused_and_a_family_ends_of_age() -> None:
    """To the second; nothing is revoked, for nothing is wrong."""
    assert use(now=NOW + 899) == Rotate(GRANT, SCOPE, 3)
    old = replace(YOUNGEST, family_started_at=NOW - 4999)
    assert use(old) == Rotate(GRANT, SCOPE, 3)
    for token, now in [(YOUNGEST, NOW + 900), (old, NOW + 1)]:
        with pytest.raises(InvalidGrant):
            use(token, now=now)


def test_r10_a_grant_is_lasting_when_offline_is_allowed() -> None:
    """In either spelling (OIDC Core §11)."""
    for scope, lasting in [("openid", False), ("offline", True), ("openid offline_access", True)]:
        assert replace(GRANT, scope=Scope.parse(scope)).is_lasting is lasting


def test_r11_an_unknown_token_is_an_invalid_grant() -> None:
    """An access token or a code is none."""
    with pytest.raises(InvalidGrant):
        refresh(RefreshRequest(Scope()), PROVED, None, APIS, POLICY, now=NOW)


def test_the_token_of_another_client_is_refused_and_stays_good() -> None:
    """Also a used one: nobody can end the family of somebody else (RFC 6749 §6)."""
    other = AuthenticatedClient(replace(APP, client_id="other"))
    for token in (YOUNGEST, replace(USED, child_used=True)):
        with pytest.raises(InvalidGrant, match="issued to app"):
            use(token, client=other)


def test_a_family_knows_each_of_its_tokens() -> None:
    """The youngest, its parent, older ones; none of the future."""

    def member(generation: int) -> RefreshToken | None:
        return RefreshToken.of_family(GRANT, generation, started_at=NOW - 9, youngest=5, youngest_at=NOW)

    youngest = RefreshToken(grant=GRANT, generation=5, family_started_at=NOW - 9, issued_at=NOW)
    assert member(5) == youngest
    assert member(4) == replace(youngest, generation=4, used_at=NOW)
    assert member(3) == replace(youngest, generation=3, used_at=NOW, child_used=True)
    assert member(1) == replace(youngest, generation=1, used_at=NOW, child_used=True)
    assert (member(6), member(0)) == (None, None)
