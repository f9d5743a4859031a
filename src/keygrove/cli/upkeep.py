"""`keygrove migrate`, `keygrove setup-link`, `keygrove version`."""

from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

import typer

from keygrove.cli.output import Json, show, time_text
from keygrove.cli.place import configuration
from keygrove.cli.work import with_management

if TYPE_CHECKING:
    from keygrove.management.context import Management


def migrate(as_json: Json = False) -> None:
    """Bring the database to the schema of this version. Done steps are skipped."""
    import asyncio

    from keygrove.storage import schema
    from keygrove.storage.opening import make_place, open_database

    settings = configuration()
    make_place(settings.database)

    async def bring_up() -> None:
        database = await open_database(settings.database)
        try:
            found = await schema.version(database)
            if found is None or found < schema.VERSION:
                await schema.migrate(settings.database)
            await schema.check(database)
        finally:
            await database.close()

    asyncio.run(bring_up())
    value = {"database": settings.database_shown, "schema": schema.VERSION}
    show(as_json, value, f"{settings.database_shown} has schema {schema.VERSION}.")


def setup_link(as_json: Json = False) -> None:
    """Print a link that makes a company and its admin.

    It is good once, for 30 minutes, as long as nobody can sign in. `keygrove person create` adds people to a
    company that is there already.
    """

    async def make(m: "Management") -> tuple[str, str | None]:
        from keygrove.management import setup

        token = await setup.new_link(m)
        return setup_url(m.issuer, token.reveal()), time_text(m.now() + setup.LINK_LIFE_S)

    url, expires_at = with_management(make)
    show(as_json, {"url": url, "expires_at": expires_at}, f"{url}\n\nGood once, until {expires_at}.")


def setup_url(issuer: str, token: str) -> str:
    """The address of the set-up page for a token."""
    return f"{issuer}/setup?token={token}"


def version(as_json: Json = False) -> None:
    """Print the version."""
    number = installed_version("keygrove")
    show(as_json, {"name": "keygrove", "version": number}, f"keygrove {number}")


def add_to(commands: typer.Typer) -> None:
    """Add these commands at the top level."""
    commands.command("migrate")(migrate)
    commands.command("setup-link")(setup_link)
    commands.command("version")(version)
