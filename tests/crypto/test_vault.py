"""Signing keys at rest, and the master key in its file."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keygrove.crypto.vault import (
    MasterKeyError,
    Vault,
    create_master_key,
    parse_master_key,
    read_master_key,
)

MASTER = bytes(range(32))
VAULT = Vault(MASTER)
PRIVATE = b"-----BEGIN PRIVATE KEY-----"


def test_what_is_sealed_opens_again() -> None:
    """Under the same master key and the same name."""
    assert VAULT.open(VAULT.seal(PRIVATE, name="k1"), name="k1") == PRIVATE
    assert Vault(MASTER).open(VAULT.seal(b"", name="k1"), name="k1") == b""


def test_what_is_sealed_shows_nothing_and_never_looks_the_same() -> None:
    """A nonce of its own each time."""
    first, second = VAULT.seal(PRIVATE, name="k1"), VAULT.seal(PRIVATE, name="k1")
    assert first != second
    assert b"PRIVATE" not in base64.b64decode(first)


def test_another_master_key_does_not_open_it() -> None:
    """The refusal names the key and no secret."""
    with pytest.raises(MasterKeyError, match="the signing key k1"):
        Vault(MASTER[::-1]).open(VAULT.seal(PRIVATE, name="k1"), name="k1")


def test_two_sealed_keys_cannot_be_swapped() -> None:
    """The name is bound to the content."""
    with pytest.raises(MasterKeyError):
        VAULT.open(VAULT.seal(PRIVATE, name="k1"), name="k2")


def test_every_flipped_bit_is_noticed() -> None:
    """In the nonce, the content and the tag."""
    raw = base64.b64decode(VAULT.seal(b"secret", name="k1"))
    for place in range(len(raw)):
        for bit in (1, 128):
            changed = raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]
            with pytest.raises(MasterKeyError):
                VAULT.open(base64.b64encode(changed).decode(), name="k1")


@pytest.mark.parametrize("damaged", ["", "AA==", "not base64", "é", "A" * 1000])
def test_damaged_data_is_a_master_key_error(damaged: str) -> None:
    """Cut, empty or foreign: the same error, never another."""
    with pytest.raises(MasterKeyError):
        VAULT.open(damaged, name="k1")


def test_a_vault_prints_without_its_key() -> None:
    """Nothing of the master key is in its name."""
    assert repr(VAULT) == "Vault(<secret>)"


@pytest.mark.parametrize(
    "text", [MASTER.hex(), MASTER.hex().upper(), base64.b64encode(MASTER).decode() + "\n"]
)
def test_a_master_key_is_base64_or_hexadecimal(text: str) -> None:
    """White space around it does not matter."""
    assert parse_master_key(text) == MASTER


@pytest.mark.parametrize(
    "text", ["", "x", "é" * 64, "g" * 64, MASTER.hex()[:-2], base64.b64encode(MASTER[:-1]).decode()]
)
def test_a_malformed_master_key_is_refused(text: str) -> None:
    """Anything but 32 bytes; and what was written stays out of the message."""
    with pytest.raises(MasterKeyError) as refused:
        parse_master_key(text)
    assert len(text) < 2 or text not in str(refused.value)


def test_the_file_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    """Mode 0600 from the first moment on, and what is read is what was made."""
    path = tmp_path / "master.key"
    key = create_master_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_master_key(path) == key
    assert len(key) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says how to mend it."""
    path = tmp_path / "master.key"
    create_master_key(path)
    path.chmod(mode)
    with pytest.raises(MasterKeyError, match=f"chmod 600 {path}"):
        read_master_key(path)


def test_no_file_is_no_key(tmp_path: Path) -> None:
    """The caller decides whether one may be made."""
    assert read_master_key(tmp_path / "master.key") is None


def test_what_is_not_a_readable_text_file_is_refused(tmp_path: Path) -> None:
    """A folder, or bytes that are no text."""
    with pytest.raises(MasterKeyError, match="cannot be read"):
        read_master_key(tmp_path)
    path = tmp_path / "master.key"
    path.write_bytes(b"\xff" * 32)
    path.chmod(0o600)
    with pytest.raises(MasterKeyError, match="cannot be read"):
        read_master_key(path)


def test_a_key_that_exists_is_left_alone(tmp_path: Path) -> None:
    """Making it again gives the first one."""
    path = tmp_path / "master.key"
    assert create_master_key(path) == create_master_key(path)


def test_two_creators_at_once_end_with_one_key(tmp_path: Path) -> None:
    """Everybody holds the key that is in the file, and no draft is left over."""
    path = tmp_path / "master.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(create_master_key, [path] * 40))
    assert keys == {read_master_key(path)}
    assert list(tmp_path.iterdir()) == [path]
