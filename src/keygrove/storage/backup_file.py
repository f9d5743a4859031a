"""The file of a backup: gzip'ed JSON Lines, the same for every database.

First a head, then table by table its rows (`["table", name, [columns]]`, then one list of values a row), at
the end the number of rows and the SHA-256 of every line before. It is written under another name, synced
and renamed: a file with the name that was asked for is complete.
"""

import gzip
import json
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from keygrove.storage.database import Value

FORMAT = 1
_LONGEST_LINE = 16 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_END = b'{"rows":'
_NAME = re.compile(r"[a-z][a-z_]{0,62}")


class BackupUnusable(Exception):
    """The file is no backup, is damaged or incomplete, or is of a version that this one does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a backup says of itself. `made_at_s` is in epoch seconds.

    `secrets_check` is a digest that only the master key of the backup's Secret Keys gives; empty when the
    master key was not at hand.
    """

    schema: int
    made_at_s: int
    issuer: str
    keygrove: str
    secrets_check: str


@dataclass(frozen=True, slots=True)
class TableStart:
    """From here on rows are of this table, with their values in the order of these columns."""

    name: str
    columns: tuple[str, ...]


class BackupWriter:
    """Writes the lines."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._hash = sha256()
        self._table = ""
        self.counts: dict[str, int] = {}

    def head(self, head: Head) -> None:
        """Write the head, once, before everything else."""
        self._line({"keygrove_backup": FORMAT, **asdict(head)})

    def table(self, name: str, columns: list[str]) -> None:
        """Begin a table."""
        self._table = name
        self.counts[name] = 0
        self._line(["table", name, columns])

    def row(self, values: list[Value]) -> None:
        """Write one row of the table that was begun."""
        self.counts[self._table] += 1
        self._line(values)

    def end(self) -> str:
        """Write the numbers and the checksum; the checksum."""
        checksum = self._hash.hexdigest()
        self._line({"rows": self.counts, "sha256": checksum})
        return checksum

    def _line(self, value: object) -> None:
        line = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        self._hash.update(line)
        self._file.write(line)


@contextmanager
def writing(path: Path) -> Iterator[BackupWriter]:
    """A new backup at `path`, which only its owner can read; there once the block has ended without an error.

    Raises OSError in words about that path: something is there already, or it cannot be written.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder: name a file in it")
        if path.exists():
            raise FileExistsError(f"{path} is there already: a backup replaces nothing")
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as raw:
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6) as file:
                    yield BackupWriter(file)
                raw.flush()
                os.fsync(raw.fileno())
            draft.rename(path)
            _sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        # What has no number is in our own words already; others name the draft, which nobody asked for.
        if error.errno is None:
            raise
        raise type(error)(_unwritable(path, error)) from error


class BackupReader:
    """Reads the lines, and knows at the end that they are those that were written."""

    def __init__(self, path: Path, file: gzip.GzipFile) -> None:
        self._path = path
        self._file = file
        self._hash = sha256()
        try:
            first = self._next()
        except (ValueError, BackupUnusable):
            raise _no_backup(path) from None
        self.head = _head(path, first)
        self.counts: dict[str, int] = {}
        self.checksum = ""

    def rows(self) -> Iterator[TableStart | list[Value]]:
        """Every table's start, followed by its rows. Raises BackupUnusable, at the end at the latest."""
        table: TableStart | None = None
        while True:
            match self._next():
                case ["table", str(name), list(columns)]:
                    table = _table_start(self._path, name, columns)
                    if self.counts.setdefault(name, 0):
                        raise _unusable(self._path, "it has a table twice")
                    yield table
                case list(values) if table is not None and _fits(values, table):
                    self.counts[table.name] += 1
                    yield values
                case {"rows": dict(counts), "sha256": str(checksum)}:
                    # Beyond the last line there is nothing, and gzip's own checksum is looked at.
                    if counts != self.counts or checksum != self._hash.hexdigest() or self._file.read(1):
                        raise _unusable(self._path, "its content is not what its checksum says")
                    self.checksum = checksum
                    return
                case _:
                    raise _unusable(self._path, "it has a line that does not belong there")

    def _next(self) -> Any:
        line = self._file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise _unusable(self._path, "it ends too early")
        if not line.startswith(_END):
            self._hash.update(line)
        return json.loads(line)


@contextmanager
def reading(path: Path) -> Iterator[BackupReader]:
    """A backup from its beginning. Raises BackupUnusable, OSError when there is no such file."""
    with path.open("rb") as raw:
        if raw.read(len(_GZIP)) != _GZIP:
            raise _no_backup(path)
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw, mode="rb") as file:
                yield BackupReader(path, file)
        except EOFError as error:
            raise _unusable(path, "it is cut off, its end is missing") from error
        except (gzip.BadGzipFile, ValueError, zlib.error) as error:
            raise _unusable(path, "it is damaged") from error


def _head(path: Path, value: Any) -> Head:
    if not isinstance(value, dict) or "keygrove_backup" not in value:
        raise _no_backup(path)
    if value.pop("keygrove_backup") != FORMAT:
        raise _unusable(path, "a newer Keygrove made it: restore it with that one")
    if {name: type(one) for name, one in value.items()} != Head.__annotations__:
        raise _unusable(path, "its head is not complete")
    return Head(**value)


def _table_start(path: Path, name: str, columns: list[Any]) -> TableStart:
    # Names become part of SQL statements.
    if not all(isinstance(each, str) and _NAME.fullmatch(each) for each in (name, *columns)):
        raise _unusable(path, "it has a table that no Keygrove made")
    return TableStart(name, tuple(columns))


def _fits(values: list[Any], table: TableStart) -> bool:
    return len(values) == len(table.columns) and all(
        value is None or type(value) in (str, int) for value in values
    )


def _unusable(path: Path, why: str) -> BackupUnusable:
    return BackupUnusable(f"{path} cannot be used: {why}")


def _no_backup(path: Path) -> BackupUnusable:
    return BackupUnusable(f"{path} is not a Keygrove backup: those are made by keygrove backup")


def _unwritable(path: Path, error: OSError) -> str:
    folder = path.parent if path.parent != Path() else Path.cwd()
    match error:
        case FileNotFoundError():
            return f"there is no folder {folder}"
        case NotADirectoryError():
            return f"{folder} is not a folder"
        case PermissionError():
            return f"no permission to write into the folder {folder}"
        case _:
            return f"{path} cannot be written: {error.strerror}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
