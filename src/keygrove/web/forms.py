"""Form posts of pages: bounded, strict UTF-8, and never from another site."""

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.requests import Request

from keygrove.protocol.errors import OAuthError
from keygrove.protocol.message import FORM, decode_form
from keygrove.web.adapter import MAX_BODY_BYTES, read_body
from keygrove.web.visits import form_tokens, management

TOKEN_FIELD = "form_token"  # noqa: S105 - the field's name


class BadForm(Exception):
    """A form post that cannot be read; `status` is the HTTP status that says so."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        self.status = status
        super().__init__(message)


class CrossSite(BadForm):
    """A form post that did not come from a page of ours."""

    def __init__(self) -> None:
        super().__init__(
            "This form was not sent from its own page. Go back, reload the page and try again.", status=403
        )


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form post."""

    fields: tuple[tuple[str, str], ...]

    def one(self, name: str) -> str:
        """The field's first value; empty when it is absent."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(value for key, value in self.fields if key == name)

    def names(self) -> Iterable[str]:
        """The fields' names, each once."""
        return dict.fromkeys(key for key, _ in self.fields)


async def read_form(request: Request, *, strangers: bool = False) -> Form:
    """The fields of a form that one of our pages sent; of a page for strangers too, when `strangers` may.

    Raises CrossSite, BadForm, Disconnected.
    """
    refuse_cross_site(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM:
        raise BadForm("Send the form as it is on its page.", status=415)
    try:
        body = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
        form = Form(tuple(decode_form(body)))
    except OAuthError as error:
        raise BadForm(error.description, status=error.status) from None
    presented = form.one(TOKEN_FIELD).encode()
    if not any(
        compare_digest(presented, token.encode()) for token in form_tokens(request, strangers=strangers)
    ):
        raise CrossSite
    return form


def refuse_cross_site(request: Request) -> None:
    """Raise CrossSite when the browser says that another site sent this request.

    A browser that says nothing (no `Sec-Fetch-Site`, no `Origin`) is held by the form token alone.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CrossSite
    elif origin != "null" and origin not in (
        management(request).issuer,
        f"{request.url.scheme}://{_host(request)}",
    ):
        raise CrossSite


def _host(request: Request) -> str:
    return urlsplit(f"//{request.headers.get('host', '')}").netloc
