"""What a token may do: the scope of RFC 6749 §3.3."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from keygrove.protocol.errors import InvalidScope

OPENID = "openid"
# What tells about the person (OIDC Core §5.4).
PERSON = frozenset({"profile", "email"})
# What asks for a refresh token, in two spellings (OIDC Core §11; the reference says `offline`).
OFFLINE = frozenset({"offline", "offline_access"})
# scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), separated by blanks; two blanks in a row are forgiven.
_GRAMMAR = re.compile(r"[\x21\x23-\x5B\x5D-\x7E ]*")
# What is harmless to repeat in an answer.
_NAMEABLE = re.compile(r"[A-Za-z0-9_.:/~-]{1,100}")
_MAX_CHARACTERS = 4096
_MAX_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Scope:
    """Scope tokens in the order they were asked for, each once. They are compared exactly."""

    tokens: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read a space-delimited list (RFC 6749 §3.3). Raises InvalidScope."""
        if len(text) > _MAX_CHARACTERS:
            raise InvalidScope("The scope is too long.")
        if not _GRAMMAR.fullmatch(text):
            raise InvalidScope("The scope contains a character that scopes cannot have.")
        tokens = tuple(dict.fromkeys(text.split()))
        if len(tokens) > _MAX_TOKENS:
            raise InvalidScope("The scope is too long.")
        return cls(tokens)

    @classmethod
    def of(cls, tokens: Iterable[str]) -> "Scope":
        """Make a scope of tokens that are known to be well formed."""
        return cls(tuple(dict.fromkeys(tokens)))

    def beyond(self, granted: frozenset[str]) -> tuple[str, ...]:
        """The tokens that are not among the granted ones, in the order asked."""
        return tuple(token for token in self.tokens if token not in granted)

    def within(self, granted: frozenset[str]) -> "Scope":
        """The tokens that are among the granted ones, in the order asked."""
        return Scope(tuple(token for token in self.tokens if token in granted))

    def require_within(self, granted: frozenset[str]) -> None:
        """Raise InvalidScope when a token is not among the granted ones, naming the first (RFC 6749 §3.3)."""
        refused = self.beyond(granted)
        if not refused:
            return
        if _NAMEABLE.fullmatch(refused[0]):
            raise InvalidScope(f"The scope {refused[0]} is not granted to this client.")
        raise InvalidScope("A scope is not granted to this client.", detail=f"asked for {refused[0][:100]!r}")

    def __bool__(self) -> bool:
        return bool(self.tokens)

    def __str__(self) -> str:
        return " ".join(self.tokens)


NO_SCOPE = Scope()
