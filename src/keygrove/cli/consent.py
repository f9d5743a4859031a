"""What cannot be undone is confirmed: on a terminal by an answer, elsewhere by --yes."""

import sys
from typing import Annotated

import typer

from keygrove.cli.output import WronglyUsed

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")]


def confirm(question: str, *, yes: bool) -> None:
    """Return once there is a yes. Raises typer.Abort on a no, WronglyUsed when nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WronglyUsed("this cannot be undone and there is no terminal to ask on: add --yes")
    ask(f"{question} This cannot be undone.")


def ask(question: str) -> None:
    """Ask on the terminal, and return once there is a yes. Raises typer.Abort on a no."""
    # typer.confirm prints a blank on standard output, which is the command's result.
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort
