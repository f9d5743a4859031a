"""Companies: the customers of the platform."""

from dataclasses import dataclass

from keygrove.storage.database import Row, Transaction

_COLUMNS = "company_id, slug, name, created_at_s, suspended_at_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company. `slug` names it in URLs. Times are epoch seconds."""

    id: str
    slug: str
    name: str
    created_at_s: int
    suspended_at_s: int | None = None


async def insert(tx: Transaction, company: Company) -> bool:
    """Add a company. False when the slug is taken."""
    added = await tx.run(
        """
        insert into companies (company_id, slug, name, created_at_s) values ($1, $2, $3, $4)
        on conflict (slug) do nothing
        """,
        company.id,
        company.slug,
        company.name,
        company.created_at_s,
    )
    return added == 1


async def by_id(tx: Transaction, company_id: str) -> Company | None:
    """The company of that id."""
    row = await tx.one(f"select {_COLUMNS} from companies where company_id = $1", company_id)  # noqa: S608 - a constant
    return None if row is None else from_row(row)


async def hold(tx: Transaction, company_id: str) -> bool:
    """Let nobody else hold the company until this transaction ends. False when there is no such company."""
    return await tx.run("update companies set name = name where company_id = $1", company_id) == 1


async def by_slug(tx: Transaction, slug: str) -> Company | None:
    """The company of that name in URLs."""
    row = await tx.one(f"select {_COLUMNS} from companies where slug = $1", slug)  # noqa: S608 - a constant
    return None if row is None else from_row(row)


async def all_by_name(tx: Transaction) -> list[Company]:
    """Every company, by name."""
    rows = await tx.all(f"select {_COLUMNS} from companies order by name, company_id")  # noqa: S608 - a constant
    return [from_row(row) for row in rows]


async def set_suspended(tx: Transaction, company_id: str, at_s: int | None) -> bool:
    """Suspend a company at a time, or lift it with None. False when there is no such company."""
    return (
        await tx.run("update companies set suspended_at_s = $1 where company_id = $2", at_s, company_id) == 1
    )


def from_row(row: Row) -> Company:
    """The company in a row that has its columns."""
    return Company(
        id=row["company_id"],
        slug=row["slug"],
        name=row["name"],
        created_at_s=row["created_at_s"],
        suspended_at_s=row["suspended_at_s"],
    )
