"""Signing keys, JSON Web Key Sets, and signed tokens (RFC 7515, RFC 7517, RFC 7519, RFC 7638, RFC 8725).

Everything cryptographic is joserfc's. This file adds what we decide: which algorithms exist here, how a
key is named, which published keys are fit for use, and the one strict form in which a token is accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self, cast

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey

SUPPORTED_ALGORITHMS: Final = frozenset({"RS256"})
RSA_BITS: Final = 2048
MAX_TOKEN_CHARACTERS: Final = 16 * 1024
MAX_KID_CHARACTERS: Final = 256
MAX_KEYS: Final = 64

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_MODULUS_CHARACTERS = range(342, 1367)  # 2048 to 8192 bits: below is weak, above only burns our processor
_EXPONENTS = range(65537, 2**32)  # FIPS 186-5 asks for more than 2**16; larger ones only cost time
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
    """A private key that signs tokens.

    `kid` is the RFC 7638 thumbprint: equal keys have equal names everywhere. `created_at_s` is in seconds
    since the epoch.
    """

    kid: str
    algorithm: str
    created_at_s: int
    key: RSAKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, *, now: int, algorithm: str = "RS256") -> Self:
        """Make a new key at `now`, in epoch seconds. Raises ValueError for an unsupported algorithm."""
        return cls._named(RSAKey.generate_key(RSA_BITS), algorithm, now)

    @classmethod
    def from_private_pem(cls, pem: bytes, *, algorithm: str, created_at_s: int) -> Self:
        """Read what `private_pem` wrote. Raises ValueError when it is not a usable private key."""
        try:
            key = RSAKey.import_key(pem)
        except _MALFORMED as error:
            raise ValueError("not an RSA private key") from error
        if not key.is_private or key.raw_value.key_size < RSA_BITS:
            raise ValueError(f"not an RSA private key of at least {RSA_BITS} bits")
        return cls._named(key, algorithm, created_at_s)

    @classmethod
    def _named(cls, key: RSAKey, algorithm: str, created_at_s: int) -> Self:
        if algorithm not in SUPPORTED_ALGORITHMS:
            raise ValueError(f"unsupported signing algorithm {algorithm!r}")
        kid = key.thumbprint()
        named = RSAKey.import_key(key.raw_value, {"use": "sig", "alg": algorithm, "kid": kid})
        return cls(kid=kid, algorithm=algorithm, created_at_s=created_at_s, key=named)

    def private_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS #8 PEM. It goes into the vault and nowhere else."""
        return self.key.as_pem(private=True)

    def public_jwk(self) -> dict[str, str]:
        """Return the public half as a JSON Web Key (RFC 7517 §4, RFC 7518 §6.3.1)."""
        members = self.key.as_dict(private=False)
        return {name: cast(str, members[name]) for name in ("kty", "use", "alg", "kid", "n", "e")}


@dataclass(frozen=True, slots=True)
class Keyring:
    """The key that signs now, and the others that verifiers must know: the next one and the recent ones."""

    current: SigningKey
    published: tuple[SigningKey, ...] = ()

    def sign(self, claims: Mapping[str, object], typ: str) -> str:
        """Sign claims as a JSON Web Token of the type `typ` (RFC 7519 §7.1, RFC 8725 §3.11)."""
        current = self.current
        header = {"alg": current.algorithm, "kid": current.kid, "typ": typ}
        payload = _encode_json(dict(claims))
        return jws.serialize_compact(header, payload, current.key, registry=_registry(SUPPORTED_ALGORITHMS))

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set to publish (RFC 7517 §5): public parts only, each `kid` once."""
        by_kid = {key.kid: key for key in (self.current, *self.published)}
        return {"keys": [key.public_jwk() for key in by_kid.values()]}


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """The usable keys of an issuer, by `kid`."""

    by_kid: Mapping[str, RSAKey] = field(default_factory=dict)

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


def verify(
    token: str, keys: PublicKeys, *, algorithms: Collection[str], types: Collection[str]
) -> dict[str, object]:
    """Check the form, the header and the signature of a token and return its claims.

    `algorithms` and `types` are what the caller allows (RFC 8725 §3.1, §3.11); the token has no say. Types
    compare without case and with `application/` left out (RFC 7515 §4.1.9). Embedded keys (`jwk`, `jku`,
    `x5c`, `x5u`) are not used. Whose token it is, for whom and for how long is the caller's to judge.

    Raises UnknownKey when only the key is missing, InvalidToken for all else.
    """
    if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARACTERS or not _COMPACT.fullmatch(token):
        raise InvalidToken("the token is malformed")
    registry = _registry(frozenset(algorithms))
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=registry)
        key = _key_for(signed.protected, keys, algorithms, types)
        genuine = jws.validate_compact(signed, key, registry=registry)
    except _MALFORMED as error:
        raise InvalidToken("the token is malformed") from error
    if not genuine:
        raise InvalidToken("the signature does not match")
    return _claims(signed.payload)


def _key_for(header: object, keys: PublicKeys, algorithms: Collection[str], types: Collection[str]) -> RSAKey:
    if not isinstance(header, dict):
        raise InvalidToken("the header is not a JSON object")
    if header.get("alg") not in tuple(algorithms):
        raise InvalidToken("the algorithm is not allowed")
    if "crit" in header:  # RFC 7515 §4.1.11: we understand no extension
        raise InvalidToken("the header demands an extension")
    if _media_type(header.get("typ")) not in map(_media_type, types):
        raise InvalidToken("the token is of another type")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARACTERS:
        raise InvalidToken("the token names no key")
    key = keys.by_kid.get(kid)
    if key is None:
        raise UnknownKey("the token is signed by an unknown key")
    return key


def _media_type(value: object) -> object:
    return value.lower().removeprefix("application/") if isinstance(value, str) else value


def _claims(payload: bytes) -> dict[str, object]:
    try:
        claims = json.loads(payload.decode("utf-8"), parse_constant=_no_such_number)
    except (ValueError, RecursionError) as error:
        raise InvalidToken("the claims are not JSON") from error
    if not isinstance(claims, dict):
        raise InvalidToken("the claims are not a JSON object")
    return claims


def _no_such_number(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _by_kid(keys: Iterable[RSAKey]) -> dict[str, RSAKey]:
    found: dict[str, RSAKey] = {}
    disputed: set[str] = set()
    for key in keys:
        kid = cast(str, key.kid)
        if found.setdefault(kid, key).thumbprint() != key.thumbprint():
            disputed.add(kid)
    return {kid: key for kid, key in found.items() if kid not in disputed}


def _usable_key(jwk: object) -> RSAKey | None:
    if not isinstance(jwk, dict) or not _is_for_verifying(jwk):
        return None
    kid, modulus = jwk.get("kid"), jwk.get("n")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARACTERS:
        return None
    if not isinstance(modulus, str) or len(modulus) not in _MODULUS_CHARACTERS:
        return None
    try:
        key = RSAKey.import_key(
            {"kty": "RSA", "n": modulus, "e": jwk["e"]}, {"use": "sig", "alg": "RS256", "kid": kid}
        )
        numbers = key.public_key.public_numbers()
    except _MALFORMED:
        return None
    is_sound = numbers.n.bit_length() >= RSA_BITS and numbers.n % 2 == 1 and numbers.e in _EXPONENTS
    return key if is_sound else None


def _is_for_verifying(jwk: dict[object, object]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") == "RSA"
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
        and _PRIVATE_MEMBERS.isdisjoint(jwk)
    )


@lru_cache(maxsize=16)
def _registry(algorithms: frozenset[str]) -> jws.JWSRegistry:
    """Return joserfc's rules for an allow-list. An empty one would mean its own defaults: refused."""
    if not algorithms or not algorithms <= SUPPORTED_ALGORITHMS:
        raise ValueError(f"the algorithms must be among {sorted(SUPPORTED_ALGORITHMS)}")
    registry = jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)
    registry.max_header_length = 4096  # an honest header may carry a certificate chain, which we do not use
    return registry


_encode_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
