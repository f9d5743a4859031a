"""The options before the command, which go for every command: which file, which data folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from keygrove.config.loading import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; by default keygrove.toml, if any."),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="FOLDER", help="The data folder; by default .keygrove."),
]
# Set once, before the command runs.
flags: dict[str, object] = {}


def configuration(more: Mapping[str, object] | None = None) -> "Config":
    """The configuration; `more` are the command's own flags. Raises ConfigInvalid."""
    from keygrove.config.loading import load

    return load({**flags, **(more or {})})
