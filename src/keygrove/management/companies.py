"""Companies: the customers of the platform."""

import re
import secrets
import unicodedata

from keygrove.crypto.secrets import new_company_id
from keygrove.management.context import Actor, Management
from keygrove.management.errors import NotFound
from keygrove.management.names import clean_name
from keygrove.management.record import record
from keygrove.storage import companies
from keygrove.storage.companies import Company
from keygrove.storage.database import Transaction

__all__ = [
    "Company",
    "add",
    "by_id",
    "create",
    "every",
    "named",
    "refuse_entry",
    "resume",
    "slug_of",
    "suspend",
]

_SLUG_CHARACTERS = 40


async def create(m: Management, actor: Actor, name: str) -> Company:
    """Add a company. Two may have one name; their slugs differ. Raises Invalid (field `company_name`)."""
    async with m.database.transaction() as tx:
        return await add(tx, m, actor, name)


async def add(tx: Transaction, m: Management, actor: Actor, name: str) -> Company:
    """As `create`, inside a transaction."""
    name = clean_name(name, field="company_name")
    slug = slug_of(name)
    while True:
        company = Company(id=new_company_id(), slug=slug, name=name, created_at_s=m.now())
        if await companies.insert(tx, company):
            break
        slug = f"{slug_of(name)}-{secrets.token_hex(3)}"
    await record(
        tx, m, actor, "company.created", target_id=company.id, company_id=company.id, detail={"name": name}
    )
    return company


async def every(m: Management) -> tuple[Company, ...]:
    """All companies, by name."""
    async with m.database.transaction() as tx:
        return tuple(await companies.all_by_name(tx))


async def by_id(m: Management, company_id: str) -> Company:
    """The company of that id. Raises NotFound."""
    async with m.database.transaction() as tx:
        company = await companies.by_id(tx, company_id)
    if company is None:
        raise NotFound("There is no such company.")
    return company


async def named(m: Management, id_or_slug: str) -> Company:
    """The company of an id or slug. Raises NotFound."""
    async with m.database.transaction() as tx:
        company = await companies.by_id(tx, id_or_slug) or await companies.by_slug(tx, id_or_slug)
    if company is None:
        raise NotFound("There is no such company.")
    return company


async def refuse_entry(m: Management, actor: Actor, slug: str) -> None:
    """Record that somebody asked for the pages of a company that is not theirs, if there is one."""
    async with m.database.transaction() as tx:
        company = await companies.by_slug(tx, slug)
        if company is not None:
            await record(
                tx,
                m,
                actor,
                "company.entered",
                target_id=company.id,
                company_id=company.id,
                outcome="refused",
            )


async def suspend(m: Management, actor: Actor, company_id: str) -> None:
    """Switch off all keys of a company, until it is resumed. Raises NotFound."""
    await _set_suspended(m, actor, company_id, m.now(), "company.suspended")


async def resume(m: Management, actor: Actor, company_id: str) -> None:
    """Let a suspended company's keys work again. Raises NotFound."""
    await _set_suspended(m, actor, company_id, None, "company.resumed")


async def _set_suspended(m: Management, actor: Actor, company_id: str, at_s: int | None, action: str) -> None:
    async with m.database.transaction() as tx:
        if not await companies.set_suspended(tx, company_id, at_s):
            raise NotFound("There is no such company.")
        await record(tx, m, actor, action, target_id=company_id, company_id=company_id)


def slug_of(name: str) -> str:
    """A company's name as it stands in URLs: lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_CHARACTERS].strip("-") or "company"
