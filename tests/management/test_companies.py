"""Companies, the customers."""

from dataclasses import replace

import pytest

from clocks import NOW
from keygrove.management import companies, integrations
from keygrove.management.companies import Company, slug_of
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, NotFound
from management.conftest import ANA
from recorded import Journal

pytestmark = pytest.mark.anyio


async def test_a_company_gets_an_id_and_a_slug(m: Management, journal: Journal) -> None:
    """32 hexadecimal characters, and its name as it stands in URLs."""
    company = await companies.create(m, OPERATOR, "  Café Müller & Söhne ")
    assert company == Company(
        id=company.id, slug="cafe-muller-sohne", name="Café Müller & Söhne", created_at_s=int(NOW)
    )
    assert len(company.id) == 32
    assert int(company.id, 16)
    assert await companies.by_id(m, company.id) == company
    (line,) = journal.lines("company.created")
    assert (line["target_id"], line["company_id"], line["actor_kind"]) == (company.id, company.id, "cli")


async def test_a_company_is_found_by_id_or_slug(m: Management) -> None:
    """Not by its name."""
    company = await companies.create(m, OPERATOR, "Blue Bottle")
    assert await companies.named(m, company.id) == company
    assert await companies.named(m, "blue-bottle") == company
    with pytest.raises(NotFound):
        await companies.named(m, "Blue Bottle")


async def test_the_operator_finds_the_company_of_a_key(m: Management, acme: Company) -> None:
    """Also of a removed one."""
    key = (await integrations.create_key(m, ANA, acme.id, name="Newsletter", permissions=["event.read"])).key
    await integrations.remove_key(m, ANA, acme.id, key.client_id)
    assert await integrations.company_of(m, key.client_id) == acme.id
    with pytest.raises(NotFound):
        await integrations.company_of(m, "kg_ci_unknown")


async def test_k26_two_companies_of_one_name_share_nothing(m: Management) -> None:
    """Not the id, not the slug, not a key."""
    first, second = [await companies.create(m, OPERATOR, "Acme") for _ in range(2)]
    assert first.id != second.id
    assert first.slug == "acme"
    assert second.slug.startswith("acme-")
    await integrations.create_key(m, ANA, first.id, name="Newsletter", permissions=["event.read"])
    assert (await integrations.list_keys(m, second.id)).keys == ()
    assert await companies.every(m) == tuple(sorted((first, second), key=lambda company: company.id))


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\nb", "\0"])
async def test_a_company_needs_a_name(m: Management, name: str) -> None:
    """The fault names the field of the form."""
    with pytest.raises(Invalid) as refused:
        await companies.create(m, OPERATOR, name)
    assert refused.value.faults[0].field == "company_name"
    assert await companies.every(m) == ()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("鍵", "company"),
        ("../..", "company"),
        ("A  B", "a-b"),
        ("x" * 80, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_slug_is_short_and_plain(name: str, slug: str) -> None:
    """Lower-case letters, digits and hyphens only, whatever the name."""
    assert slug_of(name) == slug


async def test_a_company_is_suspended_and_resumed(m: Management, acme: Company, journal: Journal) -> None:
    """Both are on the record."""
    await companies.suspend(m, OPERATOR, acme.id)
    assert await companies.by_id(m, acme.id) == replace(acme, suspended_at_s=int(NOW))
    await companies.resume(m, OPERATOR, acme.id)
    assert await companies.by_id(m, acme.id) == acme
    actions = [line["action"] for line in journal.lines()]
    assert actions == ["company.created", "company.suspended", "company.resumed"]


async def test_a_company_of_nobody_is_not_found(m: Management) -> None:
    """By looking, suspending or resuming."""
    for doing in (
        companies.by_id(m, "x"),
        companies.suspend(m, OPERATOR, "x"),
        companies.resume(m, OPERATOR, "x"),
    ):
        with pytest.raises(NotFound):
            await doing
