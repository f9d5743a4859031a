"""Names that people give: table K03 of the hostile cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.management.errors import Invalid
from keygrove.management.names import clean_name, legible, name_key


def fault(text: str) -> str:
    """What is said about a name that must be refused."""
    with pytest.raises(Invalid) as refused:
        clean_name(text, field="name", shortest=3)
    (one,) = refused.value.faults
    assert one.field == "name"
    return one.message


@pytest.mark.parametrize("text", ["", "   ", "\t \n", "\u3000\u2003"])
def test_k03_nothing_or_blanks_only_is_no_name(text: str) -> None:
    """A name has to be entered."""
    assert fault(text) == "Enter a name."


@pytest.mark.parametrize("text", ["ab", "x" * 81, "x" * 10_000, "a" + "\u0301" * 1000, "x" * 10_000_000])
def test_k03_the_length_is_bounded(text: str) -> None:
    """Before anything costly is done with it."""
    assert "characters" in fault(text)


@pytest.mark.parametrize(
    "character",
    list(
        "\0\n\r\x1b\x7f\x85\u2028\u2029\ud800\ue000\uffff\u202e\u2066\u200f\u200b\u2060\ufeff\u00ad\U000e0041"
    ),
)
def test_k03_controls_and_invisible_characters_are_refused(character: str) -> None:
    """Line ends, NUL, escapes, lone surrogates, and what turns or hides the text around it."""
    assert "invisible" in fault(f"Key {character} one")


@pytest.mark.parametrize(
    "text",
    [
        "Newsletter sync, production",
        "Ключ",
        "鍵の名前",
        "مفتاح",
        "🔑🔑🔑",
        "👩‍💻 key",
        "abc",
        "x" * 80,
        "<b>&amp;",
        "=1+1",
        "می‌خواهم",
    ],
)
def test_k03_names_of_every_script_are_names(text: str) -> None:
    """Emoji and their joiners too; what looks like markup or a formula is text."""
    assert clean_name(f"  {text} ", field="name", shortest=3) == text


def test_k03_joiners_alone_are_no_name() -> None:
    """Nobody could see it."""
    assert fault("\u200d\u200d\u200d\u200c") == "Enter a name."


def test_a_name_is_kept_composed() -> None:
    """NFC, so that one name has one spelling."""
    assert clean_name("cafe\u0301", field="name") == "caf\u00e9"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Key", "KEY"),
        ("Straße", "STRASSE"),
        ("é", "e\u0301"),
        ("\uff4b\uff45\uff59", "key"),
        ("ﬁle", "FILE"),
        ("a\u200db", "ab"),
    ],
)
def test_names_that_look_the_same_have_one_key(one: str, other: str) -> None:
    """Case, composition, width and joiners do not tell names apart."""
    assert name_key(one) == name_key(other)


@given(st.text(max_size=90))
def test_any_text_is_a_clean_name_or_a_fault(text: str) -> None:
    """A clean name is clean again, and can be stored and logged in one line."""
    try:
        name = clean_name(text, field="name")
    except Invalid:
        return
    assert clean_name(name, field="name") == name
    assert len(name.splitlines()) == 1
    assert name.encode()
    assert name_key(name) == name_key(name_key(name))


@given(st.text())
def test_what_is_made_legible_holds_nothing_that_names_may_not(text: str) -> None:
    """Each such character becomes one sign; all others, joiners among them, stay as they are."""
    shown = legible(text)
    assert len(shown) == len(text)
    assert legible(shown) == shown
    for before, after in zip(text, shown, strict=True):
        if before == after and before.strip("\u200c\u200d \t"):
            clean_name(f"a{after}b", field="name")
        elif before != after:
            assert "invisible" in fault(f"Key {before} one")
