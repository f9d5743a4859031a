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
from keygrove.storage import companies, grants, people, reset_links, sessions
from keygrove.storage.database import Transaction
from keygrove.storage.people import Member as Member
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
    if not is_email_address(email):
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


def is_email_address(text: str) -> bool:
    """Whether the text can be an e-mail address."""
    return _EMAIL.fullmatch(text) is not None


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


async def by_email(m: Management, email: str) -> Person | None:
    """Whose account the address is; None when it has none."""
    async with m.database.transaction() as tx:
        account = await people.by_email(tx, email_key(email))
    return None if account is None else account.person


async def named(m: Management, email_or_id: str) -> Person:
    """The person of an e-mail address or id. Raises NotFound."""
    async with m.database.transaction() as tx:
        account = await people.by_id(tx, email_or_id) or await people.by_email(tx, email_key(email_or_id))
    if account is None:
        raise NotFound("There is no such person.")
    return account.person


async def members(m: Management, company_id: str) -> tuple[Member, ...]:
    """The people of a company, by e-mail address; disabled ones too."""
    async with m.database.transaction() as tx:
        return tuple(await people.members(tx, company_id))


async def disable(m: Management, actor: Actor, person_id: str) -> None:
    """Shut a person out of every company, until enabled again; their sessions end. Raises NotFound."""
    async with m.database.transaction() as tx:
        if not await people.set_disabled(tx, person_id, m.now()):
            raise NotFound("There is no such person.")
        await reset_links.drop(tx, person_id)
        await sessions.end_all(tx, person_id, at_s=m.now())
        await record(tx, m, actor, "person.disabled", target_id=person_id)


async def enable(m: Management, actor: Actor, person_id: str) -> None:
    """Let a disabled person sign in again. Raises NotFound."""
    async with m.database.transaction() as tx:
        if not await people.set_disabled(tx, person_id, None):
            raise NotFound("There is no such person.")
        await record(tx, m, actor, "person.enabled", target_id=person_id)


async def set_password(m: Management, actor: Actor, person_id: str, password: str) -> None:
    """Give a person another password; their sessions end, and what they granted to apps.

    Raises Invalid (field `password`), NotFound.
    """
    if faults := check_password(password):
        raise Invalid(*faults)
    password_hash = await m.passwords.hash(password)
    async with m.database.transaction() as tx:
        await replace_password(tx, m, person_id, password_hash)
        await record(tx, m, actor, "person.password_set", target_id=person_id)


async def replace_password(
    tx: Transaction, m: Management, person_id: str, password_hash: str, *, besides: str = ""
) -> None:
    """Replace a person's hash, and end what the old password was good for. Raises NotFound.

    That are their sessions but the one with the digest `besides`, what they granted to apps, and the link to
    choose a password. Whoever guessed at the old password does not make the person wait with the new one.
    """
    account, now = await people.by_id(tx, person_id), m.now()
    if account is None:
        raise NotFound("There is no such person.")
    await people.set_password(tx, person_id, password_hash, at_s=now)
    await sessions.forget_failures(tx, m.digests.of("account", email_key(account.person.email)))
    await reset_links.drop(tx, person_id)
    await sessions.end_all(tx, person_id, at_s=now, besides=besides)
    await grants.revoke_of_person(tx, person_id, at_s=now)


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
