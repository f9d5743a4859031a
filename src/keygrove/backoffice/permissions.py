"""The catalogue as rows of choices, and what was chosen in a form as scopes."""

from collections.abc import Collection
from dataclasses import dataclass

from keygrove.management.catalogue import Catalogue, Permission
from keygrove.web.forms import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One radio button of a row. `value` is the scopes it gives, separated by blanks; nothing for None."""

    id: str
    label: str
    value: str
    kind: str
    checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One resource with the levels that exist for it."""

    field: str
    resource: str
    description: str
    scopes: tuple[str, ...]
    options: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one API."""

    name: str
    rows: tuple[Row, ...]


def groups(catalogue: Catalogue, chosen: Collection[str] = (), *, audience: str = "") -> tuple[Group, ...]:
    """The picker with `chosen` scopes selected; of one API only when its `audience` is given."""
    apis = [api for api in catalogue.apis if audience in ("", api.audience)]
    return tuple(
        Group(api.name, tuple(_row(permission, chosen) for permission in api.permissions)) for api in apis
    )


def chosen_scopes(catalogue: Catalogue, form: Form) -> tuple[str, ...]:
    """The scopes that a form asks for, as it says them: management knows which of them exist."""
    rows = (permission for api in catalogue.apis for permission in api.permissions)
    return tuple(scope for permission in rows for scope in form.one(_field(permission)).split())


def first_choice(catalogue: Catalogue, audience: str = "") -> str:
    """The id of the picker's first radio button, where an error about permissions leads."""
    for group in groups(catalogue, audience=audience):
        return group.rows[0].options[0].id
    return "permissions"


def count_in_words(scopes: Collection[str]) -> str:
    """ "1 permission: marketing.read"."""
    if not scopes:
        return "No permission yet"
    return f"{len(scopes)} {'permission' if len(scopes) == 1 else 'permissions'}: {', '.join(scopes)}"


def _field(permission: Permission) -> str:
    return f"permission-{permission.read or permission.write}"


def _row(permission: Permission, chosen: Collection[str]) -> Row:
    field, read, write = _field(permission), permission.read, permission.write
    levels = [("none", "None", "")]
    if read is not None:
        levels.append(("read", "Read", read))
    if write is not None:
        levels.append(
            ("write", "Read and write", f"{read} {write}") if read is not None else ("write", "Write", write)
        )
    if write is not None and write in chosen:
        selected = "write"
    else:
        selected = "read" if read is not None and read in chosen else "none"
    options = tuple(
        Level(id=f"{field}-{kind}", label=label, value=value, kind=kind, checked=kind == selected)
        for kind, label, value in levels
    )
    return Row(
        field=field,
        resource=permission.resource,
        description=permission.description,
        scopes=permission.scopes(),
        options=options,
    )
