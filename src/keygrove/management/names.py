"""Names that people give: cleaned, bounded, and comparable."""

import unicodedata

from keygrove.management.errors import Fault, Invalid

# Controls, surrogates, private and unassigned characters, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
# Characters that turn the direction of the text around them.
_TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_name(text: str, *, field: str, shortest: int = 1, longest: int = 80) -> str:
    """The name in NFC, blanks at its ends removed. Lengths are in characters. Raises Invalid."""
    if len(text) > 4 * longest:
        raise Invalid(Fault(field, f"Use at most {longest} characters."))
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise Invalid(Fault(field, "Enter a name."))
    if any(
        unicodedata.category(character) in _REFUSED_CATEGORIES or character in _TURNS for character in name
    ):
        raise Invalid(
            Fault(field, "Use letters, digits and signs only: no line breaks or invisible characters.")
        )
    if not shortest <= len(name) <= longest:
        raise Invalid(Fault(field, f"Use {shortest} to {longest} characters."))
    return name


def name_key(name: str) -> str:
    """The form in which two names are the same: compared without case and width."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
