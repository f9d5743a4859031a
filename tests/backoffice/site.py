"""The server under test, and companies and people made in it for one test each."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from backoffice.visitor import Visitor
from keygrove.management import companies, people
from keygrove.management.context import OPERATOR, Management, Role
from running import PASSWORD, RunningServer, running_server
from stores import everything_in, store_at

T = TypeVar("T")


@dataclass(slots=True)
class Site:
    """A server, what it keeps, and a way to change it from beside it."""

    server: RunningServer
    folder: Path
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        """Where it is served."""
        return self.server.url

    def manage(self, act: Callable[[Management], Awaitable[T]]) -> T:
        """Do something on the server's data."""
        return self.server.manage(act)

    def new_company(self, name: str = "Acme") -> companies.Company:
        """A company with no keys yet."""
        return self.manage(lambda m: companies.create(m, OPERATOR, name))

    def new_person(self, *members: companies.Company, role: Role = "admin") -> str:
        """A person who belongs to these companies; their e-mail address."""
        email = f"ana{next(self.numbers)}@acme.example"

        async def add(m: Management) -> None:
            for company in members:
                await people.create(
                    m,
                    OPERATOR,
                    company_id=company.id,
                    email=email,
                    name="Ana Alvarez",
                    password=PASSWORD,
                    role=role,
                )

        self.manage(add)
        return email

    def let_in(self, visitor: Visitor, email: str) -> None:
        """Have them signed in, where signing in itself is not what a test is about."""
        session = self.server.new_session(email)
        visitor.context.add_cookies([{"name": "keygrove_session", "value": session, "url": self.url}])

    def age_sessions(self) -> None:
        """Make every confirmation eleven minutes older."""

        async def age(m: Management) -> None:
            async with m.database.transaction() as tx:
                await tx.run("update sessions set confirmed_at_s = confirmed_at_s - 660")

        self.manage(age)

    def everything_kept(self) -> bytes:
        """All that the server has written: its files, its log, and each value of each table."""
        files = [path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()]
        with store_at(self.server.environ["KEYGROVE_DATABASE"]) as store:
            return b"".join([*files, everything_in(store).encode()])


@contextmanager
def site_in(folder: Path, database: str) -> Iterator[Site]:
    """A running server with its data in `folder`, and in `database` if that is not empty."""
    with running_server(folder, database=database) as server:
        yield Site(server, folder)
