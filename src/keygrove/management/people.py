"""People: accounts with a password, and their roles in companies."""

import re

from keygrove.crypto import passwords
from keygrove.crypto.passwords import MIN_CHARACTERS as MIN_CHARACTERS
from keygrove.crypto.passwords import PasswordTooLong
from keygrove.crypto.secrets import new_person_id
from keygrove.management.context import ROLES, Actor, Management, Role
from keygrove.management.errors import Fault, Invalid, NotFound
from keygrove.management.names import clean_name
from keygrove.management.record import record
from keygrove.storage import companies, people
from keygrove.storage.database import Transaction
from keygrove.storage.people import Person as Person

# Enough to catch a slip of the pen; only a message that arrives proves an address.
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^\s@\x00-\x1f\x7f\ud800-\udfff]{1,189}")


async def create(
    m: Management,
    actor: Actor,
    *,
    company_id: str,
    email: str,
    password: str,
    name: str = "",
    role: Role = "admin",
) -> Person:
    """Add a person to a company. Whoever has an account already keeps it, password and name included.

    Raises Invalid (fields `email`, `password`, `name`, `role`), NotFound for an unknown company.
    """
    if role not in ROLES:
        raise Invalid(Fault("role", f"Use one of: {', '.join(ROLES)}."))
    draft, password_hash = await prepare(m, email=email, name=name, password=password)
    async with m.database.transaction() as tx:
        if await companies.by_id(tx, company_id) is None:
            raise NotFound("There is no such company.")
        return await add(tx, m, actor, draft, password_hash=password_hash, company_id=company_id, role=role)


async def prepare(m: Management, *, email: str, name: str, password: str) -> tuple[Person, str]:
    """A person not yet stored, and the hash of the password; every fault at once. Raises Invalid."""
    faults: list[Fault] = []
    email, cleaned = email.strip(), ""
    if not _EMAIL.fullmatch(email):
        faults.append(Fault("email", "Enter an e-mail address, such as name@example.com."))
    try:
        cleaned = clean_name(name or email.partition("@")[0] or "?", field="name")
    except Invalid as invalid:
        faults += invalid.faults
    faults += check_password(password)
    if faults:
        raise Invalid(*faults)
    person = Person(id=new_person_id(), email=email, name=cleaned, created_at_s=m.now())
    return person, await m.passwords.hash(password)


async def add(
    tx: Transaction,
    m: Management,
    actor: Actor,
    draft: Person,
    *,
    password_hash: str,
    company_id: str,
    role: Role,
) -> Person:
    """Store a prepared person, unless the address has an account; make that account a member."""
    person = draft
    if not await people.insert(tx, draft, email_key=email_key(draft.email), password_hash=password_hash):
        account = await people.by_email(tx, email_key(draft.email))
        if account is None:
            raise NotFound("The account was removed just now.")
        person = account.person
    await people.add_member(tx, person.id, company_id, role=role, at_s=m.now())
    await record(
        tx,
        m,
        actor,
        "person.added",
        target_id=person.id,
        company_id=company_id,
        detail={"email": person.email, "role": role},
    )
    return person


async def disable(m: Management, actor: Actor, person_id: str) -> None:
    """Shut a person out; their open sessions end with the next request. Raises NotFound."""
    async with m.database.transaction() as tx:
        if not await people.set_disabled(tx, person_id, m.now()):
            raise NotFound("There is no such person.")
        await record(tx, m, actor, "person.disabled", target_id=person_id)


def check_password(password: str) -> list[Fault]:
    """What is wrong with a new password (NIST SP 800-63B: length counts, not its kinds of characters)."""
    if "\0" in password:
        return [Fault("password", "The password contains a character that cannot be typed.")]
    try:
        # Counted as it is hashed: composing characters can make it shorter or longer.
        counted = passwords.prepare(password).decode("utf-8", "surrogatepass")
    except PasswordTooLong:
        return [Fault("password", "The password is too long.")]
    if len(counted) < MIN_CHARACTERS:
        return [Fault("password", f"Use at least {MIN_CHARACTERS} characters.")]
    return []


async def password_is_right(m: Management, password: str, hashed: str | None) -> bool:
    """Whether the password is the account's; False for one that no account could have."""
    if "\0" in password:
        return False
    try:
        return await m.passwords.verify(password, hashed)
    except PasswordTooLong:
        return False


def email_key(email: str) -> str:
    """The form in which two addresses are the same account."""
    return email.strip().casefold()
