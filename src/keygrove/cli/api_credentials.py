"""`keygrove api-credential`: with which an API asks about the tokens that people show it (RFC 7662)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.consent import Yes, confirm
from keygrove.cli.output import Json, WronglyUsed, members, show, table, time_text
from keygrove.cli.work import with_management

if TYPE_CHECKING:
    from keygrove.management.api_credentials import ApiCredential, NewApiCredential
    from keygrove.management.context import Management

commands = typer.Typer(
    help="Credentials of APIs that ask about tokens.", no_args_is_help=True, rich_markup_mode=None
)


def value_of(credential: "ApiCredential") -> dict[str, Any]:
    """A credential as JSON has it."""
    return {
        "client_id": credential.client_id,
        "name": credential.name,
        "audience": credential.audience,
        "created_at": time_text(credential.created_at_s),
    }


@commands.command("create")
def create(
    name: Annotated[str, typer.Option("--name", metavar="N", help="Which system has it.")],
    api: Annotated[
        str, typer.Option("--api", metavar="AUDIENCE", help="The API; not needed when there is only one.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Make a credential. Its secret is printed, this once."""

    async def make(m: "Management") -> "NewApiCredential":
        from keygrove.management import api_credentials
        from keygrove.management.context import OPERATOR

        apis = [each.audience for each in m.catalogue.apis]
        if not api and len(apis) != 1:
            raise WronglyUsed(f"say which API with --api: {', '.join(apis)}")
        return await api_credentials.create(m, OPERATOR, audience=api or apis[0], name=name)

    new = with_management(make, create=False)
    value, secret = value_of(new.credential), new.client_secret.reveal()
    lines = [
        ("Name", new.credential.name),
        ("API", new.credential.audience),
        ("Client ID", new.credential.client_id),
        ("Secret Key", secret),
    ]
    shown = {"client_id": new.credential.client_id, "client_secret": secret, **value}
    show(as_json, shown, members(lines) + "\n\nThe Secret Key is shown this once.")


@commands.command("list")
def list_credentials(as_json: Json = False) -> None:
    """List every credential."""
    from keygrove.management import api_credentials

    found = with_management(api_credentials.every, create=False)
    rows = [(each.name, each.client_id, each.audience, time_text(each.created_at_s)) for each in found]
    text = table(["NAME", "CLIENT ID", "API", "CREATED"], rows) if rows else "No API credentials yet."
    show(as_json, {"api_credentials": [value_of(each) for each in found]}, text)


@commands.command("remove")
def remove(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The credential's Client ID.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove a credential for good: nothing is told to it any more. On a terminal this asks first."""
    confirm(f"Remove the API credential {client_id}?", yes=yes)

    async def take_away(m: "Management") -> None:
        from keygrove.management import api_credentials
        from keygrove.management.context import OPERATOR

        await api_credentials.remove(m, OPERATOR, client_id)

    with_management(take_away, create=False)
    show(as_json, {"client_id": client_id, "removed": True}, f"The API credential {client_id} is removed.")
