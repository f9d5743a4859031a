"""`keygrove company`: the customers of the platform."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.output import Json, members, show, table, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.companies import Company
    from keygrove.management.context import Management

commands = typer.Typer(
    help="Companies: the customers of the platform.", no_args_is_help=True, rich_markup_mode=None
)
Named = Annotated[str, typer.Argument(metavar="COMPANY", help="The company's id or slug.")]


def value_of(company: "Company") -> dict[str, Any]:
    """A company as JSON has it."""
    return {
        "id": company.id,
        "slug": company.slug,
        "name": company.name,
        "created_at": time_text(company.created_at_s),
        "suspended_at": time_text(company.suspended_at_s),
    }


@commands.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The company's name.")], as_json: Json = False
) -> None:
    """Add a company."""
    from keygrove.management import companies
    from keygrove.management.context import OPERATOR

    async def make(m: "Management") -> "tuple[Company, bool]":
        made = await companies.create(m, OPERATOR, name)
        return made, any(each.name == made.name and each.id != made.id for each in await companies.every(m))

    company, is_second = with_management(make)
    value = value_of(company)
    text = members([("Company", company.name), ("id", company.id), ("slug", company.slug)])
    if is_second:
        value["note"] = f"Another company has this name; the slug of this one is {company.slug}."
        text = f"{text}\n\n{value['note']}"
    show(as_json, value, text)


@commands.command("list")
def list_companies(as_json: Json = False) -> None:
    """List every company."""
    from keygrove.management import companies

    found = with_management(companies.every, create=False)
    rows = [
        (each.name, each.id, each.slug, time_text(each.created_at_s), time_text(each.suspended_at_s))
        for each in found
    ]
    text = table(["NAME", "ID", "SLUG", "CREATED", "SUSPENDED"], rows) if rows else "No companies yet."
    show(as_json, {"companies": [value_of(each) for each in found]}, text)


@commands.command("suspend")
def suspend(company: Named, as_json: Json = False) -> None:
    """Switch off all keys of a company until it is resumed."""
    _set_suspended(company, as_json, suspended=True)


@commands.command("resume")
def resume(company: Named, as_json: Json = False) -> None:
    """Let the keys of a suspended company work again."""
    _set_suspended(company, as_json, suspended=False)


def _set_suspended(name: str, as_json: bool, *, suspended: bool) -> None:
    from keygrove.management import companies
    from keygrove.management.context import OPERATOR

    async def change(m: "Management") -> "Company":
        found = await find_company(m, name)
        await (companies.suspend if suspended else companies.resume)(m, OPERATOR, found.id)
        return await companies.by_id(m, found.id)

    company = with_management(change, create=False)
    done = "is suspended: its keys get no tokens." if suspended else "is active: its keys work."
    show(as_json, value_of(company), f"{company.name} {done}")
