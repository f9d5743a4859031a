"""`keygrove init` writes a configuration file, `keygrove config check` reads it as the server would."""

from typing import TYPE_CHECKING

import typer

from keygrove.cli import place
from keygrove.cli.output import CommandFailed, Json, show, table
from keygrove.cli.work import is_missing

if TYPE_CHECKING:
    from keygrove.config.loading import Config, Reading
    from keygrove.management.catalogue import Dropped

commands = typer.Typer(help="The configuration.", no_args_is_help=True, rich_markup_mode=None)


@commands.command("check")
def check(as_json: Json = False) -> None:
    """Read the configuration as the server would.

    Shows where each value comes from, and every fault. When there is a database, also
    the permissions that keys hold and the catalogue no longer offers.
    """
    import asyncio

    from keygrove.config.loading import read

    reading = read(place.flags)
    held = asyncio.run(_dropped(reading.config)) if reading.config is not None else ()
    text = table(["SETTING", "VALUE", "SOURCE"], _rows(reading))
    if held is None:
        text += "\n\nThe database cannot be read: keys may hold permissions that are no longer offered."
    elif held:
        text = "\n".join([text, "", *map(str, held)])
    show(as_json, _value(reading, held), text)
    if reading.faults:
        if not as_json:
            for fault in reading.faults:
                typer.echo(str(fault), err=True)
        raise typer.Exit(2)


def _rows(reading: "Reading") -> list[tuple[str, str, str]]:
    return [(row.name, row.value, row.source) for row in reading.shown]


async def _dropped(settings: "Config") -> "tuple[Dropped, ...] | None":
    """Permissions that keys hold and the catalogue does not offer; None when the database cannot tell."""
    from keygrove.management.catalogue import dropped
    from keygrove.storage import schema
    from keygrove.storage.database import DatabaseUnavailable
    from keygrove.storage.opening import open_database

    if is_missing(settings.database):
        return ()
    try:
        database = await open_database(settings.database)
        try:
            return await dropped(database, settings.catalogue) if await schema.version(database) else ()
        finally:
            await database.close()
    except DatabaseUnavailable:
        return None


def _value(reading: "Reading", held: "tuple[Dropped, ...] | None") -> dict[str, object]:
    return {
        "ok": not reading.faults,
        "faults": [{"place": fault.place, "message": fault.message} for fault in reading.faults],
        "dropped": None
        if held is None
        else [{"permission": each.scope, "audience": each.audience, "keys": each.keys} for each in held],
        "settings": {row.name: {"value": row.value, "source": row.source} for row in reading.shown},
    }


def init(as_json: Json = False) -> None:
    """Write a commented keygrove.toml.

    It holds the sample catalogue. keygrove --config FILE init gives it another name.
    A file that is there stays as it is.
    """
    from pathlib import Path

    from keygrove.config.sources import FILE_NAME
    from keygrove.config.template import template

    path = Path.cwd() / str(place.flags["config"] or FILE_NAME)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise CommandFailed(f"{path} is there already; it stays as it is") from None
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written: {error.strerror}") from None
    named = f" --config {place.flags['config']}" if place.flags["config"] else ""
    show(
        as_json,
        {"file": str(path)},
        f"Wrote {path}.\nLook through it, then run: keygrove{named} config check",
    )


def add_to(commands_above: typer.Typer) -> None:
    """Add these commands at the top level."""
    commands_above.command("init")(init)
    commands_above.add_typer(commands, name="config")
