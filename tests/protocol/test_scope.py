"""The scope of RFC 6749 §3.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.errors import InvalidScope
from keygrove.protocol.scope import Scope

TOKEN = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=9
)


def test_tokens_keep_their_order() -> None:
    """The list is printed as it was asked for."""
    scope = Scope.parse("openid marketing.read booking.read")
    assert scope.tokens == ("openid", "marketing.read", "booking.read")
    assert str(scope) == "openid marketing.read booking.read"


def test_repeats_and_blanks_are_dropped() -> None:
    """Each token counts once, at its first place; two blanks in a row are forgiven."""
    assert Scope.parse("  b a  b a ").tokens == ("b", "a")
    assert Scope.of(["b", "a", "b"]).tokens == ("b", "a")


def test_tokens_are_compared_exactly() -> None:
    """Case matters and nothing is a wildcard."""
    asked = Scope.parse("booking.read Booking.read booking.* booking")
    assert asked.beyond(frozenset({"booking.read"})) == ("Booking.read", "booking.*", "booking")


def test_nothing_asked_is_false() -> None:
    """An empty scope is a scope that asks for nothing."""
    assert not Scope.parse("")
    assert not Scope.parse("   ")
    assert Scope.parse("a")
    assert Scope.parse("a").beyond(frozenset("a")) == ()


@pytest.mark.parametrize(
    "character", ["\t", "\n", "\r", '"', "\\", "\x00", "\x1f", "\x7f", "\x80", "é", "\u2003"]
)
def test_characters_outside_the_grammar_are_refused(character: str) -> None:
    """scope-token is %x21 / %x23-5B / %x5D-7E, and only the blank separates."""
    with pytest.raises(InvalidScope, match="character"):
        Scope.parse(f"booking.read{character}event.read")


@pytest.mark.parametrize("character", ["!", "#", "[", "]", "~", ":", "/", "*", "'"])
def test_every_corner_of_the_grammar_is_accepted(character: str) -> None:
    """The ends of its three ranges, and what stands in scopes of real servers."""
    assert Scope.parse(character).tokens == (character,)


def test_length_and_number_are_bounded() -> None:
    """4,096 characters and 128 different tokens are enough; one more is refused."""
    assert Scope.parse("x" * 4096).tokens == ("x" * 4096,)
    with pytest.raises(InvalidScope, match="too long"):
        Scope.parse("x" * 4097)
    assert len(Scope.parse(" ".join(map(str, range(128)))).tokens) == 128
    with pytest.raises(InvalidScope, match="too long"):
        Scope.parse(" ".join(map(str, range(129))))


@given(st.lists(TOKEN, max_size=8))
def test_what_is_printed_parses_to_the_same(tokens: list[str]) -> None:
    """Printing and parsing undo each other."""
    scope = Scope.of(tokens)
    assert Scope.parse(str(scope)) == scope


@given(st.text(max_size=40))
def test_any_text_is_a_scope_or_an_invalid_scope(text: str) -> None:
    """Nothing else is raised, and what parses prints as well-formed tokens."""
    try:
        scope = Scope.parse(text)
    except InvalidScope:
        return
    assert scope.tokens == tuple(dict.fromkeys(text.split(" "))) or "" in text.split(" ")


def test_a_scope_is_cut_down_to_what_is_granted_or_refused() -> None:
    """Silently by one, loudly by the other, which names what is missing."""
    asked = Scope.parse("b a c")
    assert asked.within(frozenset("ab")).tokens == ("b", "a")
    asked.require_within(frozenset("abc"))
    with pytest.raises(InvalidScope, match="The scope c is not granted"):
        asked.require_within(frozenset("ab"))
