"""Opens the house for one command, and finds what the command names."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from keygrove.cli.output import CommandFailed

if TYPE_CHECKING:
    from keygrove.app import House
    from keygrove.management.companies import Company
    from keygrove.management.context import Management

T = TypeVar("T")


def with_management(work: "Callable[[Management], Awaitable[T]]") -> T:
    """Run some work of a command on the configured database, which is made on first use.

    Raises what `with_house` raises.
    """
    return with_house(lambda house: work(house.management))


def with_house(work: "Callable[[House], Awaitable[T]]") -> T:
    """As `with_management`, for work that needs more than that.

    Raises ConfigInvalid, MasterKeyError, SchemaMismatch, DatabaseUnavailable, and what the work raises.
    """
    import asyncio
    import logging

    from keygrove import app
    from keygrove.config.loading import load

    # Commands print results; the log of what happens on the way is for servers.
    logging.disable(logging.WARNING)

    async def open_and_work() -> T:
        settings = load()
        await app.prepare(settings)
        house = await app.open_house(settings)
        try:
            return await work(house)
        finally:
            await house.database.close()

    return asyncio.run(open_and_work())


async def find_company(m: "Management", name: str) -> "Company":
    """The company of an id or slug. Raises CommandFailed."""
    from keygrove.management import companies

    for company in await companies.every(m):
        if name in (company.id, company.slug):
            return company
    raise CommandFailed(f"there is no company {name!r}; see: keygrove company list")
