"""`keygrove person`: who may sign in to Backoffice."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keygrove.cli.output import CommandFailed, Json, members, show, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.context import Management
    from keygrove.storage.people import Person

commands = typer.Typer(
    help="People: who may sign in to Backoffice.", no_args_is_help=True, rich_markup_mode=None
)
Role = Literal["admin", "auditor"]
_PASSWORD_CHARACTERS = 24


@commands.command("create")
def create(
    company: Annotated[str, typer.Option("--company", metavar="ID", help="The company's id or slug.")],
    email: Annotated[str, typer.Option("--email", metavar="E", help="The address they sign in with.")],
    name: Annotated[str, typer.Option("--name", help="Their name; by default the address up to its @.")] = "",
    role: Annotated[Role, typer.Option("--role", help="admin changes keys, auditor only looks.")] = "admin",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a person to a company. Without --password-stdin a password is made and printed, this once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else new_password()
    if not password:
        raise CommandFailed("standard input holds no password")

    async def add(m: "Management") -> "tuple[dict[str, Any], bool]":
        from keygrove.management import people
        from keygrove.management.context import OPERATOR
        from keygrove.storage.people import by_email

        found = await find_company(m, company)
        async with m.database.transaction() as tx:
            known = await by_email(tx, people.email_key(email)) is not None
        person = await people.create(
            m, OPERATOR, company_id=found.id, email=email, password=password, name=name, role=role
        )
        return value_of(person, found.id, role), known

    value, known = with_management(add)
    lines = [("Person", value["name"]), ("id", value["id"]), ("E-mail", value["email"]), ("role", role)]
    note = ""
    if known:
        note = "\n\nThis person had an account before, and keeps its password."
    elif not password_stdin:
        value["password"] = password
        lines.append(("Password", password))
        note = "\n\nThe password is shown this once."
    show(as_json, value, members(lines) + note)


def value_of(person: "Person", company_id: str, role: str) -> dict[str, Any]:
    """A person as JSON has it."""
    return {
        "id": person.id,
        "email": person.email,
        "name": person.name,
        "company_id": company_id,
        "role": role,
        "created_at": time_text(person.created_at_s),
    }


def new_password() -> str:
    """A random password of more than 128 bits, letters and digits only."""
    import secrets

    from keygrove.crypto.secrets import BASE62

    return "".join(secrets.choice(BASE62) for _ in range(_PASSWORD_CHARACTERS))
