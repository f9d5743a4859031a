"""Passwords of people: normalization, length, and the bounded line in front of argon2id."""

import asyncio
import unicodedata
from typing import Any

import pytest
from argon2 import PasswordHasher

from keygrove.crypto import passwords
from keygrove.crypto.passwords import MAX_BYTES, Passwords, PasswordTooLong, TooBusy, prepare

PASSWORD = "correct horse battery"


pytestmark = pytest.mark.anyio


async def test_the_right_password_is_verified_and_no_other() -> None:
    """Case, blanks at the ends and one character more all matter."""
    people = Passwords()
    hashed = await people.hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in hashed
    assert await people.verify(PASSWORD, hashed)
    for wrong in ("", PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD} ", PASSWORD[:-1], f"{PASSWORD}\0"):
        assert not await people.verify(wrong, hashed)


async def test_two_hashes_of_one_password_differ() -> None:
    """Each has a salt of its own."""
    people = Passwords()
    assert await people.hash(PASSWORD) != await people.hash(PASSWORD)


async def test_one_spelling_counts_for_all_that_look_alike() -> None:
    """NFC and NFD are the same password (RFC 8265 §4.2)."""
    composed, decomposed = (unicodedata.normalize(form, "Größe über älles") for form in ("NFC", "NFD"))
    assert composed != decomposed
    people = Passwords()
    assert await people.verify(decomposed, await people.hash(composed))
    assert await people.verify(composed, await people.hash(decomposed))


async def test_every_byte_counts() -> None:
    """Nothing is cut at 72 bytes, as bcrypt would."""
    people = Passwords()
    hashed = await people.hash("x" * 72 + "right")
    assert await people.verify("x" * 72 + "right", hashed)
    assert not await people.verify("x" * 72 + "wrong", hashed)
    assert not await people.verify("x" * 72, hashed)


async def test_too_long_a_password_is_refused_before_it_is_hashed() -> None:
    """4,096 bytes of UTF-8 pass, one more does not, however many characters they are."""
    assert prepare("x" * MAX_BYTES) == b"x" * MAX_BYTES
    assert prepare("é" * (MAX_BYTES // 2))
    for long in ("x" * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1), "x" * 10_000_000):
        with pytest.raises(PasswordTooLong):
            prepare(long)
    people = Passwords()
    with pytest.raises(PasswordTooLong):
        await people.hash("x" * (MAX_BYTES + 1))
    with pytest.raises(PasswordTooLong):
        await people.verify("x" * (MAX_BYTES + 1), None)


async def test_nobody_costs_as_much_as_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an account there is a verification too, and it fails, whatever the password."""
    verified: list[bytes] = []
    real = PasswordHasher.verify

    def counting(self: PasswordHasher, hashed: str, password: bytes) -> Any:
        verified.append(password)
        return real(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    people = Passwords()
    assert not await people.verify(PASSWORD, None)
    assert not await people.verify("a password of nobody", None)
    assert verified == [PASSWORD.encode(), b"a password of nobody"]


@pytest.mark.parametrize("hashed", ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$x", "$2b$12$" + "x" * 53])
async def test_a_damaged_hash_verifies_nothing(hashed: str) -> None:
    """It is no exception either: the person is told that the password is wrong."""
    assert not await Passwords().verify(PASSWORD, hashed)


async def test_lone_surrogates_are_a_password_like_any_other() -> None:
    """They verify or fail; they do not break the line."""
    assert not await Passwords().verify("\ud800" * 12, None)


async def test_the_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is hashed, two wait, and everybody else is told at once that it is too busy."""
    people = Passwords(at_once=1, waiting=2)
    answers = await asyncio.gather(
        *(people.verify(PASSWORD, None) for _ in range(10)), return_exceptions=True
    )
    assert [answer for answer in answers if answer is False] == [False] * 3
    assert sum(isinstance(answer, TooBusy) for answer in answers) == 7
    assert await people.verify(PASSWORD, None) is False


async def test_a_canceled_wait_gives_its_place_back() -> None:
    """A browser that goes away does not shorten the line for good."""
    people = Passwords(at_once=1, waiting=0)
    waiting = asyncio.create_task(people.verify(PASSWORD, None))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await people.verify(PASSWORD, None) is False


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    """Hashing has a thread of its own, so that tokens are issued meanwhile."""
    hashing = asyncio.create_task(Passwords().hash(PASSWORD))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10


def test_the_cost_is_what_owasp_asks_for() -> None:
    """19 MiB, two passes, one lane."""
    assert (passwords._MEMORY_KIB, passwords._PASSES, passwords._LANES) == (19456, 2, 1)
