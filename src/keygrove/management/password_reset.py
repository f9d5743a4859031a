"""A one-time link, made by the operator, with which a person who forgot the password chooses another one."""

from keygrove.crypto.secrets import Secret, new_reset_token
from keygrove.management.context import OPERATOR, Actor, Management
from keygrove.management.errors import Invalid, LinkExpired, NotFound
from keygrove.management.people import check_password, replace_password
from keygrove.management.record import record
from keygrove.storage import people, reset_links
from keygrove.storage.people import Account, Person

LINK_LIFE_S = 30 * 60
_ENDED = "This link was used or has expired."


async def new_link(m: Management, person_id: str, *, actor: Actor = OPERATOR) -> Secret:
    """A token for `/reset-password?token=…`, good once, for 30 minutes. The one made before is dead.

    Raises NotFound, also for a disabled person.
    """
    token = new_reset_token()
    async with m.database.transaction() as tx:
        account = await people.by_id(tx, person_id)
        if account is None:
            raise NotFound("There is no such person.")
        if account.person.disabled_at_s is not None:
            raise NotFound("This person is disabled: enable them first.")
        digest = m.digests.of("reset_link", token.reveal())
        await reset_links.put(tx, person_id, digest, expires_at_s=m.now() + LINK_LIFE_S)
        await record(tx, m, actor, "person.reset_link_made", target_id=person_id)
    return token


async def check(m: Management, token: str) -> Person:
    """Whose password the link is for. Raises LinkExpired: used, replaced, too old, or never made."""
    return (await _account(m, token)).person


async def complete(m: Management, token: str, password: str, *, address: str, request_id: str = "") -> Person:
    """Give the person of the link the password. Their sessions end, and what they granted; the link is spent.

    Nobody is signed in by it. Raises Invalid (field `password`), LinkExpired, TooBusy.
    """
    account = await _account(m, token)
    person = account.person
    if faults := check_password(password):
        raise Invalid(*faults)
    password_hash = await m.passwords.hash(password)
    actor = Actor(
        kind="person",
        id=person.id,
        name=person.name,
        role="auditor",
        address=address,
        request_id=request_id,
    )
    async with m.database.transaction() as tx:
        # The person first, the link then, as everybody who sets a password: nobody waits in a circle.
        if not await people.hold_password(tx, person.id, account.password_hash):
            raise LinkExpired(_ENDED)
        if not await reset_links.spend(tx, m.digests.of("reset_link", token), now_s=m.now()):
            raise LinkExpired(_ENDED)
        await replace_password(tx, m, person.id, password_hash)
        await record(
            tx, m, actor, "person.password_set", target_id=person.id, detail={"with": "a link for that"}
        )
    return person


async def _account(m: Management, token: str) -> Account:
    async with m.database.transaction() as tx:
        account = await reset_links.account_of(tx, m.digests.of("reset_link", token), now_s=m.now())
    if account is None:
        raise LinkExpired(_ENDED)
    return account
