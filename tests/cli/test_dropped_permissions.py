"""Permissions that keys hold and the catalogue no longer offers: told by `serve` and `config check`."""

import shutil
from pathlib import Path

import pytest

from cli.command import Shell
from cli.test_serve import serving
from waiting import wait_for

HELD = [
    {"permission": "booking.read", "audience": "https://api.understory.io", "keys": 3},
    {"permission": "booking.write", "audience": "https://api.understory.io", "keys": 1},
]
EVENT = "keys hold a permission that the catalogue no longer offers"


@pytest.fixture(scope="module")
def shell(acme: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with four keys, whose catalogue has lost the bookings since."""
    made = Shell(Path(shutil.copytree(acme.folder, tmp_path_factory.mktemp("dropped") / "here")))
    assert made.run("init").returncode == 0
    for number, scopes in enumerate(
        ("booking.read", "booking.read", "booking.write", "event.read", "booking.read")
    ):
        command = ("key", "create", "--company", "acme", "--name", f"Key {number}", "--permission", scopes)
        last = made.value(*command)
    made.value("key", "remove", last["client_id"], "--yes")
    file = made.folder / "keygrove.toml"
    kept = [part for part in file.read_text().split("\n\n") if '"booking.read"' not in part]
    file.write_text("\n\n".join(kept))
    return made


def test_config_check_names_each_with_its_number_of_keys(shell: Shell) -> None:
    """It is no fault: the keys may be changed afterwards. Removed keys do not count."""
    assert shell.value("config", "check")["dropped"] == HELD
    done = shell.run("config", "check")
    one = (
        "1 key still holds booking.write of https://api.understory.io, which the catalogue no longer offers."
    )
    assert (done.returncode, one in done.stdout.splitlines()) == (0, True)
    assert "3 keys still hold booking.read of " in done.stdout


def test_a_start_warns_of_each_once(shell: Shell) -> None:
    """Whatever the number of workers."""
    with serving(shell.folder) as running:
        wait_for(lambda: len(told(running.lines())) == len(HELD))
    assert told(running.lines()) == HELD


def told(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """What a log says of them."""
    warned = [line for line in lines if line["event"] == EVENT]
    assert all(line["level"] == "warning" for line in warned)
    return [{name: line[name] for name in HELD[0]} for line in warned]


@pytest.mark.parametrize(
    ("database", "dropped"), [("", []), ("postgresql://nobody@127.0.0.1:1/nothing", None)]
)
def test_config_check_needs_no_database(tmp_path: Path, database: str, dropped: object) -> None:
    """One that is missing is not made; one that is away is not waited for, and not called well."""
    value = Shell(tmp_path, {"KEYGROVE_DATABASE": database}).value("config", "check")
    assert (value["ok"], value["dropped"]) == (True, dropped)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_no_database_is_left_to_the_start(tmp_path: Path) -> None:
    """An empty file has no schema; a damaged one says nothing of keys."""
    for text, dropped in (("", []), ("this is no database, " * 100, None)):
        (tmp_path / "keygrove.db").write_text(text)
        value = Shell(tmp_path, {"KEYGROVE_DATABASE": "sqlite:///keygrove.db"}).value("config", "check")
        assert (value["ok"], value["dropped"]) == (True, dropped)
