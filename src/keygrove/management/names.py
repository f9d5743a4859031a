"""Names that people give: cleaned, bounded, and comparable."""

import unicodedata

from keygrove.management.errors import Fault, Invalid

# Controls, invisible formats, surrogates, private and unassigned characters, line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Formats that scripts and emoji are written with; they make no difference between two names.
_JOINERS = "\u200c\u200d"


def clean_name(text: str, *, field: str, shortest: int = 1, longest: int = 80) -> str:
    """The name in NFC, blanks at its ends removed. Lengths are in characters. Raises Invalid."""
    if len(text) > 4 * longest:
        raise Invalid(Fault(field, f"Use at most {longest} characters."))
    name = unicodedata.normalize("NFC", text.strip())
    if not name.strip(_JOINERS):
        raise Invalid(Fault(field, "Enter a name."))
    if any(map(_is_refused, name)):
        raise Invalid(
            Fault(field, "Use letters, digits and signs only: no line breaks or invisible characters.")
        )
    if not shortest <= len(name) <= longest:
        raise Invalid(Fault(field, f"Use {shortest} to {longest} characters."))
    return name


def legible(text: str) -> str:
    """Any text, with a sign in place of what no name may hold: line ends, and what a terminal would obey."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_refused(each) else each for each in text)


def _is_refused(character: str) -> bool:
    return unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _JOINERS


def name_key(name: str) -> str:
    """The form in which two names are the same: compared without case, width and joiners."""
    name = name.translate(dict.fromkeys(map(ord, _JOINERS)))
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
