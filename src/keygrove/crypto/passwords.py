"""Passwords of people: argon2id (RFC 9106), with a bound on how many are hashed at once."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import error_to_str

T = TypeVar("T")
# ARGON2_MEMORY_ALLOCATION_ERROR: it says nothing about the password.
_NO_MEMORY = error_to_str(-22)
MIN_CHARACTERS = 12
MAX_BYTES = 4096
# OWASP's second profile: 19 MiB, two passes, one lane.
_MEMORY_KIB, _PASSES, _LANES = 19 * 1024, 2, 1


class PasswordTooLong(ValueError):
    """The password is over MAX_BYTES bytes of UTF-8."""


class TooBusy(Exception):
    """Too many passwords wait to be hashed, or memory is short; the caller may try again in a moment."""


class Passwords:
    """Hashes and verifies passwords away from the event loop: `at_once` at a time, `waiting` in line."""

    def __init__(self, *, at_once: int = 1, waiting: int = 64) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._line = at_once + waiting
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, in PHC string form. Raises PasswordTooLong, TooBusy."""
        return await self._in_line(self._hasher.hash, prepare(password))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the one hashed. With None (no such person) it costs the same.

        Raises PasswordTooLong, TooBusy.
        """
        return await self._in_line(self._verify, prepare(password), hashed)

    async def _in_line(self, work: Callable[..., T], *arguments: bytes | str | None) -> T:
        if not self._line:
            raise TooBusy
        self._line -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._line += 1

    def _verify(self, prepared: bytes, hashed: str | None) -> bool:
        if hashed is None:
            self._nobody = self._nobody or self._hasher.hash("a password of nobody")
        try:
            return self._hasher.verify(hashed or self._nobody, prepared) and hashed is not None
        except (VerifyMismatchError, InvalidHashError):
            return False
        except VerificationError as error:
            if str(error) == _NO_MEMORY:
                raise TooBusy from error
            return False


def prepare(password: str) -> bytes:
    """The password as it is hashed: Unicode NFC in UTF-8, every byte counts (RFC 8265 §4.2).

    Raises PasswordTooLong.
    """
    normal = unicodedata.normalize("NFC", password) if len(password) <= MAX_BYTES else password
    prepared = normal.encode("utf-8", "surrogatepass")
    if len(prepared) > MAX_BYTES:
        raise PasswordTooLong
    return prepared
