"""An authorization request under way: its URL, and which answer belongs to it.

RFC 6749 §4.1.1 and §4.1.2, OpenID Connect Core §3.1.2.1, PKCE (RFC 7636), `iss` in answers (RFC 9207).
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode

from keygrove.protocol.pkce import METHOD
from keygrove.sdk.discovery import Metadata
from keygrove.sdk.token_endpoint import printable

# What a browser brings: a URL, query or form body as it came, or its decoded parameters, repeated ones too.
Answer = str | Iterable[tuple[str, str]]
LIFE_S = 3600  # then a person has left the pages of the issuer for good
_MAX_PARAMETERS = 50


@dataclass(eq=False, kw_only=True)  # not frozen: Python itself writes to exceptions
class AuthorizationFailed(Exception):
    """No connection came of it. `description` is fit for a log and for the person; it holds no secret."""

    description: str

    def __str__(self) -> str:
        return self.description


@dataclass(eq=False, kw_only=True)
class AuthorizationRefused(AuthorizationFailed):
    """The issuer answered with an error (RFC 6749 §4.1.2.1): `access_denied` when the person said no."""

    error: str

    def __str__(self) -> str:
        return f"{self.error}: {self.description}" if self.description else self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What the app must remember of a request until its answer comes. `started_at_s` is in epoch seconds."""

    issuer: str
    client_id: str
    redirect_uri: str
    scope: str
    started_at_s: int
    max_age_s: int | None = None
    state: str = field(repr=False, default_factory=lambda: token_urlsafe(32))
    nonce: str = field(repr=False, default_factory=lambda: token_urlsafe(32))
    code_verifier: str = field(repr=False, default_factory=lambda: token_urlsafe(48))

    @property
    def wants_id_token(self) -> bool:
        """Whether the request asks who the person is (OpenID Connect Core §3.1.2.1)."""
        return "openid" in self.scope.split()

    def dump(self) -> str:
        """Return it as text for the app's session: letters, digits, `-` and `_`."""
        return urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")

    @classmethod
    def load(cls, text: str | None) -> Self:
        """Read what `dump` wrote. Raises AuthorizationFailed when it is missing or anything else."""
        if not text:
            raise AuthorizationFailed(description="No sign-in is under way in this browser.")
        try:
            pending = cls(**json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        except (ValueError, TypeError, RecursionError):
            raise AuthorizationFailed(description="The sign-in under way cannot be read.") from None
        texts = (pending.issuer, pending.client_id, pending.redirect_uri, pending.scope, pending.state,
                 pending.nonce, pending.code_verifier)  # fmt: skip
        numbers = (pending.started_at_s, pending.max_age_s or 0)
        if not all(isinstance(each, str) for each in texts) or not all(
            isinstance(each, int) for each in numbers
        ):
            raise AuthorizationFailed(description="The sign-in under way cannot be read.")
        return pending

    def url(self, endpoint: str, **more: str) -> str:
        """Return where to send the person. `more` are further parameters; empty ones are left out.

        A query that the endpoint has is kept (RFC 6749 §3.1).
        """
        challenge = urlsafe_b64encode(sha256(self.code_verifier.encode()).digest()).decode().rstrip("=")
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "nonce": self.nonce if self.wants_id_token else "",
            "code_challenge": challenge,
            "code_challenge_method": METHOD,
            "max_age": "" if self.max_age_s is None else str(self.max_age_s),
            **more,
        }
        query = urlencode({name: value for name, value in parameters.items() if value}, quote_via=quote)
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def read_answer(self, answer: Answer, metadata: Metadata, *, now: float) -> str:
        """Return the code of an answer. Raises AuthorizationRefused, and AuthorizationFailed when the answer
        does not belong to this request: what a browser brings may be anybody's (RFC 9700 §4.4, §4.5, §4.7).
        """
        members = _members(answer)
        if not _are_same(members.get("state", ""), self.state):
            raise AuthorizationFailed(description="The answer does not belong to this sign-in (state).")
        if now > self.started_at_s + LIFE_S:
            raise AuthorizationFailed(description="The sign-in took too long. Start again.")
        announced = metadata.get("authorization_response_iss_parameter_supported") is True
        if members.get("iss", None if announced else self.issuer) != self.issuer:
            raise AuthorizationFailed(description="The answer is from another issuer (iss).")
        if "error" in members:
            raise AuthorizationRefused(
                error=printable(members["error"]), description=printable(members.get("error_description"))
            )
        code = members.get("code")
        if not code:
            raise AuthorizationFailed(description="The answer has neither a code nor an error.")
        return code


def _members(answer: Answer) -> dict[str, str]:
    """Read the answer; each parameter may come once only. Raises TypeError for what cannot hold one twice."""
    if isinstance(answer, str):
        pairs = _pairs(_query(answer.partition("#")[0]))
    elif isinstance(answer, Mapping):
        raise TypeError("give the query as it came, or all pairs: a mapping hides repeated parameters")
    else:
        pairs = list(answer)
    members = dict(pairs)
    if len(members) != len(pairs):
        raise AuthorizationFailed(description="The answer names a parameter twice.")
    if not all(isinstance(value, str) for value in members.values()):
        raise AuthorizationFailed(description="A parameter of the answer is no text.")
    return members


def _query(text: str) -> str:
    """Of a URL its query; a query or form is one already, and may hold a `?` (RFC 3986 §3.4)."""
    before, _, after = text.partition("?")
    return text if not after or "=" in before.partition("/")[0] else after


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise AuthorizationFailed(description="The answer has too many parameters.") from None


def _are_same(one: str, other: str) -> bool:
    """In constant time."""
    return compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
