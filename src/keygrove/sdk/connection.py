"""What a person allowed an app for a company, as the app keeps it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

from keygrove.sdk.id_token import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The tokens of one consent, and whose they are. Keep it as secret as a password.

    `expires_at_s` is the access token's end in epoch seconds. `refresh_token` is empty when `offline` was not
    allowed; `person` is None and `id_token` empty when `openid` was not asked for.
    """

    access_token: str = field(repr=False)
    expires_at_s: float
    scopes: tuple[str, ...]
    refresh_token: str = field(repr=False, default="")
    id_token: str = field(repr=False, default="")
    person: Person | None = None

    @property
    def company_id(self) -> str:
        """The company that it is for; empty when the issuer does not say."""
        return self.person.company_id if self.person else ""

    def dump(self) -> str:
        """Return it as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote. Raises ValueError when it is anything else."""
        members = json.loads(text)
        if not isinstance(members, dict):
            raise ValueError("this is no connection")
        try:
            person = members.pop("person")
            scopes = tuple(members.pop("scopes"))
            return cls(**members, scopes=scopes, person=Person(**person) if person else None)
        except (KeyError, TypeError) as error:
            raise ValueError("this is no connection") from error


def granted_scopes(members: Mapping[str, object], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes that a token answer says were granted; as asked when it does not say (RFC 6749 §5.1)."""
    scope = members.get("scope")
    return tuple(scope.split()) if isinstance(scope, str) else otherwise
