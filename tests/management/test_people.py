"""People and their roles."""

import pytest

from clocks import NOW, Clock
from keygrove.management import companies, people, sign_in
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Invalid, NotFound
from keygrove.management.people import Member, Person
from keygrove.storage import grants
from recorded import Journal
from storage.granted import ANA, BEA, add_companies_people_and_apps, add_grant, code_of

PASSWORD = "a clearing in a forest"
pytestmark = pytest.mark.anyio


async def add(
    m: Management,
    company: Company,
    email: str = "ana@acme.example",
    *,
    password: str = PASSWORD,
    name: str = "",
) -> Person:
    """Add a person."""
    return await people.create(m, OPERATOR, company_id=company.id, email=email, password=password, name=name)


async def enter(
    m: Management, email: str = "ana@acme.example", *, password: str = PASSWORD
) -> sign_in.NewSession:
    """Sign in."""
    return await sign_in.sign_in(m, email=email, password=password, address="")


async def fields_refused(
    m: Management, company: Company, email: str, password: str, name: str = ""
) -> list[str]:
    """The fields that are wrong."""
    with pytest.raises(Invalid) as refused:
        await add(m, company, email, password=password, name=name)
    return [fault.field for fault in refused.value.faults]


async def test_a_person_has_an_id_that_no_client_has(m: Management, acme: Company, journal: Journal) -> None:
    """Its prefix keeps the two apart (RFC 9068 §5); the deed is on the record."""
    person = await add(m, acme, " Ana@Acme.example ", name="Ana Example")
    assert person == Person(id=person.id, email="Ana@Acme.example", name="Ana Example", created_at_s=int(NOW))
    assert person.id.startswith("kg_pe_")
    (line,) = journal.lines("person.added")
    assert (line["target_id"], line["company_id"]) == (person.id, acme.id)
    assert line["detail"] == {"email": "Ana@Acme.example", "role": "admin"}


async def test_without_a_name_the_address_gives_one(m: Management, acme: Company) -> None:
    """What stands before the at sign."""
    assert (await add(m, acme, "ana.b@acme.example")).name == "ana.b"


async def test_an_address_that_has_an_account_becomes_a_member(
    m: Management, acme: Company, rival: Company
) -> None:
    """Password and name stay: an admin of one company cannot take over somebody of another."""
    first = await add(m, acme, name="Ana")
    second = await add(m, rival, "ANA@acme.example", password="another long password", name="Not Ana")
    assert second == first
    new = await sign_in.sign_in(m, email="ana@acme.example", password=PASSWORD, address="")
    assert [one.company.id for one in new.session.memberships] == [acme.id, rival.id]
    with pytest.raises(Invalid):
        await sign_in.sign_in(m, email="ana@acme.example", password="another long password", address="")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ana",
        "@acme.example",
        "ana@",
        "a b@acme.example",
        "a@b@c",
        "ana@acme\n.example",
        "a" * 65 + "@b",
        "a@" + "b" * 190,
        "a\0@b",
        "a\ud800@b",
    ],
)
async def test_what_is_no_address_is_refused(m: Management, acme: Company, email: str) -> None:
    """Slips of the pen, and what could not be stored."""
    assert await fields_refused(m, acme, email, PASSWORD, "Ana") == ["email"]


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 11, "x" * 4097, "é" * 2049, "x" * 20 + "\0", "\u0958" * 1300, "e\u0301" * 6],
)
async def test_passwords_too_short_too_long_or_with_nul_are_refused(
    m: Management, acme: Company, password: str
) -> None:
    """Twelve characters to 4,096 bytes, both as they are hashed: in NFC."""
    assert await fields_refused(m, acme, "ana@acme.example", password) == ["password"]


async def test_all_faults_are_told_at_once(m: Management, acme: Company) -> None:
    """In the order of the form."""
    assert await fields_refused(m, acme, "ana", "short", "\n") == ["email", "name", "password"]


async def test_roles_are_admin_and_auditor(m: Management, acme: Company) -> None:
    """And no other."""
    with pytest.raises(Invalid) as refused:
        await people.create(
            m,
            OPERATOR,
            company_id=acme.id,
            email="a@b.example",
            password=PASSWORD,
            role="owner",  # type: ignore[arg-type]
        )
    assert refused.value.faults[0].field == "role"


async def test_an_unknown_company_is_not_found(m: Management, acme: Company, journal: Journal) -> None:
    """And nobody is added."""
    with pytest.raises(NotFound):
        await people.create(m, OPERATOR, company_id="f" * 32, email="a@b.example", password=PASSWORD)
    assert journal.lines("person.added") == []
    assert await companies.every(m) == (acme,)


async def test_disabling_is_on_the_record(m: Management, acme: Company, journal: Journal) -> None:
    """Nobody cannot be disabled."""
    person = await add(m, acme)
    await people.disable(m, OPERATOR, person.id)
    assert [line["target_id"] for line in journal.lines("person.disabled")] == [person.id]
    with pytest.raises(NotFound):
        await people.disable(m, OPERATOR, "kg_pe_nobody")


async def test_disabling_ends_sessions_and_enabling_brings_none_back(
    m: Management, acme: Company, journal: Journal
) -> None:
    """A person who may sign in again has to do so."""
    person = await add(m, acme)
    token = (await enter(m)).token.reveal()
    await people.disable(m, OPERATOR, person.id)
    with pytest.raises(Invalid):
        await enter(m)
    await people.enable(m, OPERATOR, person.id)
    assert await sign_in.find_session(m, token) is None
    assert (await enter(m)).session.person == person
    assert [line["target_id"] for line in journal.lines("person.enabled")] == [person.id]
    with pytest.raises(NotFound):
        await people.enable(m, OPERATOR, "kg_pe_nobody")


async def test_another_password_ends_the_sessions_of_the_old_one(
    m: Management, acme: Company, journal: Journal
) -> None:
    """Of that person only; on the record without the password."""
    person, other = await add(m, acme), await add(m, acme, "bo@acme.example")
    token, others = (await enter(m)).token.reveal(), (await enter(m, "bo@acme.example")).token.reveal()
    await people.set_password(m, OPERATOR, person.id, "another long password")
    assert await sign_in.find_session(m, token) is None
    found = await sign_in.find_session(m, others)
    assert found is not None
    assert found.person == other
    with pytest.raises(Invalid):
        await enter(m)
    assert (await enter(m, password="another long password")).session.person == person
    assert [line["target_id"] for line in journal.lines("person.password_set")] == [person.id]
    assert "another long password" not in journal.everything_stored()


async def test_another_password_ends_what_was_granted_with_the_old_one(m: Management, clock: Clock) -> None:
    """By that person only, also within the second of the sign-in; the time is noted."""
    await add_companies_people_and_apps(m.database)
    for grant_id, person in (("g1", ANA), ("g2", BEA)):
        assert await add_grant(m.database, code_of(grant_id, subject=person.id))
    clock.pass_by(60)
    await people.set_password(m, OPERATOR, ANA.id, "another long password")
    async with m.database.transaction() as tx:
        first, second = await grants.by_id(tx, "g1"), await grants.by_id(tx, "g2")
    assert first is not None
    assert second is not None
    assert (first.standing.revoked, first.standing.password_changed_at) == (True, m.now())
    assert (second.standing.revoked, second.standing.password_changed_at) == (False, 0)


async def test_a_password_is_checked_before_it_is_set(m: Management, acme: Company, journal: Journal) -> None:
    """And nobody has none."""
    person = await add(m, acme)
    with pytest.raises(Invalid) as refused:
        await people.set_password(m, OPERATOR, person.id, "short")
    assert refused.value.faults[0].field == "password"
    with pytest.raises(NotFound):
        await people.set_password(m, OPERATOR, "kg_pe_nobody", "another long password")
    assert journal.lines("person.password_set") == []
    assert (await enter(m)).session.person == person


async def test_people_are_found_by_address_or_id_and_by_company(
    m: Management, acme: Company, rival: Company
) -> None:
    """An address in any case."""
    bo, ana = await add(m, acme, "bo@acme.example"), await add(m, acme)
    assert await people.named(m, "ANA@acme.example ") == ana
    assert await people.named(m, bo.id) == bo
    assert await people.by_email(m, "Bo@acme.example") == bo
    assert await people.by_email(m, "nobody@acme.example") is None
    with pytest.raises(NotFound):
        await people.named(m, "nobody@acme.example")
    assert await people.members(m, acme.id) == (Member(ana, "admin"), Member(bo, "admin"))
    assert await people.members(m, rival.id) == ()
