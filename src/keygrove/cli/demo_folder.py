"""The folder of `keygrove demo`: one demo at a time has it, with its configuration and its logs."""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from keygrove.cli.output import CommandFailed
from keygrove.config.sources import FILE_NAME

LARGE_LOG = 5_000_000  # bytes
_ITS_OWN = "# Written by `keygrove demo`"


def refuse_another_installation(folder: Path) -> None:
    """Raises CommandFailed when the folder has a Keygrove that no demo made."""
    path = folder / FILE_NAME
    if path.exists():
        others = not path.read_bytes().startswith(_ITS_OWN.encode())
    else:
        others = (folder / "keygrove.db").exists()
    if others:
        raise CommandFailed(f"{folder} is another Keygrove's; give the demo a folder of its own: --data-dir")


def hold(folder: Path) -> bool:
    """Make the folder, and keep other demos out until this process ends; False when one is in there.

    The lock is the kernel's, so it ends however the process does. Nothing closes the file before.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True


def write_configuration(folder: Path, *, issuer: str, port: int) -> None:
    """What the demo runs with, for the command line too: it reads the file of the folder it is told."""
    lines = (
        f"{_ITS_OWN} whenever it starts. `keygrove --data-dir` with this folder reads it.",
        f"issuer = {json.dumps(issuer)}",
        f"port = {port}",
        "workers = 2",
        'platform_name = "Understory"',
    )
    draft = folder / f"{FILE_NAME}.draft"
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.replace(folder / FILE_NAME)


def open_log(folder: Path, name: str) -> BinaryIO:
    """The log of one of the programs, to add to; a large one is set aside, in place of an older one."""
    path = folder / f"{name}.log"
    with suppress(FileNotFoundError):
        if path.stat().st_size > LARGE_LOG:
            path.replace(folder / f"{name}.log.1")
    return path.open("ab")
