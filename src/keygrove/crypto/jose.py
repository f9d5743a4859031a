"""Signing keys, JSON Web Key Sets, and signed tokens (RFC 7515, RFC 7517, RFC 7519, RFC 7638, RFC 8725).

Everything cryptographic is joserfc's, and so are the encodings. This file adds what we decide: algorithms,
names of keys, which published keys are fit for use, the strict form in which a token is accepted. ADR 0005.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, KeyParameters, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import json_b64decode, json_b64encode, urlsafe_b64decode, urlsafe_b64encode

SUPPORTED_ALGORITHMS: Final = frozenset({"RS256", "ES256"})
RSA_BITS: Final = 2048
CURVE: Final = "P-256"
MAX_TOKEN_CHARACTERS: Final = 16 * 1024
MAX_KID_CHARACTERS: Final = 256
MAX_KEYS: Final = 64

Key = RSAKey | ECKey

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_MODULUS_CHARACTERS = range(342, 1367)  # 2048 to 8192 bits: below is weak, above only burns our processor
_EXPONENTS = range(65537, 2**32)  # FIPS 186-5 asks for more than 2**16; larger ones only cost time
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")  # always 32 octets (RFC 7518 §6.2.1.2)
_PUBLIC_MEMBERS = {"RS256": ("kty", "use", "alg", "kid", "n", "e"),
                   "ES256": ("kty", "use", "alg", "kid", "crv", "x", "y")}  # fmt: skip
_ALGORITHM_OF = {"RSA": "RS256", "EC": "ES256"}  # of a key's type, in both directions the only one
_REGISTRY = JWSRegistry(algorithms=SUPPORTED_ALGORITHMS, strict_check_header=False)
_REGISTRY.max_header_length = 4096  # an honest header may carry a certificate chain, which we do not use
_MALFORMED = (JoseError, SecurityWarning, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class InvalidToken(Exception):
    """A token is not acceptable. `reason` is a fixed text: it never repeats any part of the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(InvalidToken):
    """The token names a key that is not in the set; a caller with a cached set may look for a newer one."""


class InvalidKeySet(Exception):
    """A document is not a JSON Web Key Set at all (RFC 7517 §5). Single bad keys are skipped instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key that signs tokens, and the times that decide what it does; all in epoch seconds.

    `kid` is the RFC 7638 thumbprint: equal keys have equal names everywhere. Before `signs_from_s` the key
    is only published. `published_until_s` is None until a successor is known; from that time on no token of
    this key is alive.
    """

    kid: str
    algorithm: str
    created_at_s: int
    signs_from_s: int
    published_until_s: int | None = None
    key: Key = field(repr=False, compare=False)

    @classmethod
    def generate(cls, *, now: int, algorithm: str = "RS256", signs_from_s: int | None = None) -> Self:
        """Make a new key at `now`, which signs at once unless told otherwise.

        Raises ValueError for an unsupported algorithm.
        """
        if algorithm not in SUPPORTED_ALGORITHMS:
            raise ValueError(f"unsupported signing algorithm {algorithm!r}")
        key = RSAKey.generate_key(RSA_BITS) if algorithm == "RS256" else ECKey.generate_key(CURVE)
        return cls._named(key, algorithm, now, now if signs_from_s is None else signs_from_s)

    @classmethod
    def from_private_pem(
        cls,
        pem: bytes,
        *,
        algorithm: str,
        created_at_s: int,
        signs_from_s: int = 0,
        published_until_s: int | None = None,
    ) -> Self:
        """Read what `private_pem` wrote. Raises ValueError when it is not a usable private key."""
        if algorithm not in SUPPORTED_ALGORITHMS:
            raise ValueError(f"unsupported signing algorithm {algorithm!r}")
        key = _import_rsa(pem) if algorithm == "RS256" else _import_ec(pem)
        return cls._named(key, algorithm, created_at_s, signs_from_s, published_until_s)

    @classmethod
    def _named(
        cls,
        key: Key,
        algorithm: str,
        created_at_s: int,
        signs_from_s: int,
        published_until_s: int | None = None,
    ) -> Self:
        kid = key.thumbprint()
        members: KeyParameters = {"use": "sig", "alg": algorithm, "kid": kid}
        named: Key
        if isinstance(key, RSAKey):
            named = RSAKey.import_key(key.raw_value, members)
        else:
            named = ECKey.import_key(key.raw_value, members)
        return cls(
            kid=kid,
            algorithm=algorithm,
            created_at_s=created_at_s,
            signs_from_s=signs_from_s,
            published_until_s=published_until_s,
            key=named,
        )

    def is_published(self, now: int) -> bool:
        """Whether verifiers must know the key at `now`."""
        return self.published_until_s is None or now < self.published_until_s

    def private_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS #8 PEM. It goes into the vault and nowhere else."""
        return self.key.as_pem(private=True)

    def public_jwk(self) -> dict[str, str]:
        """Return the public half as a JSON Web Key (RFC 7517 §4, RFC 7518 §6.2.1 and §6.3.1)."""
        members = self.key.as_dict(private=False)
        return {name: cast(str, members[name]) for name in _PUBLIC_MEMBERS[self.algorithm]}


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every key that is not revoked, the newest first. Which of them does what, the time decides.

    Of an algorithm, the newest key whose time has come signs; newer ones wait, already published; older ones
    are published for as long as their tokens live. So nodes that hold the same keys agree without talking.
    """

    keys: tuple[SigningKey, ...]

    def current(self, algorithm: str, now: int) -> SigningKey:
        """Return the key that signs at `now`. Raises LookupError when there is none of the algorithm.

        On a clock that is behind the one which made the first key, that key signs nevertheless.
        """
        first = None
        for key in self.keys:
            if key.algorithm == algorithm:
                if key.signs_from_s <= now:
                    return key
                first = key
        if first is None:
            raise LookupError(f"there is no signing key for {algorithm}")
        return first

    def sign(self, claims: bytes, typ: str, *, algorithm: str, now: int) -> str:
        """Sign claims, already JSON, as a JSON Web Token of the type `typ` (RFC 7519 §7.1, RFC 8725 §3.11).

        Raises LookupError when there is no key of the algorithm.
        """
        current = self.current(algorithm, now)
        signing_input = _header_segment(algorithm, current.kid, typ) + b"." + urlsafe_b64encode(claims)
        signature = _REGISTRY.get_alg(algorithm).sign(signing_input, current.key)
        return (signing_input + b"." + urlsafe_b64encode(signature)).decode("ascii")

    def published(self, now: int) -> tuple[SigningKey, ...]:
        """Return the keys that verifiers must know at `now`: next, current, previous; each `kid` once."""
        return tuple({key.kid: key for key in self.keys if key.is_published(now)}.values())

    def public_keys(self, now: int) -> PublicKeys:
        """Return what verifies our own tokens at `now`; the same value as long as the keys are the same."""
        return _verifying(self.published(now))

    def jwks(self, now: int) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set to publish at `now` (RFC 7517 §5): public parts only."""
        return {"keys": [key.public_jwk() for key in self.published(now)]}


@dataclass(frozen=True, slots=True, eq=False)
class PublicKeys:
    """The usable keys of an issuer, by `kid`."""

    by_kid: Mapping[str, Key] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: object) -> Self:
        """Read a decoded JSON Web Key Set. Raises InvalidKeySet when it is not one.

        Keys that are not for verifying signatures, of a kind we do not use, weak, malformed, private or
        unnamed are skipped (RFC 7517 §5). If different keys claim one `kid`, none of them is believed.
        """
        keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(keys, list):
            raise InvalidKeySet("the document has no array of keys")
        if len(keys) > MAX_KEYS:
            raise InvalidKeySet(f"the document has more than {MAX_KEYS} keys")
        return cls(_by_kid(key for key in map(_usable_key, keys) if key is not None))

    def __len__(self) -> int:
        return len(self.by_kid)


@lru_cache(maxsize=2)
def _verifying(published: tuple[SigningKey, ...]) -> PublicKeys:
    """A header is judged once for each set of keys (`_key_for`), so one set is made of the same keys."""
    return PublicKeys({key.kid: key.key for key in published})


def verify(
    token: str,
    keys: PublicKeys,
    *,
    algorithms: Collection[str],
    types: Collection[str | None],
    once: bool = False,
) -> dict[str, object]:
    """Check the form, the header and the signature of a token and return its claims.

    `algorithms` and `types` are what the caller allows (RFC 8725 §3.1, §3.11); the token has no say. Types
    compare without case and with `application/` left out (RFC 7515 §4.1.9); None is a token without one.
    Embedded keys (`jwk`, `jku`, `x5c`, `x5u`) are not used. Whose token it is, for whom and for how long is
    the caller's to judge. `once` is for a token that will not come again: nothing is remembered of it.

    Raises UnknownKey when only the key is missing, InvalidToken for all else.
    """
    if not algorithms or not SUPPORTED_ALGORITHMS.issuperset(algorithms):
        raise ValueError(f"the algorithms must be among {sorted(SUPPORTED_ALGORITHMS)}")
    if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARACTERS:
        raise InvalidToken("the token is malformed")
    content_of = _signed_content.__wrapped__ if once else _signed_content
    return _claims(content_of(token, keys, frozenset(algorithms), tuple(types)))


@lru_cache(maxsize=1024)
def _signed_content(
    token: str, keys: PublicKeys, algorithms: frozenset[str], types: tuple[str | None, ...]
) -> bytes:
    """The octets of a token's claims, if its header is good and its signature genuine. Raises as `verify`.

    An API sees one token many times: what passed is remembered for the same keys, what was refused is not.
    """
    try:
        signed, _, signature = token.encode("ascii").rpartition(b".")
        header, _, payload = signed.partition(b".")
        key = _key_for(header, keys, algorithms, types)
        algorithm = _REGISTRY.get_alg(_ALGORITHM_OF[key.key_type])
        genuine = algorithm.verify(signed, urlsafe_b64decode(signature), key)
        content = urlsafe_b64decode(payload)
    except _MALFORMED as error:
        raise InvalidToken("the token is malformed") from error
    if not genuine:
        raise InvalidToken("the signature does not match")
    return content


@lru_cache(maxsize=256)
def _key_for(
    segment: bytes, keys: PublicKeys, algorithms: frozenset[str], types: tuple[str | None, ...]
) -> Key:
    """The key that a token's header names. Raises InvalidToken, UnknownKey or one of _MALFORMED.

    All tokens of a key have one header: one that passed is judged once for each set of keys.
    """
    _REGISTRY.validate_header_size(segment)
    header: dict[str, str] = json_b64decode(segment)
    _REGISTRY.check_header(header)
    if not isinstance(header, dict):
        raise InvalidToken("the header is not a JSON object")
    if header.get("alg") not in tuple(algorithms):
        raise InvalidToken("the algorithm is not allowed")
    if "crit" in header or "b64" in header:  # RFC 7515 §4.1.11, RFC 7797: we understand no extension
        raise InvalidToken("the header demands an extension")
    if _media_type(header.get("typ")) not in map(_media_type, types):
        raise InvalidToken("the token is of another type")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARACTERS:
        raise InvalidToken("the token names no key")
    key = keys.by_kid.get(kid)
    if key is None:
        raise UnknownKey("the token is signed by an unknown key")
    if header["alg"] != _ALGORITHM_OF[key.key_type]:
        raise InvalidToken("the key is not one of this algorithm")
    return key


def _media_type(value: object) -> object:
    return value.lower().removeprefix("application/") if isinstance(value, str) else value


def _claims(payload: bytes) -> dict[str, object]:
    try:
        text = payload.decode("utf-8").strip(_JSON_BLANKS)
        claims, end = _read_json(text)
    except (ValueError, RecursionError) as error:
        raise InvalidToken("the claims are not JSON") from error
    if not isinstance(claims, dict) or end != len(text):
        raise InvalidToken("the claims are not a JSON object")
    return claims


def _no_such_number(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _import_rsa(pem: bytes) -> RSAKey:
    try:
        # We made this key, and the vault held it: whether its primes are some takes 50 ms to ask again.
        native = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        key = RSAKey.import_key(cast(RSAPrivateKey, native))
    except _MALFORMED as error:
        raise ValueError("not an RSA private key") from error
    if not key.is_private or key.raw_value.key_size < RSA_BITS:
        raise ValueError(f"not an RSA private key of at least {RSA_BITS} bits")
    return key


def _import_ec(pem: bytes) -> ECKey:
    try:
        key = ECKey.import_key(pem)
        if key.is_private and key.curve_name == CURVE:
            return key
    except _MALFORMED as error:
        raise ValueError(f"not a {CURVE} private key") from error
    raise ValueError(f"not a {CURVE} private key")


def _by_kid(keys: Iterable[Key]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    disputed: set[str] = set()
    for key in keys:
        kid = cast(str, key.kid)
        if found.setdefault(kid, key).thumbprint() != key.thumbprint():
            disputed.add(kid)
    return {kid: key for kid, key in found.items() if kid not in disputed}


def _usable_key(jwk: object) -> Key | None:
    if not isinstance(jwk, dict) or not _is_for_verifying(jwk):
        return None
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARACTERS:
        return None
    try:
        return _usable_rsa(jwk, kid) if jwk["kty"] == "RSA" else _usable_ec(jwk, kid)
    except _MALFORMED:
        return None


def _usable_rsa(jwk: dict[str, str], kid: str) -> RSAKey | None:
    modulus = jwk["n"]
    if not isinstance(modulus, str) or len(modulus) not in _MODULUS_CHARACTERS:
        return None
    key = RSAKey.import_key(
        {"kty": "RSA", "n": modulus, "e": jwk["e"]}, {"use": "sig", "alg": "RS256", "kid": kid}
    )
    numbers = key.public_key.public_numbers()
    is_sound = numbers.n.bit_length() >= RSA_BITS and numbers.n % 2 == 1 and numbers.e in _EXPONENTS
    return key if is_sound else None


def _usable_ec(jwk: dict[str, str], kid: str) -> ECKey | None:
    """The key, if its point is on the curve: cryptography raises ValueError for any other."""
    if jwk["crv"] != CURVE or not all(_COORDINATE.fullmatch(jwk[name]) for name in ("x", "y")):
        return None
    return ECKey.import_key(
        {"kty": "EC", "crv": CURVE, "x": jwk["x"], "y": jwk["y"]}, {"use": "sig", "alg": "ES256", "kid": kid}
    )


def _is_for_verifying(jwk: dict[object, object]) -> bool:
    operations, kind = jwk.get("key_ops", ["verify"]), jwk.get("kty")
    algorithm = _ALGORITHM_OF.get(kind) if isinstance(kind, str) else None
    return (
        algorithm is not None
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
        and _PRIVATE_MEMBERS.isdisjoint(jwk)
    )


@lru_cache(maxsize=256)
def _header_segment(algorithm: str, kid: str, typ: str) -> bytes:
    return json_b64encode({"alg": algorithm, "kid": kid, "typ": typ})


_JSON_BLANKS = " \t\r\n"
_read_json = json.JSONDecoder(parse_constant=_no_such_number).raw_decode
