"""`keygrove person`: listed, shut out, let in again, and given another password."""

import re
from pathlib import Path

import pytest

from cli.command import Shell

ADDRESS = "a@acme.example"


@pytest.fixture
def shell(shell: Shell) -> Shell:
    """A company with one person."""
    shell.value("person", "create", "--company", "acme", "--email", ADDRESS)
    return shell


def test_a_person_is_listed_disabled_and_enabled(shell: Shell) -> None:
    """By address and by id."""
    (person,) = shell.value("person", "list", "--company", "acme")["people"]
    assert (person["email"], person["role"], person["disabled_at"]) == (ADDRESS, "admin", None)
    assert shell.value("person", "disable", person["id"])["disabled_at"] is not None
    (disabled,) = shell.value("person", "list", "--company", "acme")["people"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", disabled["disabled_at"])
    assert disabled["disabled_at"] in shell.run("person", "list", "--company", "acme").stdout
    assert shell.value("person", "enable", ADDRESS.upper())["disabled_at"] is None
    assert shell.error("person", "disable", "nobody@acme.example") == (
        1,
        "keygrove: There is no such person.",
    )


def test_a_password_is_made_and_printed_once_or_brought(shell: Shell) -> None:
    """One that is brought is not repeated, and a short one is refused."""
    made = shell.value("person", "set-password", ADDRESS)
    assert len(made["password"]) >= 20
    shown = shell.run("person", "set-password", ADDRESS).stdout
    assert "shown this once" in shown
    assert made["password"] not in shown
    brought = shell.run(
        "person", "set-password", ADDRESS, "--password-stdin", text="a clearing in a forest\n"
    )
    assert (brought.returncode, "clearing" in brought.stdout) == (0, False)
    short = shell.run("person", "set-password", ADDRESS, "--password-stdin", text="short\n")
    assert (short.returncode, "password: " in short.stderr, "Traceback" in short.stderr) == (1, True, False)


def test_l11_a_link_to_choose_a_password_stands_below_the_issuer(shell: Shell) -> None:
    """Whose it is and until when it is good is told with it."""
    at_home = Shell(shell.folder, {"KEYGROVE_ISSUER": "https://auth.example.com"})
    value = at_home.value("person", "reset-link", ADDRESS)
    assert re.fullmatch(r"https://auth\.example\.com/reset-password\?token=kg_rp_\w+", value["url"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value["expires_at"])
    assert value["email"] == ADDRESS
    shown = at_home.run("person", "reset-link", value["id"]).stdout
    assert shown.startswith("https://auth.example.com/reset-password?token=kg_rp_")
    assert value["url"] not in shown
    assert "Good once, until " in shown


@pytest.mark.parametrize("command", [("list", "--company", "acme"), ("disable", ADDRESS)])
def test_no_database_is_made_to_find_nobody_in_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    """It is more likely that the command runs in the wrong folder."""
    code, line = Shell(tmp_path).error("person", *command)
    assert (code, "there is no database" in line) == (1, True)
    assert list(tmp_path.iterdir()) == []
