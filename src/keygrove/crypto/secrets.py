"""New ids and secrets, and the keyed digests that are all we store of a secret.

An id or secret reads `kg_<kind>_<random><checksum>`, letters and digits only after the prefix, so
that its raw, form-encoded and URL-encoded spellings are the same. The prefix lets leak scanners
find it; the checksum (CRC-32, six base62 characters) tells a cut-off value from a wrong one.
"""

import hmac
import secrets
import zlib
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# 62**43 > 2**256 and 62**22 > 2**130: a secret carries 256 bits, an id at least 128.
_SECRET_CHARACTERS = 43
_ID_CHARACTERS = 22
_CHECKSUM_CHARACTERS = 6
# 62**6 generations of refresh tokens: one a second for 1,800 years.
_GENERATION_CHARACTERS = 6
_GRANT, _REFRESH = "kg_gr_", "kg_rt_"

Domain = Literal[
    "client_secret", "session", "setup_link", "reset_link", "form", "creation", "page", "backup", "turn",
    "account", "code", "refresh_token", "interaction", "assertion",
]  # fmt: skip


class Secret:
    """A value that is shown once and never printed by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; every call is a place where it could leak."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Digests:
    """Keyed digests (HMAC-SHA-256) of random secrets, kept apart by domain.

    A slow hash would add nothing: the secrets are 256 random bits. A session token never has the
    digest of a client secret, even if the two were equal.
    """

    key: bytes

    def of(self, domain: Domain, value: str) -> str:
        """The digest of a presented secret, 64 hexadecimal characters."""
        keyed = _keyed(self.key, domain).copy()
        keyed.update(value.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()

    def __repr__(self) -> str:
        return "Digests(<secret>)"


def new_client_id() -> str:
    """A random client id, 34 characters."""
    return _new("ci", _ID_CHARACTERS)


def new_client_secret() -> Secret:
    """A random client secret of 256 bits, 55 characters."""
    return Secret(_new("sk", _SECRET_CHARACTERS))


def new_person_id() -> str:
    """A random id of a person. Its prefix keeps it apart from every client id (RFC 9068 §5)."""
    return _new("pe", _ID_CHARACTERS)


def new_session_token() -> Secret:
    """A random sign-in session token of 256 bits."""
    return Secret(_new("se", _SECRET_CHARACTERS))


def new_session_name() -> str:
    """A random public name of a sign-in session (`sid`): whoever knows it cannot use the session."""
    return _new("si", _ID_CHARACTERS)


def new_setup_token() -> Secret:
    """A random token for the one-time set-up link."""
    return Secret(_new("su", _SECRET_CHARACTERS))


def new_reset_token() -> Secret:
    """A random token for a link with which a person chooses another password."""
    return Secret(_new("rp", _SECRET_CHARACTERS))


def new_grant_id() -> str:
    """A random id of an authorization grant. It is no secret."""
    return _new("gr", _ID_CHARACTERS)


def new_code() -> Secret:
    """A random authorization code of 256 bits (RFC 6749 §10.10)."""
    return Secret(_new("co", _SECRET_CHARACTERS))


def refresh_token(digests: Digests, grant_id: str, generation: int) -> Secret:
    """The refresh token of a grant's generation, always the same: none of it is stored (ADR 0008).

    Nobody can make one without the server's key; it tells its grant and generation to anybody.
    """
    random = grant_id[len(_GRANT) : -_CHECKSUM_CHARACTERS]
    mac = int(digests.of("refresh_token", f"{grant_id} {generation}"), 16)
    generation_digits = _base62(generation, _GENERATION_CHARACTERS)
    body = _REFRESH + random + generation_digits + _base62(mac, _SECRET_CHARACTERS)
    return Secret(body + _checksum(body))


def read_refresh_token(digests: Digests, value: str) -> tuple[str, int] | None:
    """The grant id and the generation of a refresh token that we made; None for everything else."""
    if not (value.isascii() and value.startswith(_REFRESH) and is_whole(value)):
        return None
    random_end = len(_REFRESH) + _ID_CHARACTERS
    digits = value[random_end : random_end + _GENERATION_CHARACTERS]
    if not set(digits) <= set(BASE62):
        return None
    grant_body = _GRANT + value[len(_REFRESH) : random_end]
    grant_id, generation = grant_body + _checksum(grant_body), 0
    for digit in digits:
        generation = generation * 62 + BASE62.index(digit)
    genuine = refresh_token(digests, grant_id, generation).reveal()
    return (grant_id, generation) if hmac.compare_digest(value, genuine) else None


def new_event_id(at_us: int) -> str:
    """A random id of a line in the journal, which sorts by its time (epoch microseconds)."""
    return f"ev_{at_us:016x}{secrets.token_hex(6)}"


def new_token_id() -> str:
    """A fresh `jti` of 128 bits (RFC 7519 §4.1.7). Read from the kernel, so forked workers never repeat."""
    return secrets.token_hex(16)


def new_company_id() -> str:
    """A random company id: 32 hexadecimal characters, as the reference has them."""
    return secrets.token_hex(16)


def is_whole(value: str) -> bool:
    """Whether an id or secret of ours carries its right checksum; false for a cut or mistyped one."""
    body, checksum = value[:-_CHECKSUM_CHARACTERS], value[-_CHECKSUM_CHARACTERS:]
    return value.startswith("kg_") and _checksum(body) == checksum


def derive_key(master: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from the master key."""
    return hmac.new(master, b"keygrove " + purpose.encode(), sha256).digest()


@lru_cache(maxsize=64)
def _keyed(key: bytes, domain: Domain) -> hmac.HMAC:
    """What all digests of a domain begin with."""
    return hmac.new(key, domain.encode() + b"\0", sha256)


def _new(kind: str, characters: int) -> str:
    body = f"kg_{kind}_" + "".join(secrets.choice(BASE62) for _ in range(characters))
    return body + _checksum(body)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("utf-8", "surrogatepass")), _CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = ""
    for _ in range(characters):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits
