"""The calls shown to developers. One set of templates: the page shows what the tests run."""

import json
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

PLACEHOLDER = "YOUR_SECRET_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One example. `language` names it in the page, `note` says what it needs.

    A program's `caption` begins with the name to save it under.
    """

    language: str
    title: str
    caption: str
    text: str
    note: str


def _shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


# The text is code, not HTML: it is escaped where a page shows it.
_SNIPPETS = Environment(  # noqa: S701
    loader=PackageLoader("keygrove.backoffice", "templates/snippets"),
    undefined=StrictUndefined,
    keep_trailing_newline=False,
    auto_reload=False,
)
_SNIPPETS.filters["sh"] = _shell_quoted
_SNIPPETS.filters["string"] = json.dumps

_ENVIRONMENT_NOTE = (
    "Reads KEYGROVE_CLIENT_ID and KEYGROVE_CLIENT_SECRET from the environment: "
    "set -a; . ./keygrove.env; set +a"
)


def examples(
    *, token_url: str, audience: str, scope: str, client_id: str, client_secret: str = PLACEHOLDER
) -> tuple[Snippet, ...]:
    """Getting a token with curl, Python and Node. Only curl carries the secret: it is ready to paste."""
    values = {
        "token_url": token_url,
        "audience": audience,
        "scope": scope,
        "client_id": client_id,
        "client_secret": client_secret,
    }

    def snippet(language: str, title: str, file: str, caption: str, note: str) -> Snippet:
        text = _SNIPPETS.get_template(file).render(values)
        return Snippet(language=language, title=title, caption=caption, text=text, note=note)

    # Not token.py: it would stand in front of Python's own module `token` for all programs of its folder.
    return (
        snippet("curl", "curl", "token.sh", "Ask for a token", ""),
        snippet("python", "Python", "token.py.txt", "get_token.py, standard library only", _ENVIRONMENT_NOTE),
        snippet("node", "Node", "token.mjs", "get_token.mjs, Node 18 or newer", _ENVIRONMENT_NOTE),
    )


def dotenv(*, issuer: str, client_id: str, client_secret: str) -> str:
    """The .env text: all that the SDK needs. Nothing in it is quoted, for not every reader takes quotes off.

    Ids and secrets hold letters, digits and `_` only; an issuer is a host and perhaps a port.
    """
    values = {"issuer": issuer, "client_id": client_id, "client_secret": client_secret}
    return _SNIPPETS.get_template("dotenv.txt").render(values) + "\n"
