"""Ids and secrets: their shape, their checksum, and the keyed digests that are stored of them."""

from collections.abc import Callable
from typing import get_args
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.crypto.secrets import (
    BASE62,
    Digests,
    Domain,
    Secret,
    _base62,
    derive_key,
    is_whole,
    new_client_id,
    new_client_secret,
    new_code,
    new_company_id,
    new_event_id,
    new_grant_id,
    new_person_id,
    new_reset_token,
    new_session_token,
    new_setup_token,
    new_token_id,
    read_refresh_token,
    refresh_token,
)

DIGESTS = Digests(b"k" * 32)
KINDS: dict[str, tuple[Callable[[], str], int]] = {
    "kg_ci_": (new_client_id, 34),
    "kg_pe_": (new_person_id, 34),
    "kg_sk_": (lambda: new_client_secret().reveal(), 55),
    "kg_se_": (lambda: new_session_token().reveal(), 55),
    "kg_su_": (lambda: new_setup_token().reveal(), 55),
    "kg_rp_": (lambda: new_reset_token().reveal(), 55),
    "kg_gr_": (new_grant_id, 34),
    "kg_co_": (lambda: new_code().reveal(), 55),
    "kg_rt_": (lambda: refresh_token(DIGESTS, new_grant_id(), 1).reveal(), 83),
}


@pytest.mark.parametrize("prefix", KINDS)
def test_every_kind_has_its_prefix_length_and_alphabet(prefix: str) -> None:
    """Letters and digits after the prefix: raw, form-encoded and URL-encoded spellings are the same."""
    make, length = KINDS[prefix]
    value = make()
    assert value.startswith(prefix)
    assert len(value) == length
    assert set(value.removeprefix(prefix)) <= set(BASE62)


@pytest.mark.parametrize("prefix", KINDS)
def test_two_hundred_values_of_a_kind_are_distinct(prefix: str) -> None:
    """Chance comes from the kernel and does not repeat."""
    make, _ = KINDS[prefix]
    assert len({make() for _ in range(200)}) == 200


@pytest.mark.parametrize("make", [new_token_id, new_company_id])
def test_token_and_company_ids_are_128_bits_of_hexadecimal(make: Callable[[], str]) -> None:
    """32 lower-case digits, as the reference has them, never twice the same."""
    values = {make() for _ in range(200)}
    assert len(values) == 200
    assert all(len(value) == 32 and set(value) <= set("0123456789abcdef") for value in values)


def test_every_character_of_the_alphabet_is_used() -> None:
    """Nothing halves the number of possible secrets."""
    seen = set("".join(new_client_secret().reveal()[6:] for _ in range(200)))
    assert seen == set(BASE62)


@pytest.mark.parametrize("prefix", KINDS)
def test_the_checksum_is_right_in_every_new_value(prefix: str) -> None:
    """What was copied whole is whole."""
    assert is_whole(KINDS[prefix][0]())


def test_the_checksum_tells_every_cut() -> None:
    """From either end, however long."""
    secret = new_client_secret().reveal()
    assert not any(is_whole(secret[:length]) for length in range(len(secret)))
    assert not any(is_whole(secret[start:]) for start in range(1, len(secret)))


def test_the_checksum_tells_every_change_of_one_character() -> None:
    """At every place, to every other character: CRC-32 finds all bursts within 32 bits."""
    secret = new_client_secret().reveal()
    changed = [
        secret[:place] + character + secret[place + 1 :]
        for place in range(len(secret))
        for character in BASE62
        if character != secret[place]
    ]
    assert len(changed) > 3000
    assert not any(map(is_whole, changed))


@given(st.text(max_size=70))
def test_any_text_can_be_asked_whether_it_is_whole(text: str) -> None:
    """The answer is no, and never an exception."""
    assert not is_whole(text)
    assert not is_whole(f"kg_{text}\ud800")


def test_a_secret_prints_without_itself() -> None:
    """In logs, f-strings, lists and exceptions."""
    secret = new_client_secret()
    shown = f"{secret} {secret!r} {[secret]} {ValueError(secret)}"
    assert secret.reveal() not in shown
    assert shown.startswith("<secret> <secret>")
    assert Secret("x").reveal() == "x"


def test_digests_print_without_their_key() -> None:
    """The server's key stays out of every traceback."""
    assert repr(DIGESTS) == "Digests(<secret>)"
    assert "kkk" not in f"{DIGESTS}"


def test_domains_never_meet() -> None:
    """One value has another digest as a client secret than as a session, and so on."""
    domains = get_args(Domain)
    digests = {DIGESTS.of(domain, "value") for domain in domains}
    assert len(digests) == len(domains) >= 5
    assert all(len(digest) == 64 for digest in digests)


def test_a_digest_depends_on_key_and_value_alone() -> None:
    """The same each time, another with another key or value, and every byte counts."""
    assert DIGESTS.of("session", "value") == DIGESTS.of("session", "value")
    assert DIGESTS.of("session", "value") != Digests(b"l" * 32).of("session", "value")
    long = "x" * 100
    assert DIGESTS.of("client_secret", long) != DIGESTS.of("client_secret", long[:72])
    assert DIGESTS.of("client_secret", "") != DIGESTS.of("client_secret", "\0")


def test_a_digest_takes_any_text() -> None:
    """Also what no database could store."""
    assert len(DIGESTS.of("client_secret", "\ud800\0é")) == 64


def test_derived_keys_differ_by_purpose_and_master() -> None:
    """32 bytes each, and one tells nothing about another."""
    keys = {derive_key(b"m" * 32, "vault"), derive_key(b"m" * 32, "digests"), derive_key(b"n" * 32, "vault")}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}


def test_a_refresh_token_names_its_grant_and_generation() -> None:
    """The same token each time, so that an answer can be given again; another for each generation."""
    grant_id = new_grant_id()
    for generation in (1, 2, 61, 62, 10_000, 62**6 - 1):
        token = refresh_token(DIGESTS, grant_id, generation)
        assert token.reveal() == refresh_token(DIGESTS, grant_id, generation).reveal()
        assert read_refresh_token(DIGESTS, token.reveal()) == (grant_id, generation)
        assert f"{token!r}" == "<secret>"


def test_nobody_makes_a_refresh_token_without_the_key() -> None:
    """Not with another key, not from one of another generation, not with a checksum of one's own."""
    grant_id = new_grant_id()
    first, second = (refresh_token(DIGESTS, grant_id, generation).reveal() for generation in (1, 2))
    foreign = refresh_token(Digests(b"l" * 32), grant_id, 1).reveal()
    spliced = _with_checksum(first[:34] + second[34:77])
    for value in (foreign, spliced, _with_checksum("kg_rt_"), _with_checksum("kg_rt_" + "_" * 71)):
        assert is_whole(value)
        assert read_refresh_token(DIGESTS, value) is None
    assert not any(read_refresh_token(DIGESTS, first[:length]) for length in range(len(first)))


@given(st.text(max_size=90))
def test_any_text_can_be_asked_whether_it_is_a_refresh_token(text: str) -> None:
    """The answer is no, and never an exception, also when its checksum is right."""
    for value in (text, _with_checksum("kg_rt_" + text)):
        assert read_refresh_token(DIGESTS, value) is None


def test_event_ids_sort_by_time() -> None:
    """Two of one microsecond differ."""
    assert new_event_id(1) != new_event_id(1)
    assert new_event_id(9) < new_event_id(10) < new_event_id(1_700_000_000_000_000)


def _with_checksum(body: str) -> str:
    return body + _base62(crc32(body.encode("utf-8", "surrogatepass")), 6)
