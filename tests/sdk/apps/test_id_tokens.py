"""ID tokens that a client must refuse (OpenID Connect Core §3.1.3.7, §12.2), each in a whole sign-in."""

import json
import time
from collections.abc import Callable, Mapping

import pytest

from keygrove.crypto.jose import SUPPORTED_ALGORITHMS
from keygrove.protocol.claims import at_hash
from keygrove.sdk.connection import Connection
from keygrove.sdk.pending import AuthorizationFailed
from sdk.app_issuer import APP, PERSON, AppIssuer, connect, flow_at
from sdk.attacks import sign_parts
from sdk.issuer import COMPANY, base64url, ring, signing_key

NOW = int(time.time())
Forge = Callable[[AppIssuer], str]


def sign_in(issuer: AppIssuer, **settings: object) -> Connection:
    """From start to connection."""
    return connect(flow_at(issuer, **settings), issuer)


def why_refused(issuer: AppIssuer, **settings: object) -> str:
    """The reason for which a sign-in fails."""
    with pytest.raises(AuthorizationFailed) as caught:
        sign_in(issuer, **settings)
    return caught.value.description


WRONG_CLAIMS: dict[str, tuple[str, Mapping[str, object]]] = {
    "iss-missing": ("another issuer", {"iss": None}),
    "iss-other": ("another issuer", {"iss": "https://auth.example.com"}),
    "iss-array": ("another issuer", {"iss": ["https://auth.example.com"]}),
    "aud-missing": ("another client", {"aud": None}),
    "aud-other": ("another client", {"aud": "kg_ci_other"}),
    "aud-longer": ("another client", {"aud": APP + "0"}),
    "aud-empty-array": ("another client", {"aud": []}),
    "aud-others-too": ("this one alone", {"aud": [APP, "https://api.understory.io"]}),
    "aud-twice": ("this one alone", {"aud": [APP, APP]}),
    "aud-nested": ("another client", {"aud": [[APP]]}),
    "aud-object": ("another client", {"aud": {APP: True}}),
    "aud-an-api": ("another client", {"aud": "https://api.understory.io"}),
    "azp-other": ("issued to another client", {"azp": "kg_ci_other"}),
    "azp-array": ("issued to another client", {"azp": [APP]}),
    "sub-missing": ("no subject", {"sub": None}),
    "sub-empty": ("no subject", {"sub": ""}),
    "sub-number": ("no subject", {"sub": 5}),
    "sub-too-long": ("subject of the ID token is malformed", {"sub": "s" * 256}),
    "sub-not-ascii": ("subject of the ID token is malformed", {"sub": "señor"}),
    "exp-missing": ("not a number", {"exp": None}),
    "exp-past": ("has expired", {"exp": NOW - 31}),
    "exp-text": ("not a number", {"exp": str(NOW + 3600)}),
    "exp-true": ("not a number", {"exp": True}),
    "iat-missing": ("when it was issued", {"iat": None}),
    "iat-future": ("from the future", {"iat": NOW + 86_400}),
    "iat-object": ("not a number", {"iat": {}}),
    "nbf-future": ("not valid yet", {"nbf": NOW + 86_400}),
    "nonce-missing": ("not made for this sign-in", {"nonce": None}),
    "nonce-other": ("not made for this sign-in", {"nonce": "another"}),
    "nonce-number": ("not made for this sign-in", {"nonce": 5}),
    "nonce-no-utf8": ("not made for this sign-in", {"nonce": "\ud800"}),
    "at-hash-other": ("not the one", {"at_hash": at_hash("another-token", "RS256")}),
    "at-hash-empty": ("hash of the access token", {"at_hash": ""}),
    "at-hash-number": ("hash of the access token", {"at_hash": 7}),
    "at-hash-no-utf8": ("not the one", {"at_hash": "\udfff"}),
    "auth-time-text": ("not a number", {"auth_time": "today"}),
    "auth-time-future": ("in the future", {"auth_time": NOW + 86_400}),
    "company-number": ("company is not a text", {"company_id": 5}),
    "company-empty": ("company is not a text", {"company_id": ""}),
}


@pytest.mark.parametrize(("reason", "claims"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_p19_wrong_claims_are_refused(reason: str, claims: Mapping[str, object], issuer: AppIssuer) -> None:
    """§3.1.3.7: whoever signed them."""
    issuer.wrong = dict(claims)
    assert reason in why_refused(issuer)


def headed(**changes: object) -> Forge:
    """An ID token under a changed header, properly signed by RS256."""

    def forge(issuer: AppIssuer) -> str:
        issuer.header_of_id_tokens = changes
        return ""

    return forge


def unsigned(issuer: AppIssuer) -> str:
    """Of no algorithm, with no signature."""
    return sign_parts(issuer.header(alg="none", typ="JWT"), {"sub": PERSON, "aud": APP}, b"")


def by_a_stranger(issuer: AppIssuer) -> str:
    """Signed by another key under our `kid`."""
    return issuer.forge(issuer.header(typ="JWT"), key=signing_key("stranger").key, aud=APP)


WRONG_TOKENS: dict[str, Forge] = {
    "alg-none": unsigned,
    "alg-hs256": headed(alg="HS256"),
    "alg-missing": headed(alg=None),
    "alg-es384": headed(alg="ES384"),
    "typ-of-an-access-token": headed(typ="at+jwt"),
    "typ-of-a-logout-token": headed(typ="logout+jwt"),
    "typ-missing": headed(typ=None),
    "kid-missing": headed(kid=None),
    "kid-unknown": headed(kid="nobody"),
    "crit": headed(crit=["exp"]),
    "stranger": by_a_stranger,
    "access-token": lambda issuer: issuer.token(aud=APP),
    "garbage": lambda _: "not.a.token",
    "json": lambda _: json.dumps({"sub": PERSON}),
    "too-long": lambda issuer: issuer.forge(issuer.header(typ="JWT"), padding="x" * 20_000),
    "claims-in-an-array": lambda issuer: sign_parts(issuer.header(typ="JWT"), [1], b"x"),
    "parts": lambda _: ".".join([base64url(b"{}")] * 5),
}


@pytest.mark.parametrize("forge", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_p19_forged_tokens_are_refused(forge: Forge, issuer: AppIssuer) -> None:
    """RFC 8725: `alg`, `typ` and key are the client's choice; the reason repeats nothing of the token."""
    issuer.forged = forge(issuer)
    assert why_refused(issuer).startswith("The ID token is refused: ")


def test_a_good_token_says_who_and_for_which_company(issuer: AppIssuer) -> None:
    """§2; an array with the client alone is an audience too, and `at_hash` and `azp` may be left out."""
    person = sign_in(issuer).person
    assert person is not None
    assert (person.subject, person.company_id, person.auth_time_s) == (PERSON, COMPANY, issuer.auth_time)
    issuer.wrong = {"aud": [APP], "azp": None, "at_hash": None, "auth_time": None, "company_id": None}
    bare = sign_in(issuer)
    assert bare.person is not None
    assert (bare.person.auth_time_s, bare.company_id) == (None, "")


def test_a_token_without_a_type_can_be_allowed(issuer: AppIssuer) -> None:
    """Some issuers send none."""
    issuer.header_of_id_tokens = {"typ": None}
    assert sign_in(issuer, id_token_types=["JWT", None]).company_id == COMPANY


def test_an_algorithm_can_be_left_out(issuer: AppIssuer) -> None:
    """§3.1.3.7.7: the token has no say."""
    assert "algorithm" in why_refused(issuer, algorithms=["ES256"])


def test_every_algorithm_that_is_verified_has_its_hash() -> None:
    """§3.1.3.6: all of them sign SHA-256, which is what the access token is compared by."""
    assert {at_hash("token", algorithm) for algorithm in SUPPORTED_ALGORITHMS} == {at_hash("token", "RS256")}


def test_a_missing_token_is_noticed(issuer: AppIssuer) -> None:
    """§3.1.3.3: who asked for `openid` gets one."""
    issuer.without_id_token = True
    assert why_refused(issuer) == "The issuer sent no ID token."


def test_without_openid_nobody_is_named(issuer: AppIssuer) -> None:
    """RFC 6749 alone: what the answer says of people is not looked at."""
    issuer.members = {"id_token": "garbage"}
    connection = sign_in(issuer, scopes=["marketing.read"])
    assert (connection.person, connection.id_token, connection.company_id) == (None, "", "")


def test_a_new_key_of_the_issuer_is_found(issuer: AppIssuer) -> None:
    """OpenID Connect Core §10.1.1: an unknown `kid` is looked for once more."""
    flow = flow_at(issuer)
    started = flow.start()
    flow._keys._next_attempt_at = 0
    issuer.keyring = ring("next", "current")
    issuer.forged = issuer.forge(
        issuer.header(typ="JWT", kid=signing_key("next").kid),
        key=signing_key("next").key, aud=APP, azp=APP, sub=PERSON, scope=None,
        nonce=nonce_of(started.url),
    )  # fmt: skip
    assert flow.callback(issuer.allow(started.url), started.pending).company_id == COMPANY
    assert issuer.jwks_fetches() == 2


@pytest.mark.parametrize("trouble", ["key set away", "asked for just now", "key not published"])
def test_a_renewal_is_not_lost_with_a_key(trouble: str, issuer: AppIssuer) -> None:
    """The old refresh token is spent: the new ones come, with the person and ID token from before."""
    flow = flow_at(issuer)
    connection = connect(flow, issuer)
    issuer.forged = issuer.forge(issuer.header(typ="JWT", kid="unknown"), key=signing_key("next").key)
    issuer.status = 500 if trouble == "key set away" else 200
    flow._keys._next_attempt_at = float("inf") if trouble == "asked for just now" else 0
    renewed = flow.refresh(connection)
    assert (renewed.access_token, renewed.refresh_token) == ("access-2", "refresh-2")
    assert (renewed.person, renewed.id_token) == (connection.person, connection.id_token)
    issuer.forged, issuer.status = "", 200
    again = flow.refresh(renewed)
    assert again.refresh_token == "refresh-3"
    assert again.id_token not in ("", connection.id_token)


def nonce_of(url: str) -> str:
    """The nonce of an authorization request."""
    return url.partition("nonce=")[2].partition("&")[0]


@pytest.mark.parametrize(
    ("age_s", "max_age_s", "accepted"),
    [
        (0, 0, True),
        (25, 0, True),
        (60, 0, False),
        (3600, 3600, True),
        (3700, 3600, False),
        (9999, None, True),
    ],
)
def test_the_sign_in_must_be_recent_enough(
    age_s: int, max_age_s: int | None, accepted: bool, issuer: AppIssuer
) -> None:
    """§3.1.2.1: `max_age` counts back from the start, with 30 seconds of leeway."""
    issuer.auth_time = int(time.time()) - age_s
    flow = flow_at(issuer)
    started = flow.start(max_age_s=max_age_s)
    answer = issuer.allow(started.url)
    if accepted:
        assert flow.callback(answer, started.pending).company_id == COMPANY
    else:
        with pytest.raises(AuthorizationFailed, match="signed in too long ago"):
            flow.callback(answer, started.pending)


def test_with_max_age_the_time_of_sign_in_must_be_told(issuer: AppIssuer) -> None:
    """§2: `auth_time` is then required."""
    issuer.wrong = {"auth_time": None}
    flow = flow_at(issuer)
    started = flow.start(max_age_s=60)
    with pytest.raises(AuthorizationFailed, match="does not say when"):
        flow.callback(issuer.allow(started.url), started.pending)


@pytest.mark.parametrize(
    ("reason", "claims"),
    [
        ("somebody else", {"sub": "kg_pe_somebody"}),
        ("somebody else", {"company_id": "f" * 32}),
        ("another sign-in", {"auth_time": 1}),
        ("not made for this", {"nonce": "another"}),
        ("another issuer", {"iss": "https://auth.example.com"}),
        ("another client", {"aud": "kg_ci_other"}),
        ("has expired", {"exp": 1}),
        ("not the one", {"at_hash": at_hash("another-token", "RS256")}),
    ],
)
def test_a_renewed_token_is_about_the_same_sign_in(
    reason: str, claims: Mapping[str, object], issuer: AppIssuer
) -> None:
    """§12.2: same issuer, subject, audience, time of sign-in; it needs no nonce."""
    flow = flow_at(issuer)
    connection = flow.refresh(connect(flow, issuer))
    assert connection.company_id == COMPANY
    issuer.wrong = dict(claims)
    with pytest.raises(AuthorizationFailed, match=reason):
        flow.refresh(connection)
