"""Proof Key for Code Exchange: RFC 7636, RFC 9700 §2.1.1."""

import pytest

from keygrove.protocol.errors import InvalidRequest
from keygrove.protocol.pkce import check_challenge, proves

# The example of RFC 7636, Appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class TestChallenge:
    """RFC 7636 §4.2, §4.3, §4.4.1."""

    def test_a_challenge_is_kept_as_it_was_sent(self) -> None:
        """Needed or not."""
        for required in (True, False):
            assert check_challenge(CHALLENGE, "S256", required=required) == CHALLENGE

    def test_p06_no_challenge_is_refused_where_one_is_needed(self) -> None:
        """And only there."""
        assert check_challenge(None, None, required=False) is None
        with pytest.raises(InvalidRequest):
            check_challenge(None, None, required=True)

    def test_p10_s256_is_the_only_method(self) -> None:
        """Absent means `plain` (§4.3); names are compared exactly."""
        for method in ("plain", None, "s256", "S512", "S256 ", "none"):
            with pytest.raises(InvalidRequest, match="S256"):
                check_challenge(CHALLENGE, method, required=False)

    def test_a_method_without_a_challenge_is_refused(self) -> None:
        """Something was lost on the way."""
        with pytest.raises(InvalidRequest):
            check_challenge(None, "S256", required=False)

    def test_p13_a_challenge_is_a_sha_256_digest(self) -> None:
        """43 characters of base64url, without padding and without a second spelling."""
        cut, rest = CHALLENGE[:-1], CHALLENGE[1:]
        for challenge in (
            cut,
            cut + "N",
            f"{CHALLENGE}=",
            f"{CHALLENGE}A",
            f"{CHALLENGE}\n",
            f"+{rest}",
            f"\u00e9{rest}",
        ):
            with pytest.raises(InvalidRequest):
                check_challenge(challenge, "S256", required=False)


class TestProof:
    """RFC 7636 §4.1, §4.6; RFC 9700 §4.8.2."""

    def test_the_verifier_proves_its_challenge(self) -> None:
        """The RFC's own example, and a request without either."""
        assert proves(VERIFIER, CHALLENGE)
        assert proves(None, None)

    def test_p07_a_verifier_without_a_challenge_proves_nothing(self) -> None:
        """Nor does a challenge without its verifier."""
        assert not proves(VERIFIER, None)
        assert not proves(None, CHALLENGE)

    def test_p09_a_wrong_verifier_proves_nothing(self) -> None:
        """Other, shorter, longer, of other case, out of its alphabet, empty."""
        for verifier in (VERIFIER[:-1] + "l", VERIFIER[:-1], VERIFIER + "k", VERIFIER.upper(), "a" * 129,
                         VERIFIER + "=", VERIFIER + "\n", "\u00e9" * 43, ""):  # fmt: skip
            assert not proves(verifier, CHALLENGE)

    def test_p11_the_challenge_does_not_prove_itself(self) -> None:
        """There is no `plain`."""
        assert not proves(CHALLENGE, CHALLENGE)
