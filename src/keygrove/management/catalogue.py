"""The catalogue: which APIs there are, and which permissions a key can have on them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from keygrove.protocol.resource import Api, SigningAlgorithm, TokenType
from keygrove.storage import clients
from keygrove.storage.database import Database


@dataclass(frozen=True, slots=True)
class Permission:
    """One row of the permission table: a resource that a key may read, or read and write.

    `read` and `write` are scopes; a level that does not exist is None. Write includes read. A `sensitive`
    one is given to an app only by somebody who signed in within the last minutes.
    """

    resource: str
    description: str
    read: str | None = None
    write: str | None = None
    sensitive: bool = False

    def scopes(self) -> tuple[str, ...]:
        """Its scopes, read first."""
        return tuple(scope for scope in (self.read, self.write) if scope is not None)


@dataclass(frozen=True, slots=True)
class ApiListing:
    """An API with its permissions, in the order they are shown.

    `token_type` is the `typ` of its tokens, `signing_algorithm` their `alg`.
    """

    audience: str
    name: str
    permissions: tuple[Permission, ...]
    token_type: TokenType = "at+jwt"  # noqa: S105 - a media type
    signing_algorithm: SigningAlgorithm = "RS256"

    def scopes(self) -> tuple[str, ...]:
        """Its scopes, in the order shown."""
        return tuple(scope for permission in self.permissions for scope in permission.scopes())

    def complete(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """The chosen scopes in the order shown, each write with its read."""
        wanted = set(chosen)
        wanted |= {row.read for row in self.permissions if row.write in wanted and row.read is not None}
        return tuple(scope for scope in self.scopes() if scope in wanted)

    def as_api(self) -> Api:
        """The API as the protocol knows it."""
        return Api(
            audience=self.audience,
            scopes=frozenset(self.scopes()),
            token_type=self.token_type,
            signing_algorithm=self.signing_algorithm,
            sensitive=frozenset(scope for row in self.permissions if row.sensitive for scope in row.scopes()),
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every API. A scope belongs to exactly one of them."""

    apis: tuple[ApiListing, ...]

    def scopes(self) -> tuple[str, ...]:
        """Every scope, in the order shown."""
        return tuple(scope for api in self.apis for scope in api.scopes())

    def signing_algorithms(self) -> tuple[str, ...]:
        """The algorithms that tokens are signed with; RS256 is always one (OpenID Connect Discovery §3)."""
        return tuple(sorted({"RS256", *(api.signing_algorithm for api in self.apis)}))

    def api_of(self, scope: str) -> ApiListing | None:
        """The API that a scope belongs to."""
        return next((api for api in self.apis if scope in api.scopes()), None)

    def label(self, scope: str) -> str:
        """A scope in words: "Read bookings". A scope that is not offered any more stands for itself."""
        for permission in (row for api in self.apis for row in api.permissions):
            if scope == permission.read:
                return f"Read {permission.resource.lower()}"
            if scope == permission.write:
                return f"Read and write {permission.resource.lower()}"
        return scope


@dataclass(frozen=True, slots=True)
class Dropped:
    """A permission on an API that keys still hold, though the catalogue offers it no longer.

    A token request that names it is refused.
    """

    scope: str
    audience: str
    keys: int

    def __str__(self) -> str:
        held = "1 key still holds" if self.keys == 1 else f"{self.keys} keys still hold"
        return f"{held} {self.scope} of {self.audience}, which the catalogue no longer offers."


async def dropped(database: Database, catalogue: Catalogue) -> tuple[Dropped, ...]:
    """What the catalogue no longer offers of what keys hold. Reads every key. Raises DatabaseUnavailable."""
    async with database.transaction() as tx:
        found = await clients.count_by_scope(tx)
    offered = {(scope, api.audience) for api in catalogue.apis for scope in api.scopes()}
    numbers: Counter[tuple[str, str]] = Counter()
    for audience, scopes, number in found:
        for scope in scopes.tokens:
            if (scope, audience) not in offered:
                numbers[scope, audience] += number
    return tuple(Dropped(scope, audience, keys) for (scope, audience), keys in numbers.items())


SAMPLE = Catalogue(
    (
        ApiListing(
            "https://api.understory.io",
            "Understory API",
            (
                Permission(
                    "Bookings", "Who booked what, for when, and how many.", "booking.read", "booking.write"
                ),
                Permission("Events", "Dates and times on offer, and the places left.", "event.read"),
                Permission(
                    "Experiences", "What is offered: texts, prices and ticket types.", "experience.read"
                ),
                Permission("Marketing consents", "Guests who agreed to hear from you.", "marketing.read"),
                Permission("Orders", "Payments, refunds and line items.", "order.read", sensitive=True),
                Permission("Webhooks", "Where changes are sent to.", "webhook.read", "webhook.write"),
            ),
        ),
    )
)
