"""Defaults < keygrove.toml < environment < flags -> one frozen Config, or every fault at once.

The roof reads this value and wires the floors with it; it is never passed below the roof.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from keygrove.config.catalogue import read_catalogue
from keygrove.config.settings import MOST_WORKERS, SETTINGS, Setting, is_loopback, processors, words_of
from keygrove.config.sources import (
    PREFIX,
    Entries,
    Entry,
    Fault,
    find_file,
    from_environment,
    from_file,
    from_flags,
)
from keygrove.config.words import not_a_setting, unknown
from keygrove.management.catalogue import SAMPLE, Catalogue
from keygrove.storage.opening import SQLITE

_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, read and checked. Paths are absolute; `master_key` is None when its file holds it."""

    issuer: str
    database: str = field(repr=False)
    data_dir: Path
    host: str
    port: int
    workers: int
    platform_name: str
    master_key: bytes | None = field(repr=False)
    trusted_proxies: tuple[str, ...]
    rotation_days: int
    refresh_idle_days: int
    refresh_absolute_days: int
    refresh_grace_seconds: int
    failures_per_client: int
    failures_per_address: int
    backchannel_logout_internal: bool
    log_level: str
    catalogue: Catalogue
    catalogue_is_sample: bool

    @property
    def database_shown(self) -> str:
        """The database's URL without its password."""
        return without_password(self.database)

    @property
    def master_key_file(self) -> Path:
        """Where the master key is kept when the environment does not bring it."""
        return self.data_dir / "master.key"


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting as `keygrove config check` shows it; a secret's value is `<secret>`."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading the configuration: a Config unless there are faults."""

    config: Config | None
    faults: tuple[Fault, ...]
    shown: tuple[Shown, ...]


class ConfigInvalid(Exception):
    """The configuration has faults; nothing starts with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def load(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Config:
    """The configuration. Raises ConfigInvalid with every fault."""
    reading = read(flags, environ, folder)
    if reading.config is None:
        raise ConfigInvalid(reading.faults)
    return reading.config


def read(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Reading:
    """Read every source, check every value; relative paths and the search for the file start at `folder`.

    The flag `config` names the file, as KEYGROVE_CONFIG does.
    """
    folder = folder or Path.cwd()
    environ = os.environ if environ is None else environ
    faults: list[Fault] = []
    secrets = {setting.name for setting in SETTINGS if setting.secret}
    above = from_environment(environ, folder, secrets, faults) | from_flags(flags or {}, folder)
    named = str((flags or {}).get("config") or environ.get("KEYGROVE_CONFIG", ""))
    entries = _file_entries(named, folder, above, faults) | above
    _refuse_unknown_names(entries, faults)
    given = _given(entries, faults)
    catalogue = read_catalogue(entries, faults)
    config = _config(_DEFAULTS | given, entries, catalogue, folder, faults)
    shown = (*_shown(config, given, entries), _shown_catalogue(catalogue, entries))
    return Reading(None if faults else config, tuple(faults), shown)


def _file_entries(named: str, folder: Path, above: Entries, faults: list[Fault]) -> Entries:
    entry = above.get(("data_dir",))
    data_dir = folder / (str(entry.value) if entry else _DEFAULTS["data_dir"])
    # Who names a data folder means the installation whose it is, whatever lies in the current folder.
    file = find_file(named, folder, (data_dir, folder) if entry else (folder, data_dir))
    entries = from_file(file, folder, faults) if file else {}
    for at, found in list(entries.items()):
        if any(at == (setting.name,) and setting.secret for setting in SETTINGS):
            name = PREFIX + str(at[0]).upper()
            faults.append(
                Fault(found.place, f"{at[0]} is a secret: set {name} or {name}_FILE, not a line of this file")
            )
            del entries[at]
    return entries


def _refuse_unknown_names(entries: Entries, faults: list[Fault]) -> None:
    names = [setting.name for setting in SETTINGS]
    variables = [setting.variable.removeprefix(PREFIX) for setting in SETTINGS]
    for at, entry in entries.items():
        if at[0] == "api" or at in {(name,) for name in names}:
            continue
        if at[0] in names:
            faults.append(Fault(entry.place, f"{at[0]} is a single value, not a table"))
        elif entry.place.startswith(PREFIX):
            message = not_a_setting(entry.place.removeprefix(PREFIX), variables, before=PREFIX)
            faults.append(Fault(entry.place, message))
        else:
            faults.append(Fault(entry.place, unknown("", ".".join(map(str, at)), [*names, "api"])))


def _given(entries: Entries, faults: list[Fault]) -> dict[str, Any]:
    """The checked values of the settings that are set and have no fault."""
    given = {}
    for setting in SETTINGS:
        entry = entries.get((setting.name,))
        if entry is None:
            continue
        try:
            given[setting.name] = _value(setting, entry)
        except msgspec.ValidationError:
            faults.append(Fault(entry.place, f"{setting.name} must be {setting.expects}"))
        except ValueError as error:
            faults += [Fault(entry.place, f"{setting.name}: {said}") for said in error.args]
    return given


def _value(setting: Setting, entry: Entry) -> Any:
    """The value in an entry. Raises msgspec.ValidationError when it is of another type, ValueError."""
    raw = entry.value
    if entry.text and setting.type == tuple[str, ...]:
        raw = [part.strip() for part in str(raw).split(",") if part.strip()]
    value = msgspec.convert(raw, setting.type, strict=not entry.text)
    setting.check(value)
    return value


def _config(
    values: dict[str, Any], entries: Entries, catalogue: Catalogue | None, folder: Path, faults: list[Fault]
) -> Config:
    """The values with their defaults; only to be used when there are no faults."""
    data_dir = _path(values["data_dir"], entries.get(("data_dir",)), folder)
    url = values["database"]
    if url and url.startswith(SQLITE):
        url = f"{SQLITE}{_path(url.removeprefix(SQLITE), entries.get(('database',)), folder)}"
    host = values["host"]
    if ("issuer",) not in entries and not is_loopback(host):
        faults.append(
            Fault(
                entries[("host",)].place,
                f"with host {host}, set the issuer: the https address at which clients reach this server",
            )
        )
    issuer = values["issuer"] or f"http://127.0.0.1:{values['port']}"
    for at, entry in entries.items():
        if at[0] == "api" and at[2:] == ("audience",) and entry.value == issuer:
            faults.append(Fault(entry.place, "api.audience must not be the issuer: that is Keygrove itself"))
    settled = values | {
        "issuer": issuer,
        "database": url or f"{SQLITE}{data_dir / 'keygrove.db'}",
        "data_dir": data_dir,
        "workers": values["workers"] or min(processors(), MOST_WORKERS),
        "master_key": _master_key(values["master_key"]),
    }
    return Config(**settled, catalogue=catalogue or SAMPLE, catalogue_is_sample=catalogue is None)


def _master_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    # cryptography takes a tenth of a second to import, and most commands bring no master key.
    from keygrove.crypto.vault import parse_master_key

    return parse_master_key(text)


def _path(path: str, entry: Entry | None, folder: Path) -> Path:
    """Absolute; what a file says is relative to the file."""
    return ((entry.folder if entry else folder) / Path(path).expanduser()).resolve()


def without_password(url: str) -> str:
    """A URL as it may be shown: whoever it signs in as is left out."""
    return re.sub(r"://[^/@]*@", "://<secret>@", url)


def _shown(config: Config, given: dict[str, Any], entries: Entries) -> list[Shown]:
    rows = []
    for setting in SETTINGS:
        entry = entries.get((setting.name,))
        value: object = getattr(config, setting.name)
        if entry is not None and setting.name not in given:
            value = without_password(str(entry.value))
        elif setting.name == "database":
            value = config.database_shown
        else:
            value = ", ".join(words_of(value))
        if setting.secret:
            value = "<secret>" if entry else str(config.master_key_file)
        rows.append(Shown(setting.name, str(value), entry.place if entry else "default"))
    return rows


def _shown_catalogue(catalogue: Catalogue | None, entries: Entries) -> Shown:
    listed = catalogue or SAMPLE
    value = "; ".join(f"{api.audience} ({len(api.permissions)} permissions)" for api in listed.apis)
    places = [entry.place for at, entry in entries.items() if at[0] == "api"]
    if catalogue is None and places:
        return Shown("api", "has faults", places[0])
    return Shown("api", value, places[0] if places else "the sample catalogue")
