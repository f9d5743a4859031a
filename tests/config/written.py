"""Writes configuration files, and reads what is wrong with them."""

import textwrap
from pathlib import Path

from keygrove.config.loading import read


def write(folder: Path, text: str) -> None:
    """Put a keygrove.toml into a folder."""
    (folder / "keygrove.toml").write_text(textwrap.dedent(text))


def faults_of(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> list[str]:
    """The faults of a file and an environment, as an operator reads them."""
    write(folder, text)
    return [str(fault) for fault in read({}, environ or {}, folder).faults]
