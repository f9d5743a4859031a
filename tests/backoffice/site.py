"""The server under test, and companies and people made in it for one test each."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from keygrove.app import House, open_house
from keygrove.config.loading import load
from keygrove.management import companies, people
from keygrove.management.context import OPERATOR, Management, Role
from running import PASSWORD, RunningServer, running_server

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """The server's data, open in a thread of its own: the tests' thread has the browser driver's loop."""

    pool: ThreadPoolExecutor
    runner: asyncio.Runner
    house: House

    def act(self, act: Callable[[Management], Awaitable[T]]) -> T:
        """Do something through the management functions."""

        async def run() -> T:
            return await act(self.house.management)

        return self.pool.submit(self.runner.run, run()).result()


@dataclass(slots=True)
class Site:
    """A server, what it keeps, and a way to change it from beside it."""

    server: RunningServer
    folder: Path
    desk: Desk
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        """Where it is served."""
        return self.server.url

    def manage(self, act: Callable[[Management], Awaitable[T]]) -> T:
        """Do something on the server's data."""
        return self.desk.act(act)

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

    def age_sessions(self) -> None:
        """Make every confirmation eleven minutes older."""

        async def age(m: Management) -> None:
            async with m.database.transaction() as tx:
                await tx.run("update sessions set confirmed_at_s = confirmed_at_s - 660")

        self.manage(age)

    def everything_kept(self) -> bytes:
        """All that the server has written: database, write-ahead log, its own log."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """A running server with its data in `folder`."""
    running = running_server(folder)
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(running.__enter__).result()
        runner = asyncio.Runner()
        try:
            house = pool.submit(runner.run, open_house(load(environ=server.environ))).result()
            yield Site(server, folder, Desk(pool, runner, house))
            pool.submit(runner.run, house.database.close()).result()
        finally:
            pool.submit(runner.close).result()
            pool.submit(running.__exit__, None, None, None).result()
