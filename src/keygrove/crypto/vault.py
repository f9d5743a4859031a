"""Private keys encrypted at rest under the master key (AES-256-GCM), and the master key's own file."""

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keygrove.crypto.secrets import derive_key

KEY_BYTES = 32
_NONCE_BYTES = 12


class MasterKeyError(Exception):
    """The master key is missing, malformed, readable by others, or not the one that sealed the data."""


class Vault:
    """Seals and opens what must not be readable in the database."""

    __slots__ = ("_aead",)

    def __init__(self, master: bytes) -> None:
        self._aead = AESGCM(derive_key(master, "vault"))

    def seal(self, plaintext: bytes, *, name: str) -> str:
        """Encrypt; `name` (the kid, say) is bound to the result, so that two cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, plaintext, name.encode())).decode()

    def open(self, sealed: str, *, name: str) -> bytes:
        """Decrypt. Raises MasterKeyError when the master key differs or the data was changed."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._aead.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError, binascii.Error):
            raise MasterKeyError(
                f"the master key does not open the signing key {name}: put back the right master key, "
                "or restore the latest backup if the signing key was damaged"
            ) from None

    def __repr__(self) -> str:
        return "Vault(<secret>)"


def parse_master_key(text: str) -> bytes:
    """Read a master key: 32 bytes as base64 or hexadecimal. Raises MasterKeyError."""
    text = text.strip()
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError("the master key must be 32 bytes, written as base64 or hexadecimal")
    return key


def read_master_key(path: Path) -> bytes | None:
    """The master key in a file; None when there is no file. Raises MasterKeyError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise MasterKeyError(f"the master key file {path} cannot be read: {error}") from None
    if mode & 0o077:
        raise MasterKeyError(f"the master key file {path} can be read by others; run: chmod 600 {path}")
    return parse_master_key(text)


def create_master_key(path: Path) -> bytes:
    """Make a master key in a new file that only its owner can read; one that exists is left alone.

    Safe when two processes start at once: both end with the same key. Raises MasterKeyError.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    key = read_master_key(path)
    if key is None:
        raise MasterKeyError(f"the master key file {path} vanished while it was made")
    return key
