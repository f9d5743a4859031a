"""The first run: one link, one use, thirty minutes."""

import asyncio

import pytest

from clocks import Clock
from keygrove.crypto.secrets import Secret
from keygrove.management import companies, people, setup, sign_in
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, LinkExpired, NotFound
from keygrove.management.sign_in import NewSession
from recorded import Journal

PASSWORD = "a clearing in a forest"
pytestmark = pytest.mark.anyio


async def complete(
    m: Management,
    token: Secret | str,
    *,
    company_name: str = "Acme",
    name: str = "Ana",
    email: str = "ana@acme.example",
    password: str = PASSWORD,
) -> NewSession:
    """Fill in the set-up form."""
    return await setup.complete(
        m,
        token if isinstance(token, str) else token.reveal(),
        company_name=company_name,
        name=name,
        email=email,
        password=password,
        address="192.0.2.1",
    )


async def test_the_link_makes_a_company_and_its_admin(m: Management, journal: Journal) -> None:
    """Who is signed in right away, and can sign in later."""
    assert await setup.is_needed(m)
    link = await setup.new_link(m)
    await setup.check(m, link.reveal())
    session = (await complete(m, link)).session
    assert [(one.company.name, one.role) for one in session.memberships] == [("Acme", "admin")]
    assert session.person.name == "Ana"
    assert not await setup.is_needed(m)
    again = await sign_in.sign_in(m, email="ana@acme.example", password=PASSWORD, address="")
    assert again.session.person == session.person
    assert [line["action"] for line in journal.lines()][:3] == [
        "company.created",
        "person.added",
        "person.sign_in",
    ]
    assert link.reveal() not in journal.everything_stored()


async def test_a_company_that_is_there_already_is_left_alone(m: Management) -> None:
    """The link makes another one, which may have the same name."""
    before = await companies.create(m, OPERATOR, "Acme")
    session = (await complete(m, await setup.new_link(m))).session
    (mine,) = session.memberships
    assert {each.id for each in await companies.every(m)} == {before.id, mine.company.id}


async def test_a_used_link_is_gone(m: Management) -> None:
    """As is the whole page: the answer is the same as if it had never been there."""
    link = await setup.new_link(m)
    await complete(m, link)
    with pytest.raises(NotFound):
        await setup.check(m, link.reveal())
    with pytest.raises(NotFound):
        await complete(m, link, email="eve@acme.example")
    with pytest.raises(NotFound):
        await setup.new_link(m)
    assert len(await companies.every(m)) == 1


async def test_a_link_expires_after_thirty_minutes(m: Management, clock: Clock) -> None:
    """To the second; a new one works."""
    link = await setup.new_link(m)
    clock.pass_by(setup.LINK_LIFE_S - 1)
    await setup.check(m, link.reveal())
    clock.pass_by(1)
    with pytest.raises(LinkExpired):
        await setup.check(m, link.reveal())
    with pytest.raises(LinkExpired):
        await complete(m, link)
    await complete(m, await setup.new_link(m))


@pytest.mark.parametrize("token", ["", "x", "kg_su_" + "0" * 49, "\ud800", "\0"])
async def test_a_guessed_link_opens_nothing(m: Management, token: str) -> None:
    """It looks like one that has expired."""
    await setup.new_link(m)
    with pytest.raises(LinkExpired):
        await setup.check(m, token)
    with pytest.raises(LinkExpired):
        await complete(m, token)


async def test_all_faults_are_told_at_once_and_the_link_stays(m: Management) -> None:
    """Whoever slips may try again."""
    link = await setup.new_link(m)
    with pytest.raises(Invalid) as refused:
        await complete(m, link, company_name="", name="", email="x", password="short")
    assert [fault.field for fault in refused.value.faults] == ["company_name", "name", "email", "password"]
    await complete(m, link)


@pytest.mark.parametrize("links", [1, 2])
async def test_two_people_at_once_end_with_one_company(m: Management, links: int) -> None:
    """With one link or with two: the first run happens once."""
    tokens = [(await setup.new_link(m)).reveal() for _ in range(links)]
    forms = [complete(m, tokens[number % links], email=f"p{number}@acme.example") for number in range(4)]
    answers = await asyncio.gather(*forms, return_exceptions=True)
    assert sum(isinstance(answer, NewSession) for answer in answers) == 1
    assert sum(isinstance(answer, LinkExpired | NotFound) for answer in answers) == 3
    assert len(await companies.every(m)) == 1


async def test_a_person_made_at_the_command_line_ends_the_first_run(m: Management) -> None:
    """A link printed before is worth nothing any more."""
    link = await setup.new_link(m)
    company = await companies.create(m, OPERATOR, "Acme")
    await people.create(m, OPERATOR, company_id=company.id, email="a@b.example", password=PASSWORD)
    with pytest.raises(NotFound):
        await complete(m, link)
