"""Which browser somebody uses, in words, as far as it says so itself."""

# The first whose mark is found: what comes later also names those it wants to be taken for.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
_LONGEST = 60


def browser_words(user_agent: str) -> str:
    """ "Firefox on Windows"; what a program calls itself, cut; or that it says nothing."""
    browser = _first(_BROWSERS, user_agent)
    if not browser:
        name = user_agent.strip()
        return f"{name[:_LONGEST]}…" if len(name) > _LONGEST else name or "A browser that gave no name"
    system = _first(_SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(marks: tuple[tuple[str, str], ...], text: str) -> str:
    return next((word for mark, word in marks if mark in text), "")
