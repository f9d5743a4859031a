"""Where settings come from: keygrove.toml, environment variables and flags, each value with its place.

Every source becomes a flat mapping from a path (`("port",)`, `("api", 0, "audience")`) to an Entry, so that
a later source replaces single values of an earlier one, and every fault can say where it stands.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "KEYGROVE_"
# Read by other programs that share the prefix: the finder of the file, the SDK of integrators, the demo.
NOT_SETTINGS = frozenset(
    {
        "KEYGROVE_CONFIG",
        "KEYGROVE_CLIENT_ID",
        "KEYGROVE_CLIENT_SECRET",
        "KEYGROVE_DEMO_COMPANIES",
    }
)
FILE_NAME = "keygrove.toml"

ConfigPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the configuration: where it stands, and what is wrong there."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value as a source gives it. `text` says that it still has to be read (environment and flags).

    Relative paths start at `folder`: that of the file, or the current one.
    """

    value: object
    place: str
    folder: Path
    text: bool = False


Entries = dict[ConfigPath, Entry]


def find_file(named: str, folder: Path, places: Iterable[Path]) -> Path | None:
    """The file to read: the named one, else the first keygrove.toml in these places; None if none is."""
    if named:
        return folder / named
    return next((place / FILE_NAME for place in places if (place / FILE_NAME).exists()), None)


def from_file(path: Path, folder: Path, faults: list[Fault]) -> Entries:
    """The values of a TOML file; what cannot be read becomes a fault."""
    shown = _shown(path, folder)
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        faults.append(Fault(shown, f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        faults.append(Fault(shown, "is not UTF-8 text"))
    except tomllib.TOMLDecodeError as error:
        faults.append(_syntax_fault(shown, str(error)))
    else:
        lines = _lines(text)
        return {
            at: Entry(value=value, place=f"{shown}:{_line(lines, at)}", folder=path.parent)
            for at, value in _leaves((), table)
        }
    return {}


def from_environment(
    environ: Mapping[str, str], folder: Path, secrets: set[str], faults: list[Fault]
) -> Entries:
    """The values of KEYGROVE_… variables, nested by `__`; an empty one counts as absent.

    A secret may also be named by a file: KEYGROVE_X_FILE.
    """
    entries: Entries = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or not environ[name]:
            continue
        setting = name.removeprefix(PREFIX).lower()
        value = environ[name]
        if setting.endswith("_file") and setting.removesuffix("_file") in secrets:
            setting = setting.removesuffix("_file")
            if environ.get(PREFIX + setting.upper()):
                faults.append(Fault(name, f"set this or {PREFIX}{setting.upper()}, not both"))
                continue
            try:
                value = (folder / value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                faults.append(
                    Fault(name, f"the file cannot be read: {getattr(error, 'strerror', None) or 'not text'}")
                )
                continue
        at = tuple(int(part) if part.isdecimal() else part for part in setting.split("__"))
        entries[at] = Entry(value=value, place=name, folder=folder, text=True)
    return entries


def from_flags(flags: Mapping[str, object], folder: Path) -> Entries:
    """The values of command-line flags; those that were not given are None. The file's name is no value."""
    return {
        (name,): Entry(value=str(value), place="--" + name.replace("_", "-"), folder=folder, text=True)
        for name, value in flags.items()
        if value is not None and name != "config"
    }


def environment_of(flags: Mapping[str, object]) -> dict[str, str]:
    """The same values as variables: how a parent hands its flags to its worker processes."""
    return {PREFIX + name.upper(): str(value) for name, value in flags.items() if value is not None}


def _shown(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)


def _syntax_fault(shown: str, message: str) -> Fault:
    words, _, position = message.partition(" (at ")
    line = re.search(r"line (\d+)", position)
    place = f"{shown}:{line[1]}" if line else shown
    return Fault(place, f"is not valid TOML: {words[:1].lower()}{words[1:]}")


def _leaves(at: ConfigPath, value: object) -> Iterator[tuple[ConfigPath, object]]:
    """Values that are not tables; a list is one value unless it holds tables."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves((*at, key), inner)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for index, inner in enumerate(value):
            yield from _leaves((*at, index), inner)
    elif at:
        yield at, value


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\"'.-]+)\s*=")


def _lines(text: str) -> dict[ConfigPath, int]:
    """The line of every header and key. The parser of the standard library does not tell."""
    lines: dict[ConfigPath, int] = {}
    table: ConfigPath = ()
    counts: dict[ConfigPath, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = ()
            for key in _keys(header[2]):
                table = (*table, key)
                if table in counts:
                    table = (*table, counts[table] - 1)
            if header[1] == "[[":
                name = table[:-1] if isinstance(table[-1], int) else table
                counts[name] = counts.get(name, 0) + 1
                table = (*name, counts[name] - 1)
            lines.setdefault(table, number)
        elif key_line := _KEY.match(line):
            lines.setdefault((*table, *_keys(key_line[1])), number)
    return lines


def _keys(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _line(lines: dict[ConfigPath, int], at: ConfigPath) -> int:
    """The line of a value, or of the nearest thing around it."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)
