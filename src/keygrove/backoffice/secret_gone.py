"""The same form sent again, key's or app's: it did its work, and the secret is gone."""

from dataclasses import dataclass

from starlette.responses import Response

from keygrove.backoffice.here import Here
from keygrove.backoffice.rendering import page


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What was done already. `words` go on after the name; `view` and `all` are labels with addresses."""

    title: tuple[str, str]
    section: str
    heading: str
    name: str
    words: str
    view: tuple[str, str]
    all: tuple[str, str]


def secret_gone(here: Here, gone: Gone) -> Response:
    """The page that says so, with a way on."""
    return page("secret_gone", here.shell, *gone.title, gone=gone)
