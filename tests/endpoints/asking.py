"""Asks the token endpoint, in every way that HTTP allows, and looks at the answers."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2

from hostile_rules import Rules
from running import AUDIENCE, Key

PATH = "/oauth2/token"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# The characters of an error_description (RFC 6749 §5.2).
_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
Pairs = Sequence[tuple[str, str]]


def basic(client_id: str, client_secret: str) -> dict[str, str]:
    """An Authorization header over these two as they are."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()}


def encoded_basic(client_id: str, client_secret: str) -> dict[str, str]:
    """An Authorization header with both form-encoded first (RFC 6749 §2.3.1)."""
    return basic(quote_plus(client_id), quote_plus(client_secret))


def claims(answer: httpx2.Response) -> dict[str, Any]:
    """The claims of the token in an answer, its signature not looked at."""
    payload = answer.json()["access_token"].split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(found, dict)
    return found


@dataclass(frozen=True, slots=True)
class Asker:
    """A program with a key."""

    rules: Rules
    key: Key

    def as_key(self, key: Key) -> "Asker":
        """The same program with another key."""
        self.rules.secrets.add(key.client_secret)
        return replace(self, key=key)

    def form(self, **changes: str | None) -> list[tuple[str, str]]:
        """The parameters of the reference's request; `changes` replace or add some, None takes one away."""
        pairs: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "scope": "openid marketing.read",
            "audience": AUDIENCE,
            "client_id": self.key.client_id,
            "client_secret": self.key.client_secret,
            **changes,
        }
        return [(name, value) for name, value in pairs.items() if value is not None]

    def post(
        self, body: Pairs | bytes, headers: Mapping[str, str] | None = None, *, query: str = ""
    ) -> httpx2.Response:
        """Post a body; a form unless it is bytes. The answer is held to the rules."""
        content = body if isinstance(body, bytes) else urlencode(body).encode()
        return self.send("POST", content, {**FORM, **(headers or {})}, query=query)

    def send(
        self, method: str, content: bytes, headers: Mapping[str, str], *, query: str = "", path: str = PATH
    ) -> httpx2.Response:
        """Send one request as it is given."""
        answer = self.rules.http.request(method, path + query, content=content, headers=dict(headers))
        shows = ("eyJ",) if answer.status_code == 200 and path == PATH else ()
        elapsed_s = answer.elapsed.total_seconds()
        self.rules.check(answer.status_code, answer.headers, answer.text, elapsed_s, shows=shows)
        return answer

    def __call__(self, **changes: str | None) -> httpx2.Response:
        """Ask as the reference does, with changes."""
        return self.post(self.form(**changes))

    def by_basic(self, headers: Mapping[str, str], **changes: str | None) -> httpx2.Response:
        """Ask with an Authorization header and without credentials in the body."""
        return self.post(self.form(**{"client_id": None, "client_secret": None, **changes}), headers)


def body_of(ask: Asker, **changes: str | None) -> bytes:
    """The reference's form as bytes."""
    return urlencode(ask.form(**changes)).encode()


def granted(answer: httpx2.Response) -> dict[str, Any]:
    """The members of a success (RFC 6749 §5.1): these four, in the reference's order, and nothing more."""
    assert answer.status_code == 200, answer.text
    members = answer.json()
    assert list(members) == ["access_token", "expires_in", "scope", "token_type"]
    assert members["token_type"] == "bearer"
    assert type(members["expires_in"]) is int
    assert 3590 < members["expires_in"] <= 3600
    not_stored(answer)
    assert isinstance(members, dict)
    return members


def refused(answer: httpx2.Response, code: str, *statuses: int) -> str:
    """The description of a refusal with that error code (RFC 6749 §5.2); 400 unless statuses are given."""
    assert answer.status_code in (statuses or (400,)), answer.text
    members = answer.json()
    assert list(members) == ["error", "error_description", "request_id"]
    assert members["error"] == code, members
    assert _DESCRIPTION.fullmatch(members["error_description"])
    assert members["request_id"] == answer.headers["x-request-id"]
    not_stored(answer)
    return str(members["error_description"])


def refused_client(answer: httpx2.Response, *, by_header: bool = False) -> str:
    """The description of `invalid_client`: one text for every reason, a challenge only for the header."""
    text = refused(answer, "invalid_client", 401)
    assert text == "Client authentication failed."
    challenge = answer.headers.get("www-authenticate", "")
    assert challenge.startswith("Basic ") if by_header else challenge == ""
    return text


def not_stored(answer: httpx2.Response) -> None:
    """The headers of every answer of the token endpoint (T29)."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "location" not in answer.headers
