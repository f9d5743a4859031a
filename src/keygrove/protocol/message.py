"""HTTP requests and responses as plain values, and the form encoding of RFC 6749 App. B."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from keygrove.protocol.errors import InvalidRequest, MethodNotAllowed, UnsupportedEncoding

FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS = 256
_HEX = frozenset("0123456789abcdefABCDEF")
_CHARSETS = ("utf-8", "utf8", "us-ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Header names are lower case; `headers` keeps repeated ones apart.

    `query` is what follows the question mark in the target, still encoded.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    query: bytes = b""
    body: bytes = b""
    address: str = ""
    request_id: str = ""

    def header(self, name: str) -> str | None:
        """The header's value; None when it is absent.

        Raises InvalidRequest when the header is repeated.
        """
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise InvalidRequest(f"The {name} header is repeated.")
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Parameters:
    """Decoded request parameters, none of them empty (RFC 6749 §3.1, §3.2).

    A parameter sent without a value counts as absent. A repeated one is refused when it is
    read, unless it may repeat (`resource`, RFC 8707 §2).
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        self._values = values

    def one(self, name: str) -> str | None:
        """The parameter's value; None when it is absent or empty.

        Raises InvalidRequest when it is sent twice (RFC 6749 §3.2).
        """
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise InvalidRequest("A parameter is repeated.", detail=f"repeated: {name[:40]!r}")
        return values[0] or None

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a parameter that may repeat, empty ones left out."""
        return tuple(value for value in self._values.get(name, ()) if value)

    def refuse_repeats(self, *, except_for: frozenset[str]) -> None:
        """Raise InvalidRequest when any parameter is sent twice (RFC 6749 §3.2)."""
        for name, values in self._values.items():
            if len(values) > 1 and name not in except_for:
                raise InvalidRequest("A parameter is repeated.", detail=f"repeated: {name[:40]!r}")


def read_form(request: Request) -> Parameters:
    """The parameters of a form POST, as the token endpoint takes them (RFC 6749 §3.2, App. B).

    Raises MethodNotAllowed, UnsupportedEncoding, InvalidRequest.
    """
    if request.method != "POST":
        raise MethodNotAllowed("Send a POST request.")
    if (request.header("content-encoding") or "identity").strip().lower() != "identity":
        raise UnsupportedEncoding("Compressed bodies are not accepted.")
    _check_content_type(request.header("content-type"))
    return Parameters(decode_form(request.body))


def read_query_or_form(request: Request) -> Parameters:
    """The parameters of a GET's query or of a form POST, as the authorization endpoint takes them.

    A POST's query says nothing (RFC 6749 §3.1, OIDC Core §3.1.2.1). Raises MethodNotAllowed,
    UnsupportedEncoding, InvalidRequest.
    """
    if request.method == "GET":
        return Parameters(decode_form(request.query))
    if request.method == "POST":
        return read_form(request)
    raise MethodNotAllowed("Send a GET or a POST request.")


def decode_form(body: bytes) -> list[tuple[str, str]]:
    """Decode `application/x-www-form-urlencoded` strictly, as UTF-8 (RFC 6749 App. B).

    Unescaped blanks, colons and slashes are taken as they are, as `curl -d` sends them.
    Raises InvalidRequest for broken escapes, invalid UTF-8, NUL, or too many parameters.
    """
    if not body:
        return []
    if body.count(b"&") >= MAX_PARAMETERS:
        raise InvalidRequest("There are too many parameters.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The parameters are not valid UTF-8.") from None
    pairs = []
    for field in text.split("&"):
        if field:
            name, _, value = field.partition("=")
            pairs.append((decode_component(name), decode_component(value)))
    return pairs


def decode_component(text: str) -> str:
    """Decode one form-encoded name or value (RFC 6749 App. B).

    Raises InvalidRequest for broken escapes, invalid UTF-8 and NUL.
    """
    if "+" in text:
        text = text.replace("+", " ")
    if "%" in text:
        for escape in text.split("%")[1:]:
            if len(escape) < 2 or escape[0] not in _HEX or escape[1] not in _HEX:
                raise InvalidRequest("A percent-escape is malformed.")
        try:
            text = unquote_to_bytes(text).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidRequest("A parameter is not valid UTF-8.") from None
    if "\0" in text:
        raise InvalidRequest("A parameter contains a NUL character.")
    return text


def _check_content_type(content_type: str | None) -> None:
    media_type, *options = (content_type or "").split(";")
    if media_type.strip().lower() != FORM:
        raise InvalidRequest(f"Send the parameters as {FORM}.")
    for option in options:
        name, _, value = option.partition("=")
        if name.strip().lower() == "charset" and value.strip(" \t\"'").lower() not in _CHARSETS:
            raise InvalidRequest("Send the parameters in UTF-8.")
