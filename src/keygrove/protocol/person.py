"""What there is to tell of a person: standard claims, and which of them is still allowed (OIDC Core §5.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from keygrove.protocol.authorization_grant import Standing
from keygrove.protocol.claims_request import SCOPE_OF_CLAIM

ClaimValue = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonClaims:
    """The standard claims about a person that we have (OIDC Core §5.1). `updated_at` is in epoch seconds.

    `email_verified` is true only when a message that was sent there has been answered.
    """

    subject: str
    name: str
    email: str
    email_verified: bool
    updated_at: int

    def named(self, names: Iterable[str]) -> dict[str, ClaimValue]:
        """The claims of these names that there are, in the order of the standard."""
        have: dict[str, ClaimValue] = {"name": self.name, "updated_at": self.updated_at}
        if self.email:
            have |= {"email": self.email, "email_verified": self.email_verified}
        return {name: value for name, value in have.items() if name in names and value != ""}


def allowed_names(names: Iterable[str], standing: Standing) -> frozenset[str]:
    """Those of the claims whose scope the person still allows."""
    return frozenset(name for name in names if SCOPE_OF_CLAIM[name] in standing.allowed)
