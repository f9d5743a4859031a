"""Opens the house for one command, and finds what the command names."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from keygrove.cli.output import CommandFailed
from keygrove.cli.place import configuration

if TYPE_CHECKING:
    from keygrove.config.loading import Config
    from keygrove.house import House
    from keygrove.management.companies import Company
    from keygrove.management.context import Management

T = TypeVar("T")


def with_management(work: "Callable[[Management], Awaitable[T]]", *, create: bool = True) -> T:
    """Run some work of a command on the configured database, which is made on first use if `create`.

    Raises what `with_house` raises.
    """
    return with_house(lambda house: work(house.management), create=create)


def with_house(work: "Callable[[House], Awaitable[T]]", *, create: bool = True) -> T:
    """As `with_management`, for work that needs more than that.

    Raises ConfigInvalid, MasterKeyError, SchemaMismatch, DatabaseUnavailable, CommandFailed when there is no
    database and none is to be made, and what the work raises.
    """
    import asyncio
    import logging

    from keygrove.house import open_house, prepare

    # Commands print results; the log of what happens on the way is for servers.
    logging.disable(logging.WARNING)

    async def open_and_work() -> T:
        settings = configuration()
        if not create:
            await _refuse_nothing(settings)
        await prepare(settings)
        house = await open_house(settings)
        try:
            return await work(house)
        finally:
            await house.database.close()

    return asyncio.run(open_and_work())


async def _refuse_nothing(settings: "Config") -> None:
    """Raises CommandFailed when no Keygrove has ever used the database, DatabaseUnavailable."""
    from keygrove.storage import schema
    from keygrove.storage.opening import SQLITE, open_database

    path = settings.database.removeprefix(SQLITE)
    missing = CommandFailed(f"there is no database at {path}: run keygrove serve, or give --data-dir")
    if is_missing(settings.database):
        raise missing
    database = await open_database(settings.database)
    try:
        if await schema.version(database) is not None:
            return
    finally:
        await database.close()
    if path != settings.database:
        raise missing
    raise CommandFailed(
        f"Keygrove has no tables in {settings.database_shown}: run keygrove serve, or set KEYGROVE_DATABASE"
    )


def is_missing(url: str) -> bool:
    """Whether the URL names a SQLite file that is not there. Opening it would make one."""
    from keygrove.storage.opening import SQLITE

    return url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).is_file()


async def find_company(m: "Management", name: str) -> "Company":
    """The company of an id or slug. Raises CommandFailed."""
    from keygrove.management import companies
    from keygrove.management.errors import NotFound

    try:
        return await companies.named(m, name)
    except NotFound:
        raise CommandFailed(f"there is no company {name!r}; see: keygrove company list") from None
