"""A folder to begin with, made once and copied: making one costs more than most commands."""

import shutil
from pathlib import Path

import pytest

from cli.command import Shell


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with a company named Acme, for copying."""
    made = Shell(tmp_path_factory.mktemp("acme"))
    made.value("company", "create", "Acme")
    return made


@pytest.fixture
def shell(acme: Shell, tmp_path: Path) -> Shell:
    """A folder with a company named Acme."""
    return Shell(Path(shutil.copytree(acme.folder, tmp_path, dirs_exist_ok=True)))
