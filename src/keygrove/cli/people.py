"""`keygrove person`: who may sign in to Backoffice."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keygrove.cli.output import CommandFailed, Json, members, show, table, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.context import Management
    from keygrove.management.people import Member, Person

commands = typer.Typer(
    help="People: who may sign in to Backoffice.", no_args_is_help=True, rich_markup_mode=None
)
Role = Literal["admin", "auditor"]
Named = Annotated[str, typer.Argument(metavar="PERSON", help="The person's e-mail address or id.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
_PASSWORD_CHARACTERS = 24
_SHOWN_ONCE = "\n\nThe password is shown this once."


@commands.command("create")
def create(
    company: Annotated[str, typer.Option("--company", metavar="ID", help="The company's id or slug.")],
    email: Annotated[str, typer.Option("--email", metavar="E", help="The address they sign in with.")],
    name: Annotated[str, typer.Option("--name", help="Their name; by default the address up to its @.")] = "",
    role: Annotated[Role, typer.Option("--role", help="admin changes keys, auditor only looks.")] = "admin",
    password_stdin: PasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Add a person to a company. Without --password-stdin a password is made and printed, this once."""
    password = _password(password_stdin)

    async def add(m: "Management") -> "tuple[dict[str, Any], bool]":
        from keygrove.management import people
        from keygrove.management.context import OPERATOR

        found = await find_company(m, company)
        known = await people.by_email(m, email) is not None
        person = await people.create(
            m, OPERATOR, company_id=found.id, email=email, password=password, name=name, role=role
        )
        return value_of(person, found.id, role), known

    value, known = with_management(add, create=False)
    lines = [("Person", value["name"]), ("id", value["id"]), ("E-mail", value["email"]), ("role", role)]
    note = ""
    if known:
        note = "\n\nThis person had an account before, and keeps its password."
    elif not password_stdin:
        value["password"] = password
        lines.append(("Password", password))
        note = _SHOWN_ONCE
    show(as_json, value, members(lines) + note)


@commands.command("list")
def list_people(
    company: Annotated[str, typer.Option("--company", metavar="ID", help="The company's id or slug.")],
    as_json: Json = False,
) -> None:
    """List the people of a company."""

    async def read(m: "Management") -> "tuple[str, tuple[Member, ...]]":
        from keygrove.management import people

        found = await find_company(m, company)
        return found.id, await people.members(m, found.id)

    company_id, found = with_management(read, create=False)
    rows = [
        (each.person.email, each.person.id, each.person.name, each.role, _disabled_at(each.person))
        for each in found
    ]
    text = table(["E-MAIL", "ID", "NAME", "ROLE", "DISABLED"], rows) if rows else "No people yet."
    show(as_json, {"people": [value_of(each.person, company_id, each.role) for each in found]}, text)


@commands.command("disable")
def disable(person: Named, as_json: Json = False) -> None:
    """Shut a person out of every company until enabled again. Their sessions end."""
    _set_disabled(person, as_json, disabled=True)


@commands.command("enable")
def enable(person: Named, as_json: Json = False) -> None:
    """Let a disabled person sign in again."""
    _set_disabled(person, as_json, disabled=False)


@commands.command("set-password")
def set_password(person: Named, password_stdin: PasswordStdin = False, as_json: Json = False) -> None:
    """Give a person another password. Their sessions end. Without --password-stdin it is made and printed."""
    password = _password(password_stdin)

    async def change(m: "Management") -> "Person":
        from keygrove.management import people
        from keygrove.management.context import OPERATOR

        found = await people.named(m, person)
        await people.set_password(m, OPERATOR, found.id, password)
        return found

    found = with_management(change, create=False)
    value, text = _account(found), f"{found.email} has another password; every session has ended."
    if not password_stdin:
        value["password"] = password
        text += "\n\n" + members([("Password", password)]) + _SHOWN_ONCE
    show(as_json, value, text)


@commands.command("reset-link")
def reset_link(person: Named, as_json: Json = False) -> None:
    """Print a link with which a person chooses another password.

    It is good once, for 30 minutes. Their sessions end when it is used.
    """

    async def make(m: "Management") -> "tuple[Person, str, str | None]":
        from keygrove.management import password_reset, people

        found = await people.named(m, person)
        token = await password_reset.new_link(m, found.id)
        url = f"{m.issuer}/reset-password?token={token.reveal()}"
        return found, url, time_text(m.now() + password_reset.LINK_LIFE_S)

    found, url, expires_at = with_management(make, create=False)
    value = {**_account(found), "url": url, "expires_at": expires_at}
    note = f"Good once, until {expires_at}. Give it to {found.email} and to nobody else."
    show(as_json, value, f"{url}\n\n{note}")


def value_of(person: "Person", company_id: str, role: str) -> dict[str, Any]:
    """A member of a company as JSON has it."""
    return {**_account(person), "company_id": company_id, "role": role}


def new_password() -> str:
    """A random password of more than 128 bits, letters and digits only."""
    import secrets

    from keygrove.crypto.secrets import BASE62

    return "".join(secrets.choice(BASE62) for _ in range(_PASSWORD_CHARACTERS))


def _password(from_stdin: bool) -> str:
    """The password on standard input, or a new one. Raises CommandFailed when there is none."""
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else new_password()
    if not password:
        raise CommandFailed("standard input holds no password")
    return password


def _set_disabled(name: str, as_json: bool, *, disabled: bool) -> None:
    from keygrove.management import people
    from keygrove.management.context import OPERATOR

    async def change(m: "Management") -> "Person":
        found = await people.named(m, name)
        await (people.disable if disabled else people.enable)(m, OPERATOR, found.id)
        return await people.named(m, found.id)

    person = with_management(change, create=False)
    done = "is disabled and signed out everywhere." if disabled else "may sign in."
    show(as_json, _account(person), f"{person.email} {done}")


def _account(person: "Person") -> dict[str, Any]:
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "created_at": time_text(person.created_at_s),
        "disabled_at": _disabled_at(person),
    }


def _disabled_at(person: "Person") -> str | None:
    return time_text(person.disabled_at_s)
