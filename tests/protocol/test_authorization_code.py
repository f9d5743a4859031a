"""The authorization code grant: RFC 6749 §4.1.2, §4.1.3, §5.2; RFC 7636 §4.6; RFC 9700 §2.1.1 and §4.8."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import Refuse, Standing
from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.errors import InvalidGrant, InvalidScope, InvalidTarget
from keygrove.protocol.grants.authorization_code import AuthorizationCode, CodeRequest, Redeem, redeem_code
from keygrove.protocol.scope import Scope
from protocol.asking import APP, AUDIENCE, CALLBACK, CHALLENGE
from protocol.granting import APIS, GRANT, NO_MORE, NOW, PROVED, SCOPE, STANDS

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CODE = AuthorizationCode(
    grant=GRANT, redirect_uri=CALLBACK, code_challenge=CHALLENGE, expires_at=NOW + 60, spent=False
)
ASKED = CodeRequest(CALLBACK, VERIFIER)


def redeem(
    asked: CodeRequest = ASKED,
    code: AuthorizationCode = CODE,
    *,
    standing: Standing = STANDS,
    client: AuthenticatedClient = PROVED,
    now: int = NOW + 59,
) -> Redeem | Refuse:
    """Present a code, in its last second unless it is said otherwise."""
    return redeem_code(asked, client, (code, standing), APIS, now=now)


def why(decision: Redeem | Refuse) -> str:
    """Why it was refused and the grant revoked."""
    assert isinstance(decision, Refuse)
    assert isinstance(decision.error, InvalidGrant)
    assert decision.grant == GRANT
    return decision.error.detail


def test_a_code_is_redeemed_for_its_grant() -> None:
    """By its client, in time, with its verifier and redirect URI."""
    assert redeem() == Redeem(GRANT, SCOPE)


def test_p01_a_code_that_comes_back_revokes_what_it_gave() -> None:
    """Also after it has expired; the refusal is returned, so that it can be committed (RFC 6749 §4.1.2)."""
    for now in (NOW, NOW + 10_000):
        assert why(redeem(code=replace(CODE, spent=True), now=now)) == "the code was redeemed before"


def test_p03_the_code_of_another_client_is_refused_and_stays_good() -> None:
    """Nothing is returned to commit, not even when it was redeemed before."""
    other = AuthenticatedClient(replace(APP, client_id="other"))
    for code in (CODE, replace(CODE, spent=True)):
        with pytest.raises(InvalidGrant, match="issued to app"):
            redeem(code=code, client=other)
    assert redeem() == Redeem(GRANT, SCOPE)


def test_p05_a_code_lives_for_a_minute() -> None:
    """Its last second is the sixtieth; afterwards nothing is revoked."""
    with pytest.raises(InvalidGrant, match="expired"):
        redeem(now=NOW + 60)


def test_p07_a_verifier_without_a_challenge_ends_the_code() -> None:
    """Somebody cut the challenge out of the request (RFC 9700 §4.8.2)."""
    lax = replace(CODE, code_challenge=None)
    assert "code_verifier" in why(redeem(code=lax))
    assert redeem(CodeRequest(CALLBACK, None), lax) == Redeem(GRANT, SCOPE)


def test_p09_a_wrong_verifier_ends_the_code() -> None:
    """At the first attempt; the challenge itself and none at all are wrong too (P11)."""
    for verifier in (VERIFIER[:-1] + "l", CHALLENGE, None, ""):
        assert "code_verifier" in why(redeem(CodeRequest(CALLBACK, verifier)))


def test_another_redirect_uri_than_the_one_asked_for_ends_the_code() -> None:
    """It is compared as a string, and required (RFC 6749 §4.1.3)."""
    for uri in (None, f"{CALLBACK}/", "https://app.example/other"):
        assert "redirect_uri" in why(redeem(CodeRequest(uri, VERIFIER)))


def test_an_unknown_code_is_an_invalid_grant() -> None:
    """P11, P15, P21: guessed, cut, of another kind, of another server."""
    with pytest.raises(InvalidGrant) as refused:
        redeem_code(ASKED, PROVED, None, APIS, now=NOW)
    assert (
        refused.value.description
        == "The grant is invalid, expired, revoked, or was issued to another client."
    )


def test_a42_what_is_not_allowed_any_more_is_an_invalid_grant() -> None:
    """Between code and token: revoked, disabled, left the company, withdrawn, password changed."""
    for reason, standing in NO_MORE.items():
        with pytest.raises(InvalidGrant, match=reason):
            redeem(standing=standing)
    assert redeem(standing=replace(STANDS, password_changed_at=NOW - 100)) == Redeem(GRANT, SCOPE)


def test_s15_the_scope_is_what_is_left_of_the_grant() -> None:
    """In common with the consent, the client's registration and the API, at this moment."""
    narrowed = replace(STANDS, allowed=frozenset({"openid", "booking.read", "offline_access"}))
    assert redeem(standing=narrowed) == Redeem(GRANT, Scope(("openid", "booking.read", "offline")))
    client = AuthenticatedClient(replace(APP, scope=Scope(("booking.write",))))
    assert redeem(client=client) == Redeem(GRANT, Scope(("openid", "booking.write", "offline")))
    with pytest.raises(InvalidScope):
        redeem(standing=replace(STANDS, allowed=frozenset({"openid", "offline"})))
    identity = replace(CODE, grant=replace(GRANT, scope=Scope(("openid",))))
    assert redeem(code=identity) == Redeem(identity.grant, Scope(("openid",)))
    with pytest.raises(InvalidScope):
        redeem(code=identity, standing=replace(STANDS, allowed=frozenset({"booking.read"})))


def test_the_target_is_that_of_the_grant() -> None:
    """It may be named again (RFC 8707 §2.2)."""
    assert redeem(replace(ASKED, targets=(AUDIENCE,))) == Redeem(GRANT, SCOPE)
    with pytest.raises(InvalidTarget):
        redeem(replace(ASKED, targets=("https://other.example",)))
