"""ES256: keys on P-256, and signatures that are no signatures."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from keygrove.crypto.jose import InvalidToken, Keyring, PublicKeys, SigningKey, verify

CLAIMS: dict[str, object] = {"iss": "https://auth.example.com", "scope": "a b"}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """A key on P-256."""
    return SigningKey.generate(now=0, algorithm="ES256")


@pytest.fixture(scope="module")
def rsa_key() -> SigningKey:
    """An RSA key."""
    return SigningKey.generate(now=0)


def sign(key: SigningKey) -> str:
    """A token."""
    return Keyring((key,)).sign(json.dumps(CLAIMS).encode(), "at+jwt", algorithm=key.algorithm, now=0)


def read(token: str, *jwks: dict[str, str]) -> dict[str, object]:
    """Verify a token with these published keys."""
    published = PublicKeys.parse({"keys": list(jwks)})
    return verify(token, published, algorithms=["RS256", "ES256"], types=["at+jwt"])


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """From base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_key_is_on_p_256_named_by_its_thumbprint(key: SigningKey) -> None:
    """RFC 7518 §6.2.1, RFC 7638 §3.2."""
    jwk = key.public_jwk()
    assert list(jwk) == ["kty", "use", "alg", "kid", "crv", "x", "y"]
    assert (jwk["kty"], jwk["use"], jwk["alg"], jwk["crv"]) == ("EC", "sig", "ES256", "P-256")
    assert len(jwk["x"]) == len(jwk["y"]) == 43
    required = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    assert decoded(jwk["kid"]) == hashlib.sha256(required.encode()).digest()


def test_a_token_is_what_rfc_7518_says(key: SigningKey) -> None:
    """R and S as 32 octets each (RFC 7518 §3.4), over the first two parts."""
    token = sign(key)
    signed, _, signature = token.rpartition(".")
    octets = decoded(signature)
    assert len(octets) == 64
    numbers = (int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))
    public = key.key.public_key
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256()))
    members = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}
    assert decoded(token.partition(".")[0]).decode() == json.dumps(members, separators=(",", ":"))
    assert read(token, key.public_jwk()) == CLAIMS


def octets(number: int) -> bytes:
    """32 of them."""
    return number.to_bytes(32, "big")


def forged(r: int, s: int) -> dict[str, bytes]:
    """Signatures made from a genuine one, or from nothing."""
    return {
        "zero": bytes(64),
        "r is zero": bytes(32) + octets(s),
        "s is zero": octets(r) + bytes(32),
        "both are the order": octets(ORDER) * 2,
        "s is the order": octets(r) + octets(ORDER),
        "all ones": b"\xff" * 64,
        "swapped": octets(s) + octets(r),
        "DER": encode_dss_signature(r, s),
        "short": octets(r) + octets(s)[:31],
        "long": octets(r) + octets(s) + b"\0",
        "wide": b"\0" + octets(r) + b"\0" + octets(s),
        "half": octets(r),
        "one octet": b"\0",
    }


def test_j47_a_made_up_signature_is_refused(key: SigningKey) -> None:
    """All zeros, out of range, of another length or in another form; under claims of the forger's too."""
    private = key.key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    for payload in (sign(key).split(".")[1], base64url(b'{"iss":"forged"}')):
        signed = f"{sign(key).partition('.')[0]}.{payload}"
        genuine = private.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        for signature in forged(*decode_dss_signature(genuine)).values():
            with pytest.raises(InvalidToken):
                read(f"{signed}.{base64url(signature)}", key.public_jwk())


def test_a_key_is_only_good_for_its_own_algorithm(key: SigningKey, rsa_key: SigningKey) -> None:
    """A token says RS256 and names the elliptic key, and the reverse: refused before any arithmetic."""
    for signer, named in ((rsa_key, key), (key, rsa_key)):
        header = {"alg": signer.algorithm, "kid": named.kid, "typ": "at+jwt"}
        token = f"{base64url(json.dumps(header).encode())}.{sign(signer).partition('.')[2]}"
        with pytest.raises(InvalidToken, match="algorithm"):
            read(token, key.public_jwk(), rsa_key.public_jwk())


def test_an_algorithm_that_is_not_listed_is_refused(key: SigningKey) -> None:
    """An API may stay with RS256."""
    published = PublicKeys.parse({"keys": [key.public_jwk()]})
    with pytest.raises(InvalidToken, match="not allowed"):
        verify(sign(key), published, algorithms=["RS256"], types=["at+jwt"])


def off_the_curve(jwk: dict[str, str]) -> str:
    """A y that has no place beside this x."""
    return base64url(octets(int.from_bytes(decoded(jwk["y"]), "big") ^ 1))


def bent(jwk: dict[str, str]) -> dict[str, dict[str, object]]:
    """What to change about a good key; None takes a member out."""
    return {
        "off the curve": {"y": off_the_curve(jwk)},
        "the zero point": {"x": "A" * 43, "y": "A" * 43},
        "x beyond the field": {"x": base64url(octets(FIELD + 1))},
        "x short": {"x": jwk["x"][:-1]},
        "x long": {"x": "A" + jwk["x"]},
        "x padded": {"x": jwk["x"] + "="},
        "x missing": {"x": None},
        "x number": {"x": 5},
        "y missing": {"y": None},
        "y plus": {"y": "+/" + jwk["y"][2:]},
        "another curve": {"crv": "P-384"},
        "an unknown curve": {"crv": "secp256k1"},
        "curve array": {"crv": ["P-256"]},
        "curve missing": {"crv": None},
        "rs256": {"alg": "RS256"},
        "es384": {"alg": "ES384"},
        "agreement": {"alg": "ECDH-ES"},
        "encrypts": {"use": "enc"},
        "private": {"d": jwk["x"]},
        "type array": {"kty": ["EC"]},
        "another type": {"kty": "RSA"},
        "kid missing": {"kid": None},
    }


def test_j43_a_bad_elliptic_key_is_skipped(key: SigningKey, rsa_key: SigningKey) -> None:
    """The good key beside it stays."""
    jwk = key.public_jwk()
    for changes in bent(jwk).values():
        changed = {name: value for name, value in (jwk | changes).items() if value is not None}
        published = PublicKeys.parse({"keys": [changed, rsa_key.public_jwk()]})
        assert list(published.by_kid) == [rsa_key.kid], changes


def test_j45_keys_of_two_kinds_under_one_name_are_both_refused(key: SigningKey, rsa_key: SigningKey) -> None:
    """Neither is believed."""
    disputed = rsa_key.public_jwk() | {"kid": key.kid}
    assert len(PublicKeys.parse({"keys": [key.public_jwk(), disputed]})) == 0
