"""What codes and refresh tokens give: RFC 6749 §4.1.3, §4.1.4, §6; OpenID Connect Core §3.1.3, §12."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import AuthorizationGrant, Refuse, Standing
from keygrove.protocol.claims import IdToken
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InvalidClient, InvalidGrant, InvalidScope, UnauthorizedClient
from keygrove.protocol.grants.authorization_code import AuthorizationCode, Redeem
from keygrove.protocol.grants.refresh_token import RefreshToken, Repeat, Rotate
from keygrove.protocol.message import FORM, Request
from keygrove.protocol.scope import Scope
from keygrove.protocol.token import Facts, Issue, TokenRequest, answer, decide, parse_token_request
from protocol.asking import APP, AUDIENCE, CALLBACK, POLICY
from protocol.granting import ANA, GRANT, NOW, SCOPE, STANDS

CODE = AuthorizationCode(grant=GRANT, redirect_uri=CALLBACK, code_challenge=None, expires_at=NOW + 60)
BY_CODE = f"grant_type=authorization_code&code=c1&redirect_uri={CALLBACK}"
YOUNGEST = RefreshToken(grant=GRANT, generation=3, family_started_at=NOW - 9, issued_at=NOW - 9)
BY_TOKEN = "grant_type=refresh_token&refresh_token=r3"
Presented = tuple[str, AuthorizationCode | RefreshToken]


def asking(body: str) -> TokenRequest:
    """A token request of the app."""
    headers = (("content-type", FORM),)
    whole = f"{body}&client_id=app&client_secret=s1".encode()
    return parse_token_request(Request(method="POST", path="/oauth2/token", headers=headers, body=whole))


def facts(
    found: AuthorizationCode | RefreshToken, *, client: Client = APP, standing: Standing = STANDS
) -> Facts:
    """What the store knows, of a client that proves itself."""
    return Facts(client, "a" * 64, (found, standing), ANA)


def issue(body: str, known: Facts) -> Issue:
    """Decide, and expect tokens."""
    decision = decide(asking(body), known, POLICY, now=NOW, jti="j1")
    assert isinstance(decision, Issue)
    return decision


def of_scope(scope: str) -> AuthorizationGrant:
    """The grant, with another scope."""
    return replace(GRANT, scope=Scope.parse(scope))


def test_a_code_gives_tokens_about_the_person() -> None:
    """An access token of the whole grant, an ID token with its nonce, the family's first refresh token."""
    decision = issue(BY_CODE, facts(CODE))
    assert decision.access_token.claims() == {
        "iss": "https://issuer.example", "sub": "ana", "aud": AUDIENCE, "exp": NOW + 3600, "iat": NOW,
        "jti": "j1", "client_id": "app", "scope": str(SCOPE), "company_id": "acme", "grant_id": "g1",
    }  # fmt: skip
    assert decision.spend == Redeem(GRANT, SCOPE)
    assert decision.spend.next_generation == 1
    assert decision.id_token == IdToken.of_grant(GRANT, STANDS, ANA, issuer="https://issuer.example", now=NOW)


def test_r10_without_offline_there_is_no_refresh_token() -> None:
    """Nor when the client may not use it any more (OIDC Core §11)."""
    short = replace(CODE, grant=of_scope("openid booking.read"))
    decision = issue(BY_CODE, facts(short))
    assert decision.spend is not None
    assert decision.spend.next_generation == 0
    unregistered = replace(APP, grant_types=frozenset({"authorization_code"}))
    decision = issue(BY_CODE, facts(CODE, client=unregistered))
    assert decision.spend is not None
    assert decision.spend.next_generation == 0
    assert "offline" not in decision.access_token.scope.tokens


def test_without_openid_there_is_no_id_token() -> None:
    """Then it is plain OAuth (OIDC Core §3.1.2.1)."""
    plain = replace(CODE, grant=of_scope("booking.read"))
    assert issue(BY_CODE, facts(plain)).id_token is None


def test_a_refresh_token_gives_a_child_and_an_id_token_without_nonce() -> None:
    """Of the same sign-in (OIDC Core §12.2)."""
    decision = issue(BY_TOKEN, facts(YOUNGEST))
    assert decision.spend == Rotate(GRANT, SCOPE, 3)
    assert decision.spend.next_generation == 4
    assert decision.id_token is not None
    assert decision.id_token.nonce is None
    assert decision.id_token.claims("eyJ")["auth_time"] == GRANT.auth_time


def test_r03_the_same_child_is_given_again() -> None:
    """An answer that got lost is made again, with a new access token."""
    decision = issue(BY_TOKEN, facts(replace(YOUNGEST, used_at=NOW - 1)))
    assert decision.spend == Repeat(GRANT, SCOPE, 3)
    assert decision.spend.next_generation == 4


def test_r05_a_narrower_scope_is_for_this_access_token_only() -> None:
    """Without `openid` in it no ID token, and the refresh token is one of the whole grant (§6)."""
    decision = issue(f"{BY_TOKEN}&scope=booking.read", facts(YOUNGEST))
    assert str(decision.access_token.scope) == "booking.read"
    assert decision.id_token is None
    assert decision.spend is not None
    assert decision.spend.next_generation == 4
    with pytest.raises(InvalidScope):
        issue(f"{BY_TOKEN}&scope=event.read", facts(YOUNGEST))


def test_a_code_takes_no_scope() -> None:
    """It was chosen at the authorization endpoint; a `scope` here means nothing (§4.1.3)."""
    assert issue(f"{BY_CODE}&scope=booking.read", facts(CODE)).access_token.scope == SCOPE


def test_a_replay_is_returned_to_be_committed() -> None:
    """P01 and R01."""
    replays: list[Presented] = [
        (BY_CODE, replace(CODE, spent=True)),
        (BY_TOKEN, replace(YOUNGEST, used_at=NOW - 10)),
    ]
    for body, found in replays:
        decision = decide(asking(body), facts(found), POLICY, now=NOW, jti="j1")
        assert isinstance(decision, Refuse)
        assert decision.grant == GRANT


def test_who_the_client_is_comes_first() -> None:
    """A stranger ends nothing: neither with a wrong secret nor with a grant that is not the client's."""
    replayed = facts(replace(CODE, spent=True))
    with pytest.raises(InvalidClient):
        issue(BY_CODE, replace(replayed, secret_digest="b" * 64))
    with pytest.raises(UnauthorizedClient):
        issue(BY_CODE, replace(replayed, client=replace(APP, grant_types=frozenset({"refresh_token"}))))


def test_r11_what_is_unknown_is_an_invalid_grant() -> None:
    """Also of a person who is not there any more."""
    for body in (BY_CODE, BY_TOKEN):
        with pytest.raises(InvalidGrant):
            issue(body, Facts(APP, "a" * 64))
    with pytest.raises(InvalidGrant):
        issue(BY_CODE, replace(facts(CODE), person=None))


def test_an_app_in_review_serves_its_own_company_only() -> None:
    """One that was live keeps nothing that other companies granted."""
    presented: list[Presented] = [(BY_CODE, CODE), (BY_TOKEN, YOUNGEST)]
    for body, found in presented:
        for restricted_to in ("acme", None):
            issue(body, facts(found, client=replace(APP, restricted_to=restricted_to)))
        with pytest.raises(InvalidGrant):
            issue(body, facts(found, client=replace(APP, restricted_to="other")))


def test_the_answer_has_what_was_made() -> None:
    """In the reference's order, which is that of the alphabet (§5.1)."""
    members = answer(issue(BY_CODE, facts(CODE)), "signed", now=NOW, id_token="about", refresh_token="r")
    assert list(members) == [
        "access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type",
    ]  # fmt: skip
    assert (members["id_token"], members["refresh_token"]) == ("about", "r")
