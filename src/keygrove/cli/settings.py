"""`keygrove init` writes a configuration file, `keygrove config check` reads it as the server would."""

from typing import TYPE_CHECKING

import typer

from keygrove.cli import place
from keygrove.cli.output import CommandFailed, Json, show, table

if TYPE_CHECKING:
    from keygrove.config.loading import Reading

commands = typer.Typer(help="The configuration.", no_args_is_help=True, rich_markup_mode=None)


@commands.command("check")
def check(as_json: Json = False) -> None:
    """Read the configuration as the server would.

    Shows where each value comes from, and every fault.
    """
    from keygrove.config.loading import read

    reading = read(place.flags)
    show(as_json, _value(reading), table(["SETTING", "VALUE", "SOURCE"], _rows(reading)))
    if reading.faults:
        if not as_json:
            for fault in reading.faults:
                typer.echo(str(fault), err=True)
        raise typer.Exit(2)


def _rows(reading: "Reading") -> list[tuple[str, str, str]]:
    return [(row.name, row.value, row.source) for row in reading.shown]


def _value(reading: "Reading") -> dict[str, object]:
    return {
        "ok": not reading.faults,
        "faults": [{"place": fault.place, "message": fault.message} for fault in reading.faults],
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
    show(as_json, {"file": str(path)}, f"Wrote {path}.\nLook through it, then run: keygrove config check")


def add_to(commands_above: typer.Typer) -> None:
    """Add these commands at the top level."""
    commands_above.command("init")(init)
    commands_above.add_typer(commands, name="config")
