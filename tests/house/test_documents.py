"""Documents are tested: their links lead somewhere, their commands exist, every setting is described."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from house.tree import ROOT, text_files
from keygrove.cli.main import commands
from keygrove.config.settings import SETTINGS

DOCUMENTS = text_files(".md")
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"`(keygrove [^`]+)`|^(?: {4}|\$ )?(keygrove .+)$", re.MULTILINE)

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def commands_in(text: str) -> Iterator[list[str]]:
    """The keygrove commands that a document shows, as lists of words; without the options for all of them."""
    for match in COMMAND.finditer(text):
        words = shlex.split(match[1] or match[2])[1:]
        while words[:1] in (["--config"], ["--data-dir"]):
            del words[:2]
        yield words


def help_of(words: list[str]) -> str:
    """The help of a command, or its error."""
    done = CliRunner().invoke(commands, [*words, "--help"])
    return done.output if done.exit_code == 0 else ""


def leaf_commands() -> Iterator[str]:
    """Every command that does something, as it is typed."""
    whole = typer.main.get_command(commands)
    for name, command in vars(whole)["commands"].items():
        nested = vars(command).get("commands")
        yield from (f"{name} {inner}" for inner in nested) if nested else (name,)


@every_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    """Pictures too."""
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@every_document
def test_every_command_shown_exists_with_its_options(path: Path) -> None:
    """Words before the first option or argument are the command."""
    wrong = []
    for words in commands_in(path.read_text()):
        name = [word for word in words[:2] if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
        text = help_of(name) or help_of(name[:1])
        options = [word for word in words if word.startswith("--") and word != "--json"]
        if not text or any(option not in text for option in options):
            wrong.append(" ".join(words))
    assert wrong == []


@every_document
def test_every_door_shown_exists(path: Path) -> None:
    """`make something` is a target of the Makefile."""
    doors = re.findall(r"(?:`|^    )make ([a-z]+)(?:`|$)", path.read_text(), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert [door for door in doors if f"\n{door}:" not in makefile] == []


def test_every_command_is_in_the_changelog() -> None:
    """By its name, those of a group as in `company create | list`."""
    named = set()
    for code in re.findall(r"`([^`]+)`", (ROOT / "CHANGELOG.md").read_text()):
        group, _, rest = code.partition(" ")
        named |= {f"{group} {name}" for name in rest.split(" | ")} if rest else {group}
    assert [name for name in leaf_commands() if name not in named] == []


def test_every_command_can_print_json() -> None:
    """Programs read the command line too."""
    assert [name for name in leaf_commands() if "--json" not in help_of(name.split())] == []


def test_every_setting_is_described() -> None:
    """docs/configuration.md has one row for each, in the schema's words."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = [
        f"| `{each.name}` | `{each.variable}` | {each.default_shown} | {each.meaning} |" for each in SETTINGS
    ]
    assert [row for row in rows if row not in page] == []


def test_every_variable_that_the_documents_name_is_known() -> None:
    """Of the server, of the SDK, or of the tests."""
    known = {each.variable for each in SETTINGS} | {"KEYGROVE_CONFIG", "KEYGROVE_MASTER_KEY_FILE"}
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"\bKEYGROVE_[A-Z_0-9]+\b", path.read_text())
        if not name.startswith(("KEYGROVE_API__", "KEYGROVE_CLIENT_", "KEYGROVE_TEST_"))
    }
    assert named <= known | {"KEYGROVE_"}


def test_the_python_in_the_readme_runs(tmp_path: Path) -> None:
    """Up to the point where it would serve."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
