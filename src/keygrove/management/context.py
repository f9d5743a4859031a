"""What management functions are handed: the platform they work on, and who is acting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests
from keygrove.management.catalogue import Catalogue
from keygrove.management.errors import Forbidden
from keygrove.storage.database import Database

Role = Literal["admin", "auditor"]
ROLES: tuple[Role, ...] = ("admin", "auditor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """The platform. `clock` gives epoch seconds with their fraction, `key_limit` is per company."""

    issuer: str
    platform_name: str
    catalogue: Catalogue
    database: Database
    digests: Digests
    passwords: Passwords
    clock: Callable[[], float]
    key_limit: int = 1000

    def now(self) -> int:
        """The time in epoch seconds."""
        return int(self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts in a company: a signed-in person, or the operator at the command line."""

    kind: Literal["person", "cli", "system"]
    id: str
    name: str
    role: Role
    address: str = ""
    request_id: str = ""

    def require_admin(self) -> None:
        """Raises Forbidden for everybody but an admin."""
        if self.role != "admin":
            raise Forbidden("Your role can look but not change anything. Ask an admin of your company.")


OPERATOR = Actor(kind="cli", id="operator", name="Operator", role="admin")
