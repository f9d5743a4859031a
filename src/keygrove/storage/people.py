"""People who sign in, and the companies they belong to."""

from dataclasses import dataclass, field

from keygrove.storage.companies import Company, from_row
from keygrove.storage.database import Row, Transaction

_COLUMNS = "p.person_id, p.email, p.name, p.created_at_s, p.disabled_at_s, p.updated_at_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with an account. Times are epoch seconds.

    `updated_at_s` is when name or address were last changed; None when they never were.
    """

    id: str
    email: str
    name: str
    created_at_s: int
    disabled_at_s: int | None = None
    updated_at_s: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A person and the argon2id hash of the password."""

    person: Person
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """A company a person belongs to, and as what."""

    company: Company
    role: str


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a company, and as what."""

    person: Person
    role: str


async def insert(tx: Transaction, person: Person, *, email_key: str, password_hash: str) -> bool:
    """Add a person. False when the e-mail address has an account already."""
    added = await tx.run(
        """
        insert into people (person_id, email, email_key, name, password_hash, created_at_s)
        values ($1, $2, $3, $4, $5, $6) on conflict (email_key) do nothing
        """,
        person.id,
        person.email,
        email_key,
        person.name,
        password_hash,
        person.created_at_s,
    )
    return added == 1


async def by_email(tx: Transaction, email_key: str) -> Account | None:
    """The account of a folded e-mail address."""
    row = await tx.one(f"select {_COLUMNS}, p.password_hash from people p where p.email_key = $1", email_key)  # noqa: S608
    return None if row is None else Account(from_person_row(row), row["password_hash"])


async def by_id(tx: Transaction, person_id: str) -> Account | None:
    """The account of that id."""
    row = await tx.one(f"select {_COLUMNS}, p.password_hash from people p where p.person_id = $1", person_id)  # noqa: S608
    return None if row is None else Account(from_person_row(row), row["password_hash"])


async def exist(tx: Transaction) -> bool:
    """Whether there is anybody at all."""
    return await tx.one("select 1 as one from people limit 1") is not None


async def set_disabled(tx: Transaction, person_id: str, at_s: int | None) -> bool:
    """Disable a person at a time, or lift it with None. False when there is no such person."""
    return await tx.run("update people set disabled_at_s = $1 where person_id = $2", at_s, person_id) == 1


async def set_password(tx: Transaction, person_id: str, password_hash: str, *, at_s: int) -> bool:
    """Replace the hash of a person's password. False when there is no such person."""
    touched = await tx.run(
        "update people set password_hash = $2, password_changed_at_s = $3 where person_id = $1",
        person_id,
        password_hash,
        at_s,
    )
    return touched == 1


async def hold_password(tx: Transaction, person_id: str, password_hash: str) -> bool:
    """Whether a person's password still has this hash; nobody replaces it until the transaction ends."""
    touched = await tx.run(
        "update people set password_hash = $2 where person_id = $1 and password_hash = $2",
        person_id,
        password_hash,
    )
    return touched == 1


async def add_member(tx: Transaction, person_id: str, company_id: str, *, role: str, at_s: int) -> None:
    """Make a person a member of a company, or change the role."""
    await tx.run(
        """
        insert into members (person_id, company_id, role, created_at_s) values ($1, $2, $3, $4)
        on conflict (person_id, company_id) do update set role = excluded.role
        """,
        person_id,
        company_id,
        role,
        at_s,
    )


async def memberships(tx: Transaction, person_id: str) -> tuple[Membership, ...]:
    """The companies of a person, by name; suspended ones too."""
    rows = await tx.all(
        """
        select o.company_id, o.slug, o.name, o.created_at_s, o.suspended_at_s, m.role
        from members m join companies o on o.company_id = m.company_id
        where m.person_id = $1 order by o.name, o.company_id
        """,
        person_id,
    )
    return tuple(Membership(from_row(row), row["role"]) for row in rows)


async def members(tx: Transaction, company_id: str) -> list[Member]:
    """The people of a company, by e-mail address; disabled ones too."""
    rows = await tx.all(
        f"""
        select {_COLUMNS}, m.role from members m join people p on p.person_id = m.person_id
        where m.company_id = $1 order by p.email_key
        """,  # noqa: S608 - a constant
        company_id,
    )
    return [Member(from_person_row(row), row["role"]) for row in rows]


def from_person_row(row: Row) -> Person:
    """The person in a row that has its columns."""
    return Person(
        id=row["person_id"],
        email=row["email"],
        name=row["name"],
        created_at_s=row["created_at_s"],
        disabled_at_s=row["disabled_at_s"],
        updated_at_s=row["updated_at_s"],
    )
