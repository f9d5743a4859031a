"""A value with one character changed, whatever that character was."""


def altered(text: str, at: int = -1) -> str:
    """`text` with another base62 character at the index `at`: never `text` itself.

    A fixed character would leave one in 62 of random values as they were.
    """
    place = range(len(text))[at]
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
