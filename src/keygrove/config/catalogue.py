"""The `[[api]]` tables of the configuration: which APIs there are and which permissions each one knows."""

import re
from collections.abc import Iterator
from typing import cast, get_args

import msgspec

from keygrove.config.settings import NAME_EXPECTS, Name
from keygrove.config.sources import ConfigPath, Entries, Entry, Fault
from keygrove.config.words import unknown
from keygrove.management.catalogue import ApiListing, Catalogue, Permission
from keygrove.protocol.resource import SigningAlgorithm, TokenType

API_FIELDS = ("audience", "name", "token_type", "signing_algorithm", "permission")
PERMISSION_FIELDS = ("resource", "description", "read", "write", "sensitive")
TOKEN_TYPES: tuple[str, ...] = get_args(TokenType)
SIGNING_ALGORITHMS: tuple[str, ...] = get_args(SigningAlgorithm)
# scope-token of RFC 6749 §3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,128}")
_AUDIENCE = re.compile(r"[!-~]{1,256}")


def read_catalogue(entries: Entries, faults: list[Fault]) -> Catalogue | None:
    """The catalogue that the `api` entries describe; None when there are none or faults were found."""
    mine = {at: entry for at, entry in entries.items() if at[0] == "api"}
    if not mine:
        return None
    before = len(faults)
    apis = []
    for at, entry in mine.items():
        if not _in_a_table_of_its_own(at, entry):
            faults.append(Fault(entry.place, "an API is a table of its own, headed [[api]]"))
            return None
    for index in sorted({cast("int", at[1]) for at in mine}):
        apis.append(_api(*_table(mine, ("api", index)), faults))
    _find_duplicates(mine, faults)
    return Catalogue(apis=tuple(apis)) if len(faults) == before else None


def _in_a_table_of_its_own(at: ConfigPath, entry: Entry) -> bool:
    """Whether this is, or is in, a table with `[[…]]` around its name; one without any line is an entry."""
    return len(at) > 1 and isinstance(at[1], int) and (len(at) > 2 or entry.value == {})


def _table(entries: Entries, start: ConfigPath) -> tuple[str, Entries]:
    """Where the table of a path is, and the entries in it, with that path cut off."""
    below = {at[len(start) :]: entry for at, entry in entries.items() if at[: len(start)] == start}
    return next(iter(below.values())).place, {at: entry for at, entry in below.items() if at}


def _api(place: str, fields: Entries, faults: list[Fault]) -> ApiListing:
    rows = set[int]()
    for at, entry in fields.items():
        if at[0] not in API_FIELDS:
            faults.append(Fault(entry.place, unknown("api", str(at[0]), API_FIELDS)))
        elif at[0] == "permission" and not (_in_a_table_of_its_own(at, entry) and len(at) <= 3):
            faults.append(Fault(entry.place, "a permission is a table of its own, headed [[api.permission]]"))
        elif at[0] == "permission":
            rows.add(cast("int", at[1]))
        elif len(at) != 1:
            faults.append(Fault(entry.place, f"api.{at[0]} must be text"))
    audience = _text(fields, "api", "audience", place, faults)
    if audience and not _AUDIENCE.fullmatch(audience):
        faults.append(
            Fault(
                fields[("audience",)].place,
                "api.audience must be at most 256 ASCII characters without blanks",
            )
        )
    name = _named(fields, "api", "name", place, faults)
    token_type = _one_of(fields, "token_type", TOKEN_TYPES, place, faults)
    algorithm = _one_of(fields, "signing_algorithm", SIGNING_ALGORITHMS, place, faults)
    if not any(at[0] == "permission" for at in fields):
        faults.append(Fault(place, "the API needs at least one [[api.permission]]"))
    permissions = tuple(_permission(*_table(fields, ("permission", row)), faults) for row in sorted(rows))
    return ApiListing(
        audience=audience,
        name=name,
        permissions=permissions,
        token_type=cast("TokenType", token_type),
        signing_algorithm=cast("SigningAlgorithm", algorithm),
    )


def _permission(place: str, fields: Entries, faults: list[Fault]) -> Permission:
    faults.extend(
        Fault(entry.place, unknown("api.permission", str(at[0]), PERMISSION_FIELDS))
        for at, entry in fields.items()
        if at[0] not in PERMISSION_FIELDS
    )
    resource = _named(fields, "api.permission", "resource", place, faults)
    description = _text(fields, "api.permission", "description", place, faults, default="")
    scopes = [_scope(fields, field, place, faults) for field in ("read", "write")]
    if not any((field,) in fields for field in ("read", "write")):
        faults.append(Fault(place, "the permission needs a scope: read, write or both"))
    return Permission(
        resource=resource,
        description=description,
        read=scopes[0],
        write=scopes[1],
        sensitive=_sensitive(fields, faults),
    )


def _sensitive(fields: Entries, faults: list[Fault]) -> bool:
    """Whether the permission is sensitive; a fault when the field says neither yes nor no."""
    entry = fields.get(("sensitive",))
    if entry is None:
        return False
    try:
        return msgspec.convert(entry.value, bool, strict=not entry.text)
    except msgspec.ValidationError:
        faults.append(Fault(entry.place, "api.permission.sensitive must be true or false"))
        return False


def _scope(fields: Entries, field: str, place: str, faults: list[Fault]) -> str | None:
    if (field,) not in fields:
        return None
    scope = _text(fields, "api.permission", field, place, faults)
    if scope == "openid" or scope.startswith("offline"):
        faults.append(Fault(fields[(field,)].place, f"the scope {scope} is reserved by OpenID Connect"))
    elif scope and not _SCOPE.fullmatch(scope):
        faults.append(
            Fault(
                fields[(field,)].place,
                f"api.permission.{field} must be one scope: at most 128 ASCII characters, "
                "no blanks, quotation marks or backslashes",
            )
        )
    return scope


def _text(
    fields: Entries, table: str, field: str, place: str, faults: list[Fault], default: str | None = None
) -> str:
    """The text of a field; when it must be there and is not, or is no text, a fault and the empty text."""
    entry = fields.get((field,))
    if entry is None:
        if default is None:
            faults.append(Fault(place, f"{table}.{field} is missing"))
        return default or ""
    if not isinstance(entry.value, str) or (default is None and not entry.value):
        faults.append(Fault(entry.place, f"{table}.{field} must be text"))
        return ""
    return entry.value


def _one_of(fields: Entries, field: str, words: tuple[str, ...], place: str, faults: list[Fault]) -> str:
    """The word in a field of the API, the first one by default; a fault when it is another."""
    word = _text(fields, "api", field, place, faults, default=words[0])
    if word not in ("", *words):
        faults.append(Fault(fields[(field,)].place, f"api.{field} must be {' or '.join(words)}"))
    return word


def _named(fields: Entries, table: str, field: str, place: str, faults: list[Fault]) -> str:
    """The text of a field that people read."""
    text = _text(fields, table, field, place, faults)
    try:
        return msgspec.convert(text or "?", Name)
    except msgspec.ValidationError:
        faults.append(Fault(fields[(field,)].place, f"{table}.{field} must be {NAME_EXPECTS}"))
        return text


def _find_duplicates(entries: Entries, faults: list[Fault]) -> None:
    for what, found in (
        ("audience", [entry for at, entry in entries.items() if at[2:] == ("audience",)]),
        ("scope", list(_scope_entries(entries))),
    ):
        first: dict[object, Entry] = {}
        for entry in found:
            known = first.setdefault(str(entry.value), entry)
            if known is not entry:
                faults.append(
                    Fault(entry.place, f"the {what} {entry.value} is there already, at {known.place}")
                )


def _scope_entries(entries: Entries) -> Iterator[Entry]:
    for at, entry in entries.items():
        if len(at) == 5 and at[2] == "permission" and at[4] in ("read", "write"):
            yield entry
