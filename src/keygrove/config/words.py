"""The sentence for a name that nobody knows."""

import difflib
from collections.abc import Iterable


def unknown(where: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, and which known one was probably meant."""
    whole = f"{where}.{name}" if where else name
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    if not near:
        return f"{whole} is not a setting"
    return f"{whole} is not a setting; did you mean {f'{where}.{near[0]}' if where else near[0]}?"
