"""People of a company with their browsers, signed in."""

import itertools
from dataclasses import dataclass

import httpx2

from hostile_rules import Rules
from keygrove.management import companies, people
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management, Role
from keygrove.storage.journal import Event
from keygrove.storage.people import Person
from recorded import events_of
from running import PASSWORD, RunningServer
from web.visitor import Visitor

_numbers = itertools.count(1)
MARKETING = "permission-marketing.read"
BOOKINGS = "permission-booking.read"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a company, in front of a browser."""

    person: Person
    company: Company
    browser: Visitor

    @property
    def keys_url(self) -> str:
        """The company's list of keys."""
        return f"/c/{self.company.slug}/settings/integrations/keys"

    def key_url(self, client_id: str) -> str:
        """The page of a key, under this company."""
        return f"{self.keys_url}/{client_id}"

    def create(self, name: str, **fields: str) -> httpx2.Response:
        """Make a key through the form; for marketing consents unless `fields` say otherwise."""
        chosen = fields or {MARKETING: "marketing.read"}
        return self.browser.submit(f"{self.keys_url}/new", shows=("kg_sk_",), name=name, **chosen)


def join(
    server: RunningServer,
    rules: Rules,
    *,
    company: Company | None = None,
    role: Role = "admin",
    over_tls: bool = False,
) -> Member:
    """A new person, signed in; of a new company unless one is given."""
    number = next(_numbers)

    async def add(m: Management) -> tuple[Company, Person]:
        joined = company or await companies.create(m, OPERATOR, f"Company {number}")
        email = f"person{number}@example.com"
        person = await people.create(
            m, OPERATOR, company_id=joined.id, email=email, password=PASSWORD, role=role
        )
        return joined, person

    joined, person = server.manage(add)
    member = Member(person, joined, Visitor(server, rules, over_tls=over_tls))
    member.browser.begin_session(person.email)
    return member


def journal_of(server: RunningServer, target_id: str) -> list[Event]:
    """What the journal says about one thing, newest first."""

    async def read(m: Management) -> list[Event]:
        async with m.database.transaction() as tx:
            return await events_of(tx, target_id)

    return server.manage(read)
