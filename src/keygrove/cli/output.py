"""What commands print: one JSON object, or text and tables for people."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class CommandFailed(Exception):
    """A command cannot do what was asked; the text says why, in one line."""

    exit_code = 1


class WronglyUsed(CommandFailed):
    """The command line itself is wrong, in a way that Typer cannot see."""

    exit_code = 2


def time_text(epoch_s: int | None) -> str | None:
    """RFC 3339 UTC, to the second."""
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show(as_json: bool, value: Mapping[str, Any], text: str) -> None:
    """Print the value as one JSON object, or the text for people."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2) if as_json else text)


def members(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, one pair a line."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in pairs)


def table(headings: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """A table without frames, as wide as it has to be: it is also read by programs. None is an empty cell."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(*headings, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for row in rows:
        grid.add_row(*(Text(cell or "", no_wrap=True) for cell in row))
    page = StringIO()
    Console(file=page, width=10_000, color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip("\n").splitlines())
