"""`keygrove backup` and `keygrove restore`: whole, checked, and over nothing that is there."""

import gzip
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from cli.command import Shell
from keygrove.storage import schema
from keygrove.storage.backup import KEPT

LEFT_OUT = (
    "sessions",
    "sign_in_attempts",
    "setup_links",
    "reset_links",
    "failures",
    "turns",
    "logout_notices",
    "logout_pauses",
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with a company, two keys, and a backup beside them as `kept`."""
    here = Shell(tmp_path_factory.mktemp("original"))
    here.value("company", "create", "Acme")
    for name in ("the first key", "the second key"):
        here.value("key", "create", "--company", "acme", "--name", name, "--permission", "marketing.read")
    here.value("backup", "kept")
    return here


@pytest.fixture
def shell(original: Shell, tmp_path: Path) -> Shell:
    """A copy of that folder."""
    return Shell(Path(shutil.copytree(original.folder, tmp_path / "here")))


def elsewhere(shell: Shell, *, with_master_key: bool = True) -> Shell:
    """Another machine, with nothing but perhaps the master key."""
    folder = shell.folder / "elsewhere"
    (folder / ".keygrove").mkdir(parents=True)
    if with_master_key:
        key = folder / ".keygrove" / "master.key"
        key.touch(mode=0o600)
        key.write_text((shell.folder / ".keygrove" / "master.key").read_text())
    return Shell(folder)


def database_of(shell: Shell) -> Path:
    """The file of a folder's database."""
    return shell.folder / ".keygrove" / "keygrove.db"


def test_a_restored_database_has_what_the_backup_had(shell: Shell) -> None:
    """The same keys, the same company, the journal and one line more."""
    written = shell.value("backup", "copy")
    there = elsewhere(shell)
    told = there.value("restore", "../copy", "--verify")
    assert (told["restored"], told["verified"]) == (True, True)
    assert told["rows"] == written["rows"]
    assert told["rows"]["clients"] == 2
    assert there.value("key", "list", "--company", "acme") == shell.value("key", "list", "--company", "acme")
    with closing(sqlite3.connect(database_of(there))) as connection:
        lines = connection.execute("select action, target_id from journal order by at_us").fetchall()
    assert lines[-1] == ("backup.restored", written["sha256"])
    assert len(lines) == written["rows"]["journal"] + 1


def test_people_are_told_what_is_in_it_and_what_is_not(shell: Shell) -> None:
    """The master key is to be kept elsewhere; what was removed since comes back."""
    assert "the master key is not in it" in shell.run("backup", "copy").stdout
    done = elsewhere(shell).run("restore", "../copy")
    assert done.returncode == 0
    assert "is back now" in done.stdout
    assert "keygrove signing-key rotate --now" in done.stdout
    assert "The master key is not here" not in done.stdout


def test_a_restore_without_the_master_key_ends_with_saying_so(shell: Shell) -> None:
    """And where it belongs."""
    shell.value("backup", "copy")
    there = elsewhere(shell, with_master_key=False)
    last = there.run("restore", "../copy").stdout.splitlines()[-1]
    assert last.startswith("The master key is not here: ")
    assert f"at {there.folder / '.keygrove' / 'master.key'}, or set KEYGROVE_MASTER_KEY" in last


def test_the_file_is_for_its_owner_and_replaces_nothing(shell: Shell) -> None:
    """And no half of it is left under another name."""
    shell.value("backup", "copy")
    file = shell.folder / "copy"
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    code, line = shell.error("backup", "copy")
    assert code == 1
    assert "is there already" in line
    assert file.read_bytes() == before
    assert [path.name for path in shell.folder.iterdir() if "copy" in path.name] == ["copy"]


def test_a_backup_of_nothing_makes_nothing(tmp_path: Path) -> None:
    """Neither a database nor a file."""
    code, line = Shell(tmp_path).error("backup", "copy")
    assert code == 1
    assert "database is not available" in line
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_checks_and_changes_nothing(shell: Shell) -> None:
    """Not even a folder is made."""
    shell.value("backup", "copy")
    there = elsewhere(shell)
    told = there.value("restore", "../copy", "--verify", "--dry-run")
    assert (told["restored"], told["verified"], told["rows"]["clients"]) == (False, True, 2)
    assert not database_of(there).exists()


def test_a_dry_run_speaks_of_what_would_be(shell: Shell) -> None:
    """Nothing came back, and nothing is to be done yet."""
    shell.value("backup", "copy")
    key = shell.value("key", "list", "--company", "acme")["keys"][0]["client_id"]
    assert shell.run("key", "remove", key, "--yes").returncode == 0
    there = elsewhere(shell)
    lost = f"sqlite:///{database_of(shell)}"
    for more, words in (
        ((), "would be back when this is restored"),
        (("--compare", lost), "will have to be"),
    ):
        text = there.run("restore", "../copy", "--verify", "--dry-run", *more).stdout
        assert words in text
        assert "is back now" not in text
        assert "came back" not in text
        assert "signing-key rotate" not in text


def test_where_a_backup_cannot_be_written_is_told_in_the_words_that_were_typed(shell: Shell) -> None:
    """The file's other name while it is written is nobody's business."""
    (shell.folder / "a file").touch()
    for typed, said in (
        ("nowhere/copy", "there is no folder nowhere"),
        (f"{shell.folder}/no/where/copy", f"there is no folder {shell.folder}/no/where"),
        ("a file/copy", "a file is not a folder"),
        (".", ". is a folder: name a file in it"),
        ("x" * 300, f"{'x' * 300} cannot be written: File name too long"),
    ):
        assert shell.error("backup", typed) == (1, f"keygrove: {said}")


def test_a_database_that_is_not_empty_stays_as_it_is(shell: Shell) -> None:
    """There is no way to force it."""
    shell.value("backup", "copy")
    code, line = shell.error("restore", "copy")
    assert (code, "the database is not empty" in line) == (1, True)
    assert len(shell.value("key", "list", "--company", "acme")["keys"]) == 2


def test_verify_refuses_another_master_key(shell: Shell) -> None:
    """Before anything is restored."""
    shell.value("backup", "copy")
    there = elsewhere(shell, with_master_key=False)
    assert "there is no master key" in there.error("restore", "../copy", "--verify")[1]
    other = Shell(there.folder, {"KEYGROVE_MASTER_KEY": "ab" * 32})
    assert "put back the right master key" in other.error("restore", "../copy", "--verify")[1]
    assert not database_of(there).exists()


def test_the_lost_database_tells_what_was_removed_since(shell: Shell) -> None:
    """Line by line, for the operator to do again."""
    shell.value("backup", "copy")
    key = shell.value("key", "list", "--company", "acme")["keys"][0]["client_id"]
    assert shell.run("key", "remove", key, "--yes").returncode == 0
    shell.value("company", "suspend", "acme")
    lost = f"sqlite:///{database_of(shell)}"
    there = elsewhere(shell)
    told = there.value("restore", "../copy", "--compare", lost)["removed_since"]
    assert [(each["action"], each["by"]) for each in told] == [
        ("key.removed", "Operator"),
        ("company.suspended", "Operator"),
    ]
    assert told[0]["target_id"] == key
    text = Shell(there.folder).run("restore", "../copy", "--dry-run", "--compare", lost).stdout
    assert key in text
    assert "there is no database" in there.error("restore", "../copy", "--compare", "sqlite:////nowhere")[1]


def lines_of(path: Path) -> list[bytes]:
    """The lines of a backup."""
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def sealed(lines: list[bytes]) -> bytes:
    """Lines with their numbers and their checksum made to fit."""
    kept = lines[:-1]
    end = json.loads(lines[-1]) | {"sha256": sha256(b"".join(kept)).hexdigest()}
    return gzip.compress(b"".join(kept) + json.dumps(end, separators=(",", ":")).encode() + b"\n")


DAMAGES: dict[str, tuple[Callable[[list[bytes], bytes], bytes], str]] = {
    "cut": (lambda _, raw: raw[: len(raw) // 2], "cannot be used: it is cut off, its end is missing"),
    "cut in its head": (lambda _, raw: raw[:5], "cannot be used: it is cut off, its end is missing"),
    "no end": (lambda lines, _: gzip.compress(b"".join(lines[:-1])), "ends too early"),
    "a bit": (lambda _, raw: raw[:-6] + bytes([raw[-6] ^ 1]) + raw[-5:], "cannot be used: it is damaged"),
    "a line of another kind": (
        lambda lines, _: gzip.compress(b"".join([lines[0], b"hello\n", *lines[1:]])),
        "cannot be used: it is damaged",
    ),
    "a row less": (lambda lines, _: gzip.compress(b"".join(lines[:2] + lines[3:])), "checksum"),
    "a row changed": (
        lambda lines, _: gzip.compress(b"".join(lines).replace(b"the first key", b"the 1st keys!")),
        "checksum",
    ),
    "more after its end": (lambda lines, _: gzip.compress(b"".join([*lines, b"[]\n"])), "checksum"),
    "a row less, sealed": (lambda lines, _: sealed(lines[:2] + lines[3:]), "checksum"),
    "a later format": (
        lambda lines, _: sealed([lines[0].replace(b'backup":1', b'backup":2'), *lines[1:]]),
        "a newer Keygrove",
    ),
    "a later schema": (
        lambda lines, _: sealed([re.sub(rb'"schema":\d+', b'"schema":99', lines[0]), *lines[1:]]),
        "schema 99",
    ),
    "a head that lacks something": (
        lambda lines, _: sealed([re.sub(rb'"issuer":"[^"]*",', b"", lines[0]), *lines[1:]]),
        "head",
    ),
    "a table of no Keygrove": (
        lambda lines, _: sealed([lines[0], lines[1].replace(b'"companies"', b'"people; drop"'), *lines[2:]]),
        "no Keygrove made",
    ),
    "a table that no backup has": (
        lambda lines, _: sealed([lines[0], lines[1].replace(b'"companies"', b'"sessions"'), *lines[2:]]),
        "no backup has",
    ),
    "no gzip": (lambda lines, _: b"".join(lines), "not a Keygrove backup"),
    "another file": (lambda *_: gzip.compress(b'{"a":1}\n'), "not a Keygrove backup"),
    "text": (lambda *_: gzip.compress(b"hello"), "not a Keygrove backup"),
    "a picture": (lambda *_: gzip.compress(b"\x89PNG\r\n\x1a\n"), "not a Keygrove backup"),
    "empty": (lambda *_: b"", "not a Keygrove backup: those are made by keygrove backup"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_whole_is_refused_before_anything_is_written(shell: Shell, damage: str) -> None:
    """One line says what is wrong with it."""
    file, (change, words) = shell.folder / "kept", DAMAGES[damage]
    (shell.folder / "damaged").write_bytes(change(lines_of(file), file.read_bytes()))
    there = elsewhere(shell)
    code, line = there.error("restore", "../damaged")
    assert code == 1
    assert words in line
    assert "fault of Keygrove" not in line
    assert not database_of(there).exists()


def as_of(version: int, lines: list[bytes], folder: Path) -> list[bytes]:
    """The lines of a backup as a Keygrove of that version would have written them."""
    schema.migrate_sqlite(folder / "then.db", to=version)
    then = [json.dumps(json.loads(lines[0]) | {"schema": version}).encode() + b"\n"]
    places: list[int] = []
    with closing(sqlite3.connect(folder / "then.db")) as connection:
        for line in lines[1:-1]:
            row = json.loads(line)
            if row[0] == "table":
                known = {column[1] for column in connection.execute(f"pragma table_info({row[1]})")}
                places = [place for place, name in enumerate(row[2]) if name in known]
                row[2] = [row[2][place] for place in places]
            else:
                row = [row[place] for place in places]
            then += [json.dumps(row).encode() + b"\n"] if places else []
    return [*then, lines[-1]]


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_backup_of_a_version_before_is_restored_and_brought_up_to_date(
    tmp_path: Path, shell: Shell, version: int
) -> None:
    """Its rows have the columns of their time."""
    lines = as_of(version, lines_of(shell.folder / "kept"), tmp_path)
    (shell.folder / "old").write_bytes(sealed(lines))
    there = elsewhere(shell)
    assert there.value("restore", "../old", "--verify")["schema"] == version
    assert len(there.value("key", "list", "--company", "acme")["keys"]) == 2
    assert there.value("migrate")["schema"] == schema.VERSION


def test_every_table_is_kept_or_left_out_on_purpose(tmp_path: Path) -> None:
    """A table of a later version cannot be forgotten."""
    schema.migrate_sqlite(tmp_path / "k.db")
    with closing(sqlite3.connect(tmp_path / "k.db")) as connection:
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
    assert tables - {"alembic_version"} == {*KEPT, *LEFT_OUT}
