"""The catalogue as rows of choices, and what was chosen in a form as scopes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

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
    """One resource with the levels that exist for it.

    `reason` is None where no reason is asked for; `unexplained` says that it is needed and missing.
    `is_optional`: people may leave it out.
    """

    field: str
    resource: str
    description: str
    scopes: tuple[str, ...]
    options: tuple[Level, ...]
    reason: str | None = None
    unexplained: bool = False
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one API."""

    name: str
    rows: tuple[Row, ...]


# What apps may know of the person who connects them (OpenID Connect Core §5.4).
_PERSON = (
    Permission("Name", "The name of the person who connects it.", "profile"),
    Permission("E-mail address", "The address that they sign in with.", "email"),
)


def groups(catalogue: Catalogue, chosen: Collection[str] = (), *, audience: str = "") -> tuple[Group, ...]:
    """The picker with `chosen` scopes selected; of one API only when its `audience` is given."""
    apis = [api for api in catalogue.apis if audience in ("", api.audience)]
    return tuple(
        Group(api.name, tuple(_row(permission, chosen) for permission in api.permissions)) for api in apis
    )


def app_groups(
    catalogue: Catalogue,
    chosen: Collection[str],
    reasons: Mapping[str, str],
    *,
    optional: Collection[str] = (),
    explain: bool = False,
) -> tuple[Group, ...]:
    """The picker for an app, with a reason for each row, and what it may know of people.

    `optional` is what people may leave out; `explain` marks the rows that are chosen without a reason.
    """

    def rows(permissions: Collection[Permission]) -> tuple[Row, ...]:
        made = (_app_row(permission, chosen, reasons, explain=explain) for permission in permissions)
        return tuple(replace(row, is_optional=not set(row.scopes).isdisjoint(optional)) for row in made)

    apis = (Group(api.name, rows(api.permissions)) for api in catalogue.apis)
    return (*apis, Group("About the person", rows(_PERSON)))


def chosen_scopes(catalogue: Catalogue, form: Form) -> tuple[str, ...]:
    """The scopes that a form asks for, as it says them: management knows which of them exist."""
    return tuple(scope for permission in _rows(catalogue) for scope in form.one(_field(permission)).split())


def given_reasons(catalogue: Catalogue, form: Form) -> dict[str, str]:
    """Why an app needs what its form asks for, by scope: both levels of a row have its reason."""
    return {
        scope: form.one(_reason_field(permission))
        for permission in _rows(catalogue)
        for scope in permission.scopes()
    }


def left_open(catalogue: Catalogue, form: Form) -> frozenset[str]:
    """The scopes of the rows that people may leave out."""
    rows = (row for row in _rows(catalogue) if form.one(f"optional-{row.scopes()[0]}"))
    return frozenset(scope for row in rows for scope in row.scopes())


def unexplained(catalogue: Catalogue, chosen: Collection[str], reasons: Mapping[str, str]) -> str:
    """The id of the first reason that is missing or, when none is, of the first there is."""
    rows = list(_rows(catalogue))
    return _reason_field(next((row for row in rows if _lacks_reason(row, chosen, reasons)), rows[0]))


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


def _rows(catalogue: Catalogue) -> Iterator[Permission]:
    """Every row of the picker for an app; that for a key has no others than these."""
    yield from (permission for api in catalogue.apis for permission in api.permissions)
    yield from _PERSON


def _lacks_reason(permission: Permission, chosen: Collection[str], reasons: Mapping[str, str]) -> bool:
    return not set(chosen).isdisjoint(permission.scopes()) and not _reason(permission, reasons)


def _app_row(
    permission: Permission, chosen: Collection[str], reasons: Mapping[str, str], *, explain: bool
) -> Row:
    lacks = explain and _lacks_reason(permission, chosen, reasons)
    return replace(_row(permission, chosen), reason=_reason(permission, reasons), unexplained=lacks)


def _reason(permission: Permission, reasons: Mapping[str, str]) -> str:
    return next((reasons[scope] for scope in permission.scopes() if reasons.get(scope)), "")


def _reason_field(permission: Permission) -> str:
    return f"reason-{permission.read or permission.write}"


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
