"""The command line: an error is one line on standard error, exit code 1; wrong usage or settings 2."""

import re
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from keygrove.cli import (
    api_credentials,
    apps,
    backup,
    companies,
    demo,
    journal,
    keys,
    people,
    place,
    serve,
    settings,
    signing_keys,
    upkeep,
)
from keygrove.cli.output import CommandFailed
from keygrove.cli.place import ConfigFile, DataDir

# Typer repeats what its library for checking values says.
_WORDS = (
    (r"Value error, ", ""),
    (r"No such option: (--config|--data-dir)\b.*", r"\1 goes before the command: keygrove \1 ..."),
    (r"Input should be a valid integer, unable to parse string as an integer", "it must be a whole number"),
)
commands = typer.Typer(
    name="keygrove",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
demo.add_to(commands)
serve.add_to(commands)
settings.add_to(commands)
upkeep.add_to(commands)
backup.add_to(commands)
journal.add_to(commands)
commands.add_typer(companies.commands, name="company")
commands.add_typer(people.commands, name="person")
commands.add_typer(keys.commands, name="key")
commands.add_typer(apps.commands, name="app")
commands.add_typer(api_credentials.commands, name="api-credential")
commands.add_typer(signing_keys.commands, name="signing-key")


def _print_version(wanted: bool) -> None:
    if wanted:
        upkeep.version()
        raise typer.Exit


@commands.callback()
def keygrove(
    config: ConfigFile = None,
    data_dir: DataDir = None,
    _version: Annotated[  # its callback does the work
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """API keys for a platform's customers: Backoffice, OAuth 2.0 token endpoint, SDK."""
    place.flags.update(config=config, data_dir=data_dir)


def main() -> None:
    """Run the command line's command."""
    try:
        sys.exit(commands(prog_name="keygrove", standalone_mode=False))
    except CommandFailed as error:
        _fail([str(error)], error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except TyperException as error:
        _refuse_usage(error)
    except Exception as error:
        _fail(*_explained(error))


def _refuse_usage(error: TyperException) -> None:
    """Say what was wrong with the command line; a command without its subcommand shows its help."""
    message = str(getattr(error, "format_message", error.__str__)())
    if message.startswith("Usage:"):
        print(message, file=sys.stderr)
        sys.exit(2)
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    context = getattr(error, "ctx", None)
    hint = f" (see: {context.command_path} --help)" if context else ""
    _fail([message.rstrip(".") + hint], 2)


def _fail(lines: list[str], code: int) -> None:
    for line in lines:
        print(f"keygrove: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(code)


def _explained(error: Exception) -> tuple[list[str], int]:
    """The lines and the exit code for an error from below."""
    from keygrove.config.loading import ConfigInvalid
    from keygrove.crypto.vault import MasterKeyError
    from keygrove.management.errors import Invalid, ManagementError
    from keygrove.storage.backup_file import BackupUnusable
    from keygrove.storage.database import DatabaseUnavailable
    from keygrove.storage.schema import SchemaMismatch

    match error:
        case ConfigInvalid():
            return [str(fault) for fault in error.faults], 2
        case Invalid():
            return [" ".join(f"{fault.field}: {fault.message}" for fault in error.faults)], 1
        case ManagementError() | MasterKeyError() | SchemaMismatch() | BackupUnusable():
            return [str(error)], 1
        case DatabaseUnavailable():
            return [f"the database is not available: {error}"], 1
        case OSError(filename=str(file), strerror=str(reason)):
            return [f"{file}: {reason}"], 1
        case OSError():
            return [str(error)], 1
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({place.tb_frame.f_globals.get('__name__')}:{place.tb_lineno})" if place else ""
    return [f"this is a fault of Keygrove: {type(error).__name__}: {error}{where}"], 1


if __name__ == "__main__":
    main()
