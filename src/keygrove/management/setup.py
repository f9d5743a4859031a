"""The first run: a one-time link, printed in the terminal, makes a company and the first account."""

from keygrove.crypto.secrets import Secret, new_setup_token
from keygrove.management import companies, people, sign_in
from keygrove.management.context import Actor, Management
from keygrove.management.errors import Fault, Invalid, LinkExpired, NotFound
from keygrove.management.names import clean_name
from keygrove.management.sign_in import NewSession
from keygrove.storage import people as stored_people
from keygrove.storage import sessions, turns

LINK_LIFE_S = 30 * 60
_SETUP = Actor(kind="system", id="setup", name="Set-up link", role="admin")


async def is_needed(m: Management) -> bool:
    """Whether nobody can sign in yet."""
    async with m.database.transaction() as tx:
        return not await stored_people.exist(tx)


async def new_link(m: Management) -> Secret:
    """A token for `/setup?token=…`, good once, for 30 minutes. Raises NotFound after the first run."""
    if not await is_needed(m):
        raise NotFound("Keygrove is set up already.")
    token = new_setup_token()
    async with m.database.transaction() as tx:
        await sessions.insert_setup_link(
            tx, m.digests.of("setup_link", token.reveal()), expires_at_s=m.now() + LINK_LIFE_S
        )
    return token


async def check(m: Management, token: str) -> None:
    """Return when the link can be used. Raises NotFound after the first run, LinkExpired."""
    async with m.database.transaction() as tx:
        if await stored_people.exist(tx):
            raise NotFound("Keygrove is set up already.")
        if not await sessions.setup_link_is_open(tx, m.digests.of("setup_link", token), now_s=m.now()):
            raise LinkExpired("This link was used or has expired.")


async def complete(
    m: Management,
    token: str,
    *,
    company_name: str,
    name: str,
    email: str,
    password: str,
    address: str,
    user_agent: str = "",
    request_id: str = "",
) -> NewSession:
    """Make the company and its admin, and sign the admin in; the link is spent.

    Raises Invalid (fields `company_name`, `name`, `email`, `password`), LinkExpired, NotFound, TooBusy.
    """
    await check(m, token)
    faults: list[Fault] = []
    prepared = None
    for field, value in (("company_name", company_name), ("name", name)):
        try:
            clean_name(value, field=field)
        except Invalid as invalid:
            faults += invalid.faults
    try:
        prepared = await people.prepare(m, email=email, name=name or "?", password=password)
    except Invalid as invalid:
        faults += [fault for fault in invalid.faults if fault not in faults]
    if faults or prepared is None:
        raise Invalid(*faults)
    async with m.database.transaction() as tx:
        await turns.take(tx, "setup", at_s=m.now())
        if not await sessions.use_setup_link(tx, m.digests.of("setup_link", token), now_s=m.now()):
            raise LinkExpired("This link was used or has expired.")
        # Asked again, alone now: two links could be filled in at once.
        if await stored_people.exist(tx):
            raise NotFound("Keygrove is set up already.")
        company = await companies.add(tx, m, _SETUP, company_name)
        person = await people.add(
            tx, m, _SETUP, prepared[0], password_hash=prepared[1], company_id=company.id, role="admin"
        )
    return await sign_in.begin(m, person, address=address, user_agent=user_agent, request_id=request_id)
