"""The sentence for a name that nobody knows."""

import difflib
from collections.abc import Iterable

# Below that a name has only a few letters in common with the one that is guessed.
_CLOSE = 0.65


def unknown(where: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, and which known one was probably meant."""
    before = f"{where}." if where else ""
    return f"{before}{name} {not_a_setting(name, known, before=before)}"


def not_a_setting(name: str, known: Iterable[str], *, before: str) -> str:
    """The same without the name. `before` stands before every name: what all begin with makes none close."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=_CLOSE)
    return f"is not a setting; did you mean {before}{near[0]}?" if near else "is not a setting"
