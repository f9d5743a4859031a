"""What tokens say: RFC 9068 §2.2; OpenID Connect Core §2, §3.1.2.1, §3.1.3.6, §12.2."""

from dataclasses import replace

import pytest

from keygrove.protocol.claims import AccessToken, HintedPerson, IdToken, at_hash, read_id_token_hint
from keygrove.protocol.person import PersonClaims
from keygrove.protocol.resource import Api
from keygrove.protocol.scope import Scope
from protocol.granting import ANA, GRANT, STANDS

EMAIL_ALLOWED = replace(STANDS, allowed=STANDS.allowed | {"email"})

ISSUER = "https://issuer.example"
KEY_TOKEN = AccessToken(
    issuer=ISSUER,
    subject="kg_ci_1",
    audience="https://api.example",
    client_id="kg_ci_1",
    company_id="0" * 32,
    scope=Scope.parse("openid booking.read"),
    issued_at=1_700_000_000,
    expires_at=1_700_003_600,
    token_id="f" * 32,
)
API = Api(audience="https://api.example", scopes=frozenset({"booking.read"}), lifetime_s=60)
PERSONS_TOKEN = AccessToken.of_grant(
    GRANT, Scope(("booking.read",)), API, issuer=ISSUER, now=1_700_000_000, jti="j1"
)


def id_token(person: PersonClaims = ANA, *, renewed: bool = False) -> IdToken:
    """The ID token of the grant."""
    return IdToken.of_grant(GRANT, EMAIL_ALLOWED, person, issuer=ISSUER, now=1_700_000_000, renewed=renewed)


class TestAccessToken:
    """RFC 9068 §2.2."""

    def test_the_claims_are_those_of_rfc_9068_and_the_company(self) -> None:
        """All that §2.2 requires, `scope` of §2.2.3, and one claim of our own; nothing about a person."""
        assert KEY_TOKEN.claims() == {
            "iss": "https://issuer.example",
            "sub": "kg_ci_1",
            "aud": "https://api.example",
            "exp": 1_700_003_600,
            "iat": 1_700_000_000,
            "jti": "f" * 32,
            "client_id": "kg_ci_1",
            "scope": "openid booking.read",
            "company_id": "0" * 32,
        }

    def test_a_persons_token_names_the_person_and_the_grant(self) -> None:
        """For the company that was chosen, with the scope that is left, as long as the API says."""
        assert PERSONS_TOKEN.claims() == {
            "iss": ISSUER,
            "sub": "ana",
            "aud": "https://api.example",
            "exp": 1_700_000_060,
            "iat": 1_700_000_000,
            "jti": "j1",
            "client_id": "app",
            "scope": "booking.read",
            "company_id": "acme",
            "grant_id": "g1",
        }

    def test_what_is_written_is_read_again(self) -> None:
        """Of both kinds."""
        for token in (KEY_TOKEN, PERSONS_TOKEN):
            assert AccessToken.read(token.claims()) == token

    def test_claims_of_another_kind_are_no_access_token(self) -> None:
        """An ID token's, or with a claim that is missing, empty or of another type."""
        assert AccessToken.read(id_token().claims("x")) is None
        for name in PERSONS_TOKEN.claims():
            for value in (None, "", ["x"], 1.5):
                assert AccessToken.read(PERSONS_TOKEN.claims() | {name: value}) is None


class TestIdToken:
    """OIDC Core §2."""

    def test_p19_the_claims_are_those_of_the_standard(self) -> None:
        """For the client alone; of the person what was asked for by name and is allowed (§5.4, §5.5)."""
        assert id_token().claims("token") == {
            "iss": ISSUER,
            "sub": "ana",
            "aud": "app",
            "azp": "app",
            "exp": 1_700_003_600,
            "iat": 1_700_000_000,
            "auth_time": GRANT.auth_time,
            "nonce": "n1",
            "amr": ["pwd"],
            "at_hash": at_hash("token", "RS256"),
            "sid": "sid1",
            "company_id": "acme",
            "email": "ana@example.com",
            "email_verified": False,
        }

    def test_a_renewed_one_has_no_nonce(self) -> None:
        """All else is as it was at the sign-in (§12.2)."""
        renewed = id_token(renewed=True).claims("token")
        assert renewed == {
            name: value for name, value in id_token().claims("token").items() if name != "nonce"
        }

    def test_p19_at_hash_is_that_of_the_standard(self) -> None:
        """The example of OIDC Core, Appendix A.3."""
        access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
        assert at_hash(access_token, "RS256") == at_hash(access_token, "ES256") == "77QmUPtjPfzWtF2AnpK9RQ"

    def test_p19_an_algorithm_whose_hash_is_unknown_is_refused(self) -> None:
        """The hash is never left out."""
        for algorithm in ("none", "EdDSA", "HS256", "rs256", ""):
            with pytest.raises(KeyError):
                at_hash("token", algorithm)

    def test_what_it_tells_of_the_person_is_not_printed(self) -> None:
        """A log shows no e-mail address."""
        assert "ana@example.com" not in repr(id_token())


class TestHint:
    """OIDC Core §3.1.2.1: an ID token as a hint."""

    def test_an_id_token_is_a_hint(self) -> None:
        """Time is not asked."""
        hint = read_id_token_hint(id_token().claims("token"), ISSUER)
        assert hint == HintedPerson("ana", "app", "acme", "sid1")

    def test_a29_nothing_else_is_one(self) -> None:
        """Our access token, another issuer's, one that somebody else asked for (J14 for hints)."""
        good = id_token().claims("token")
        assert read_id_token_hint(PERSONS_TOKEN.claims(), ISSUER) is None
        wrong = {
            "iss": "https://other.example",
            "aud": ["app", "x"],
            "azp": "x",
            "sub": 1,
            "scope": "x",
            "sid": None,
        }
        for name, value in wrong.items():
            assert read_id_token_hint(good | {name: value}, ISSUER) is None
        assert read_id_token_hint(good | {"aud": None, "azp": None}, ISSUER) is None
