"""Logout tokens at a client: OpenID Connect Back-Channel Logout 1.0 §2.6."""

import time
from collections.abc import Mapping

import pytest

from keygrove.crypto.jose import InvalidToken
from keygrove.protocol.backchannel_logout import LOGOUT_EVENT
from keygrove.sdk.authorization_code import AuthorizationCodeFlow
from keygrove.sdk.key_cache import KeysUnavailable
from keygrove.sdk.logout_token import SignedOut
from sdk.app_issuer import APP, PERSON, AppIssuer, connect, flow_at

NOW = int(time.time())
WRONG: dict[str, tuple[str, Mapping[str, object]]] = {
    "iss-missing": ("another issuer", {"iss": None}),
    "iss-other": ("another issuer", {"iss": "https://auth.example.com"}),
    "aud-missing": ("another client", {"aud": None}),
    "aud-other": ("another client", {"aud": "kg_ci_other"}),
    "aud-others-too": ("this one alone", {"aud": [APP, "kg_ci_other"]}),
    "iat-missing": ("when it was issued", {"iat": None}),
    "iat-future": ("from the future", {"iat": NOW + 86_400}),
    "exp-missing": ("not a number", {"exp": None}),
    "exp-past": ("has expired", {"exp": NOW - 31}),
    "events-missing": ("no sign-out", {"events": None}),
    "events-a-list": ("no sign-out", {"events": [LOGOUT_EVENT]}),
    "events-another": ("no sign-out", {"events": {"http://schemas.openid.net/event/other": {}}}),
    "events-a-text": ("no sign-out", {"events": {LOGOUT_EVENT: "yes"}}),
    "nonce": ("no nonce", {"nonce": "n"}),
    "nonce-empty": ("no nonce", {"nonce": ""}),
    "nobody": ("neither a person nor a session", {"sub": None, "sid": None}),
    "sub-number": ("not a text", {"sub": 5}),
    "sid-empty": ("not a text", {"sid": ""}),
    "jti-missing": ("no name", {"jti": None}),
}


def test_a_good_one_names_the_session(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """The one that the ID tokens of the app's connection name; perhaps only it, or only the person."""
    whole = SignedOut(subject=PERSON, session_id="s", token_id="j1")
    assert flow.signed_out(issuer.logout_token()) == whole
    assert flow.signed_out(issuer.logout_token(typ="application/logout+jwt")) == whole
    person = connect(flow, issuer).person
    assert person is not None
    assert (person.subject, person.claims["sid"]) == (whole.subject, whole.session_id)
    assert flow.signed_out(issuer.logout_token({"sub": None})).subject == ""
    assert flow.signed_out(issuer.logout_token({"sid": None, "aud": [APP]})).session_id == ""


@pytest.mark.anyio
async def test_a_good_one_by_asyncio(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """The twin says the same."""
    assert (await flow.signed_out_async(issuer.logout_token())).session_id == "s"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_claims_are_refused(issuer: AppIssuer, flow: AuthorizationCodeFlow, name: str) -> None:
    """Each with its reason, for the app's log."""
    words, changes = WRONG[name]
    with pytest.raises(InvalidToken, match=words):
        flow.signed_out(issuer.logout_token(changes))


def test_no_other_token_ends_a_session(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """An ID token, which a browser has; one that somebody changed; nothing at all."""
    good = issuer.logout_token()
    head, body, signature = good.split(".")
    for token in (
        connect(flow, issuer).id_token,
        issuer.logout_token(typ="JWT"),
        issuer.logout_token(typ="at+jwt"),
        f"{head}.{body}.{signature[::-1]}",
        f"eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9.{body}.",
        "",
        "x",
    ):
        with pytest.raises(InvalidToken):
            flow.signed_out(token)


def test_a_logout_token_signs_nobody_in(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """It has another type than an ID token (§4)."""
    issuer.forged = issuer.logout_token()
    with pytest.raises(Exception, match="of another type"):
        connect(flow, issuer)


def test_without_keys_nothing_is_believed(issuer: AppIssuer) -> None:
    """The issuer tries again later."""
    flow = flow_at(issuer)
    issuer.status = 503
    with pytest.raises(KeysUnavailable):
        flow.signed_out(issuer.logout_token())


def test_a_key_that_is_too_new_is_waited_for(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """After a rotation keys may not be looked for yet: a 400 would be the last word (§2.8)."""
    flow.signed_out(issuer.logout_token())
    with pytest.raises(KeysUnavailable, match="not known"):
        flow.signed_out(issuer.logout_token(kid="another"))
