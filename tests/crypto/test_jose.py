"""Signing keys, key sets and signed tokens."""

import base64
import hashlib
import json
import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from altered import altered
from keygrove.crypto.jose import (
    InvalidKeySet,
    InvalidToken,
    Keyring,
    PublicKeys,
    SigningKey,
    UnknownKey,
    verify,
)
from yardstick import in_time

CLAIMS: dict[str, object] = {"iss": "https://auth.example.com", "exp": 1, "scope": "a b", "name": "Zoë"}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """A signing key."""
    return SigningKey.generate(now=1_700_000_000)


@pytest.fixture(scope="module")
def next_key() -> SigningKey:
    """Another one."""
    return SigningKey.generate(now=1_700_000_001)


@pytest.fixture(scope="module")
def elliptic() -> SigningKey:
    """One for ES256."""
    return SigningKey.generate(now=1_700_000_000, algorithm="ES256")


def sign(key: SigningKey, claims: dict[str, object] = CLAIMS, typ: str = "at+jwt") -> str:
    """A token of one key."""
    return Keyring((key,)).sign(json.dumps(claims).encode(), typ, algorithm=key.algorithm, now=1_700_000_001)


def read(token: str, *keys: SigningKey) -> dict[str, object]:
    """Verify a token as an access token with these keys."""
    published = PublicKeys.parse({"keys": [key.public_jwk() for key in keys]})
    return verify(token, published, algorithms=["RS256", "ES256"], types=["at+jwt"])


def test_a_key_is_rsa_2048_named_by_its_thumbprint(key: SigningKey) -> None:
    """The name is what RFC 7638 §3 says: SHA-256 over the required members in order, without blanks."""
    assert (key.algorithm, key.created_at_s, key.key.raw_value.key_size) == ("RS256", 1_700_000_000, 2048)
    jwk = key.public_jwk()
    required = json.dumps({"e": jwk["e"], "kty": "RSA", "n": jwk["n"]}, separators=(",", ":"))
    assert unpadded(key.kid) == hashlib.sha256(required.encode()).digest()


def test_a_key_survives_the_way_through_the_vault(key: SigningKey, elliptic: SigningKey) -> None:
    """Written as PEM and read again, it is the same key under the same name."""
    for one in (key, elliptic):
        again = SigningKey.from_private_pem(
            one.private_pem(),
            algorithm=one.algorithm,
            created_at_s=one.created_at_s,
            signs_from_s=one.signs_from_s,
        )
        assert again == one
        assert read(sign(again), one) == CLAIMS


def pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_what_is_not_a_usable_private_key_is_refused(key: SigningKey) -> None:
    """Garbage, a public key, another kind of key, a weak one, a damaged one."""
    unusable = [
        b"",
        b"garbage",
        key.key.as_pem(private=False),
        pem(ec.generate_private_key(ec.SECP256R1())),
        key.private_pem().replace(b"A", b"B", 40),
    ]
    for text in unusable:
        with pytest.raises(ValueError, match="not an RSA private key"):
            SigningKey.from_private_pem(text, algorithm="RS256", created_at_s=0)


def test_what_is_not_a_usable_elliptic_key_is_refused(key: SigningKey, elliptic: SigningKey) -> None:
    """Garbage, a public key, another kind of key, another curve."""
    unusable = [
        b"",
        b"garbage",
        elliptic.key.as_pem(private=False),
        key.private_pem(),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP256K1())),
    ]
    for text in unusable:
        with pytest.raises(ValueError, match="not a P-256 private key"):
            SigningKey.from_private_pem(text, algorithm="ES256", created_at_s=0)
    with pytest.raises(ValueError, match="unsupported"):
        SigningKey.from_private_pem(elliptic.private_pem(), algorithm="ES384", created_at_s=0)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_weak_key_never_signs() -> None:
    """Below 2048 bits it is no key of ours, whether warnings are errors or not."""
    weak = pem(rsa.generate_private_key(65537, 1024))  # noqa: S505 - on purpose
    with pytest.raises(ValueError, match="2048"):
        SigningKey.from_private_pem(weak, algorithm="RS256", created_at_s=0)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "", "rs256", "ES384", "PS256"])
def test_an_unsupported_algorithm_makes_no_key(algorithm: str) -> None:
    """The list of algorithms is ours."""
    with pytest.raises(ValueError, match="unsupported"):
        SigningKey.generate(now=0, algorithm=algorithm)


def test_a_key_prints_nothing_private(key: SigningKey) -> None:
    """Neither alone nor inside a keyring."""
    printed = f"{key!r} {Keyring((key,))!r} {[key]}"
    private = json.dumps(key.key.as_dict(private=True)["d"])
    assert "PRIVATE" not in printed
    assert private not in printed
    assert "RSAKey" not in printed


def test_j46_the_published_set_has_no_private_part(
    key: SigningKey, next_key: SigningKey, elliptic: SigningKey
) -> None:
    """And exactly the members that verifiers need."""
    published = Keyring((key, next_key, elliptic)).jwks(0)["keys"]
    common = {"kty", "use", "alg", "kid"}
    assert [set(jwk) - common for jwk in published] == [{"n", "e"}, {"n", "e"}, {"crv", "x", "y"}]
    assert all(common <= set(jwk) for jwk in published)
    assert not PRIVATE_MEMBERS & {name for jwk in published for name in jwk}


def test_j45_each_name_is_published_once(key: SigningKey, next_key: SigningKey) -> None:
    """Whatever the ring was made of."""
    kids = [jwk["kid"] for jwk in Keyring((key, next_key, key, next_key)).jwks(0)["keys"]]
    assert kids == [key.kid, next_key.kid]


def test_time_decides_which_key_signs(key: SigningKey, next_key: SigningKey, elliptic: SigningKey) -> None:
    """The newest of its algorithm whose time has come; on a clock that is behind, the first one."""
    first = replace(key, signs_from_s=100, published_until_s=900)
    ring = Keyring((replace(next_key, signs_from_s=200), first, replace(elliptic, signs_from_s=300)))
    assert [ring.current("RS256", now).kid for now in (50, 100, 199)] == [key.kid] * 3
    assert [ring.current("RS256", now).kid for now in (200, 9**9)] == [next_key.kid] * 2
    assert ring.current("ES256", 250).kid == elliptic.kid
    header = json.loads(unpadded(ring.sign(b"{}", "JWT", algorithm="RS256", now=200).partition(".")[0]))
    assert header == {"alg": "RS256", "kid": next_key.kid, "typ": "JWT"}
    with pytest.raises(LookupError, match="ES256"):
        Keyring((first,)).sign(b"{}", "JWT", algorithm="ES256", now=100)


def test_a_key_is_published_before_it_signs_and_after(key: SigningKey, next_key: SigningKey) -> None:
    """Until the time that was set for it."""
    ring = Keyring(
        (replace(next_key, signs_from_s=200), replace(key, signs_from_s=100, published_until_s=900))
    )
    assert [each.kid for each in ring.published(0)] == [next_key.kid, key.kid]
    assert len(ring.jwks(899)["keys"]) == 2
    assert [jwk["kid"] for jwk in ring.jwks(900)["keys"]] == [next_key.kid]
    # A header is judged once for each set.
    assert ring.public_keys(0) is ring.public_keys(899)
    assert set(ring.public_keys(900).by_kid) == {next_key.kid}


def unpadded(part: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_is_what_rfc_7515_says(key: SigningKey) -> None:
    """PKCS #1 v1.5 with SHA-256 over the first two parts; header members in the reference's order."""
    token = sign(key)
    header, payload, signature = token.split(".")
    signed = f"{header}.{payload}".encode()
    public = key.key.public_key
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(unpadded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
    members = {"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}
    assert unpadded(header).decode() == json.dumps(members, separators=(",", ":"))
    assert json.loads(unpadded(payload)) == CLAIMS


def test_the_caller_says_which_types_are_good(key: SigningKey) -> None:
    """RFC 8725 §3.11; in any case, and with or without `application/`."""
    published = PublicKeys.parse(Keyring((key,)).jwks(0))
    token = sign(key, typ="JWT")
    assert verify(token, published, algorithms=["RS256"], types=["at+jwt", "jwt"]) == CLAIMS
    assert verify(token, published, algorithms=["RS256"], types=["application/JWT"]) == CLAIMS
    with pytest.raises(InvalidToken, match="type"):
        verify(token, published, algorithms=["RS256"], types=["at+jwt"])


@pytest.mark.parametrize("algorithms", [[], ["none"], ["RS256", "HS256"], ["ES384"]])
def test_an_empty_or_unsafe_list_of_algorithms_is_a_mistake(key: SigningKey, algorithms: list[str]) -> None:
    """It never means a default."""
    published = PublicKeys.parse(Keyring((key,)).jwks(0))
    with pytest.raises(ValueError, match="algorithms"):
        verify(sign(key), published, algorithms=algorithms, types=["at+jwt"])


def test_an_unknown_key_is_told_apart(key: SigningKey, next_key: SigningKey) -> None:
    """So that a caller may look for a newer set."""
    with pytest.raises(UnknownKey):
        read(sign(next_key), key)


def test_a_token_that_passed_is_judged_again_by_other_measures(key: SigningKey, next_key: SigningKey) -> None:
    """What is remembered holds for the same token, keys, algorithms and types, and nobody can change it."""
    published, token = PublicKeys.parse(Keyring((key,)).jwks(0)), sign(key)
    for once in (True, False, False, True):
        claims = verify(token, published, algorithms=["RS256"], types=["at+jwt"], once=once)
        assert claims == CLAIMS
        claims["scope"] = "everything"
    with pytest.raises(UnknownKey):
        verify(token, PublicKeys.parse(Keyring((next_key,)).jwks(0)), algorithms=["RS256"], types=["at+jwt"])
    with pytest.raises(InvalidToken, match="algorithm"):
        verify(token, published, algorithms=["ES256"], types=["at+jwt"])
    with pytest.raises(InvalidToken, match="type"):
        verify(token, published, algorithms=["RS256"], types=["JWT"])
    signed, _, signature = token.rpartition(".")
    other = f"{signed}.{altered(signature, 0)}"
    for _ in range(2):
        with pytest.raises(InvalidToken, match="signature"):
            verify(other, published, algorithms=["RS256"], types=["at+jwt"])


@pytest.mark.parametrize(
    "document", [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": [{}] * 65}]
)
def test_what_is_no_key_set_is_refused(document: object) -> None:
    """Rather than read as an empty one."""
    with pytest.raises(InvalidKeySet):
        PublicKeys.parse(document)


def small(bits: int) -> str:
    """A modulus of fewer bits than we take."""
    return (
        base64.urlsafe_b64encode((2 ** (bits - 1) + 1).to_bytes((bits + 7) // 8, "big")).decode().rstrip("=")
    )


BAD_MEMBERS: dict[str, dict[str, object]] = {
    "encrypts": {"use": "enc"},
    "use-array": {"use": ["sig"]},
    "another-algorithm": {"alg": "RS512"},
    "wraps": {"key_ops": ["wrapKey"]},
    "key-ops-text": {"key_ops": "verify"},
    "another-type": {"kty": "EC"},
    "private": {"d": "AQAB"},
    "secret": {"k": "AQAB"},
    "n-512-bits": {"n": small(512)},
    "n-1024-bits": {"n": small(1024)},
    "n-2047-bits": {"n": small(2047)},
    "n-padded": {"n": small(2048) + "="},
    "n-huge": {"n": "A" * 100_000},
    "n-plus": {"n": "+/" + small(2048)[2:]},
    "n-number": {"n": 5},
    "n-even": {"n": small(2048)[:-2] + "AA"},
    "e-1": {"e": "AQ"},
    "e-3": {"e": "Aw"},
    "e-even": {"e": "AQAC"},
    "e-number": {"e": 65537},
    "e-huge": {"e": "B" * 300},
    "e-empty": {"e": ""},
    "e-missing": {"e": None},
    "kid-empty": {"kid": ""},
    "kid-number": {"kid": 5},
    "kid-long": {"kid": "k" * 257},
    "kid-missing": {"kid": None},
}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("members", BAD_MEMBERS.values(), ids=BAD_MEMBERS.keys())
def test_j43_a_bad_key_is_skipped(key: SigningKey, next_key: SigningKey, members: dict[str, object]) -> None:
    """It is not fatal to the set (RFC 7517 §5): the good key beside it stays."""
    changed = {name: value for name, value in (key.public_jwk() | members).items() if value is not None}
    published = PublicKeys.parse({"keys": [changed, next_key.public_jwk(), changed]})
    assert list(published.by_kid) == [next_key.kid]


def test_keys_of_other_kinds_are_skipped() -> None:
    """A set of nothing else is empty."""
    others = [
        dict(ECKey.generate_key(curve).as_dict(private=False)) | {"kid": curve}
        for curve in ("P-384", "P-521")
    ]
    others.append(dict(OKPKey.generate_key("Ed25519").as_dict(private=False)) | {"kid": "ed"})
    assert (
        len(PublicKeys.parse({"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}, 7, "x", None, [], *others]}))
        == 0
    )


def test_a_key_may_leave_its_purpose_unsaid(key: SigningKey) -> None:
    """`use`, `alg` and `key_ops` are optional (RFC 7517 §4)."""
    bare = {name: key.public_jwk()[name] for name in ("kty", "kid", "n", "e")}
    assert list(PublicKeys.parse({"keys": [bare | {"key_ops": ["verify"]}]}).by_kid) == [key.kid]


def test_a_refusal_repeats_nothing_of_the_token(key: SigningKey) -> None:
    """Its text goes into logs and challenges."""
    token = sign(key)
    for wrong in (
        token[:-5],
        token + "=",
        token.replace(".", ".."),
        "x" * 20_000,
        altered(token, 200),
    ):
        with pytest.raises(InvalidToken) as caught:
            read(wrong, key)
        assert caught.value.reason == str(caught.value)
        assert len(caught.value.reason) < 80


@pytest.mark.parametrize(
    "token", ["." * 1_000_000, "A" * 10_000_000, "A.A." + "A" * 5_000_000, "", "..", "a.b"]
)
def test_garbage_costs_nothing(key: SigningKey, token: str) -> None:
    """Refused before any decoding."""
    began = time.thread_time()
    with pytest.raises(InvalidToken):
        read(token, key)
    assert in_time(time.thread_time() - began, 0.05)


def test_a_token_is_the_one_that_joserfc_makes(key: SigningKey) -> None:
    """RS256 has one signature for a key and an input, so the whole token must be equal."""
    header = {"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}
    payload = json.dumps(CLAIMS)
    assert sign(key) == jws.serialize_compact(header, payload, key.key, algorithms=["RS256"])


def test_joserfc_reads_an_elliptic_token(elliptic: SigningKey) -> None:
    """ES256 signatures differ each time; a strict reader accepts them."""
    found = jws.deserialize_compact(sign(elliptic), elliptic.key, algorithms=["ES256"])
    assert json.loads(found.payload) == CLAIMS
