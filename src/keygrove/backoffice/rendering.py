"""Templates to pages. Every value a template uses is handed to it; a missing one is an error, not a blank."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from keygrove.backoffice.shell import Shell
from keygrove.backoffice.static_files import static

PAGES = Environment(
    loader=PackageLoader("keygrove.backoffice"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
PAGES.globals["static"] = static


def possessive(name: str) -> str:
    """ "Acme's", "Northern Lights Tours'"."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


PAGES.filters["possessive"] = possessive


def render(template: str, shell: Shell, *title: str, failed: bool = False, **values: object) -> str:
    """A page as text. `title` runs from the page to what it is part of; a failed form says so first."""
    company = (shell.company.name,) if shell.company is not None else ()
    words = " – ".join((*title, *company, "Backoffice"))  # noqa: RUF001, the en dash is part of the words
    return PAGES.get_template(f"pages/{template}.html").render(
        shell=shell, title=f"Error: {words}" if failed else words, **values
    )


def page(
    template: str, shell: Shell, *title: str, status: int = 200, failed: bool = False, **values: object
) -> HTMLResponse:
    """A page as a response that no cache keeps."""
    return HTMLResponse(
        render(template, shell, *title, failed=failed, **values),
        status_code=status,
        headers={"Cache-Control": "no-store"},
    )
