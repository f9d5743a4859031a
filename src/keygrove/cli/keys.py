"""`keygrove key`: the integration keys of a company."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.consent import Yes, confirm
from keygrove.cli.output import CommandFailed, Json, members, show, table, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.context import Management
    from keygrove.management.integrations import IntegrationKey, NewKey

commands = typer.Typer(help="Integration keys of a company.", no_args_is_help=True, rich_markup_mode=None)
Company = Annotated[str, typer.Option("--company", metavar="ID", help="The company's id or slug.")]
KeyCompany = Annotated[
    str,
    typer.Option("--company", metavar="ID", help="The company's id or slug; found by itself when left out."),
]
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The key's Client ID.")]
Permissions = Annotated[
    list[str],
    typer.Option("--permission", metavar="SCOPE", help="A permission by its scope; repeat for more."),
]


def value_of(key: "IntegrationKey") -> dict[str, Any]:
    """A key as JSON has it."""
    return {
        "client_id": key.client_id,
        "name": key.name,
        "permissions": list(key.permissions),
        "company_id": key.company_id,
        "audience": key.audience,
        "created_at": time_text(key.created_at_s),
        "created_by": key.created_by,
        "updated_at": time_text(key.updated_at_s),
    }


def text_of(key: "IntegrationKey") -> str:
    """A key as people read it."""
    return members(
        [
            ("Name", key.name),
            ("Client ID", key.client_id),
            ("Permissions", " ".join(key.permissions)),
            ("API", key.audience),
            ("Company", key.company_id),
            ("Created", f"{time_text(key.created_at_s)} by {key.created_by}"),
            ("Updated", f"{time_text(key.updated_at_s)}"),
        ]
    )


@commands.command("create")
def create(
    company: Company,
    name: Annotated[str, typer.Option("--name", metavar="N", help="What the key is for.")],
    permission: Permissions,
    as_json: Json = False,
) -> None:
    """Make a key. Its Secret Key is printed, this once."""

    async def make(m: "Management") -> "NewKey":
        from keygrove.management import integrations
        from keygrove.management.context import OPERATOR

        found = await find_company(m, company)
        return await integrations.create_key(
            m, OPERATOR, found.id, name=name, permissions=scopes_of(permission)
        )

    made = with_management(make, create=False)
    key, secret = made.key, made.client_secret.reveal()
    value = {
        "client_id": key.client_id,
        "client_secret": secret,
        "name": key.name,
        "permissions": list(key.permissions),
        "company_id": key.company_id,
        "created_at": time_text(key.created_at_s),
    }
    lines = [
        ("Name", key.name),
        ("Permissions", " ".join(key.permissions)),
        ("Client ID", key.client_id),
        ("Secret Key", secret),
    ]
    show(as_json, value, members(lines) + "\n\nThe Secret Key is shown this once.")


@commands.command("list")
def list_keys(company: Company, as_json: Json = False) -> None:
    """List the keys of a company."""

    async def read_all(m: "Management") -> "list[IntegrationKey]":
        from keygrove.management import integrations

        found = await find_company(m, company)
        keys: list[IntegrationKey] = []
        page = await integrations.list_keys(m, found.id, limit=500)
        keys.extend(page.keys)
        while page.next:
            page = await integrations.list_keys(m, found.id, after=page.next, limit=500)
            keys.extend(page.keys)
        return keys

    keys = with_management(read_all, create=False)
    rows = [(key.name, key.client_id, " ".join(key.permissions), time_text(key.created_at_s)) for key in keys]
    text = table(["NAME", "CLIENT ID", "PERMISSIONS", "CREATED"], rows) if rows else "No keys yet."
    show(as_json, {"keys": [value_of(key) for key in keys]}, text)


@commands.command("show")
def show_key(client_id: ClientId, company: KeyCompany = "", as_json: Json = False) -> None:
    """Show a key. Its Secret Key cannot be shown again."""

    async def read(m: "Management") -> "IntegrationKey":
        from keygrove.management import integrations
        from keygrove.management.context import OPERATOR

        return await integrations.get_key(m, OPERATOR, await _company_of(m, client_id, company), client_id)

    key = with_management(read, create=False)
    show(as_json, value_of(key), text_of(key))


@commands.command("update")
def update(
    client_id: ClientId,
    company: KeyCompany = "",
    name: Annotated[str | None, typer.Option("--name", metavar="N", help="The new name.")] = None,
    permission: Annotated[
        list[str] | None,
        typer.Option(
            "--permission", metavar="SCOPE", help="The new permissions, all of them; repeat for more."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Rename a key, change its permissions, or both. The next token follows."""
    if name is None and not permission:
        raise CommandFailed("nothing to change: give --name, --permission or both")

    async def change(m: "Management") -> "IntegrationKey":
        from keygrove.management import integrations
        from keygrove.management.context import OPERATOR

        company_id = await _company_of(m, client_id, company)
        permissions = scopes_of(permission) if permission else None
        return await integrations.update_key(
            m, OPERATOR, company_id, client_id, name=name, permissions=permissions
        )

    key = with_management(change, create=False)
    show(as_json, value_of(key), text_of(key))


@commands.command("remove")
def remove(
    client_id: ClientId,
    company: KeyCompany = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove a key for good: it gets no token from now on. On a terminal this asks first."""
    confirm(f"Remove the key {client_id}?", yes=yes)

    async def take_away(m: "Management") -> None:
        from keygrove.management import integrations
        from keygrove.management.context import OPERATOR

        await integrations.remove_key(m, OPERATOR, await _company_of(m, client_id, company), client_id)

    with_management(take_away, create=False)
    show(as_json, {"client_id": client_id, "removed": True}, f"The key {client_id} is removed.")


def scopes_of(values: list[str]) -> list[str]:
    """Permissions as given: repeated, or several in one with blanks or commas between them."""
    return [scope for value in values for scope in value.replace(",", " ").split()]


async def _company_of(m: "Management", client_id: str, named: str) -> str:
    """The id of the named company, or else of the key's own."""
    if named:
        return (await find_company(m, named)).id
    from keygrove.management import integrations
    from keygrove.management.errors import NotFound

    try:
        return await integrations.company_of(m, client_id)
    except NotFound:
        raise CommandFailed(f"there is no key {client_id!r}") from None
