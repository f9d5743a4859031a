"""What people do with their own account: another password, and an end to where they are signed in."""

from dataclasses import dataclass, replace

from keygrove.crypto.secrets import new_session_token
from keygrove.management import sign_in
from keygrove.management.context import Management
from keygrove.management.errors import Fault, Invalid, NotFound
from keygrove.management.people import check_password, replace_password
from keygrove.management.record import record
from keygrove.management.sign_in import ABSOLUTE_S, IDLE_S, NOT_RIGHT, NewSession, Session
from keygrove.storage import people, sessions
from keygrove.storage.sessions import OpenSession as OpenSession

# More than anybody uses; a program that signs in and never out must not make a page without end.
MOST_LISTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Where a person is signed in: this session, the others (used last first), and whether there are more."""

    here: OpenSession
    others: tuple[OpenSession, ...]
    more: bool


async def signed_in(m: Management, session: Session) -> SignedIn:
    """Where the person is signed in. Raises NotFound when this very session has ended meanwhile."""
    now = m.now()
    async with m.database.transaction() as tx:
        found = await sessions.open_of(
            tx,
            session.person.id,
            first=session.digest,
            begun_after_s=now - ABSOLUTE_S,
            seen_after_s=now - IDLE_S,
            limit=MOST_LISTED + 1,
        )
    if not found or found[0].digest != session.digest:
        raise NotFound("This session has ended.")
    return SignedIn(here=found[0], others=tuple(found[1:MOST_LISTED]), more=len(found) > MOST_LISTED)


async def sign_out_of(m: Management, session: Session, sid: str, *, address: str, request_id: str) -> None:
    """End a session of the person, or the one that took its place. What had ended stays as it is.

    Raises NotFound for a session of nobody or of somebody else.
    """
    actor, person_id = session.outsider(address=address, request_id=request_id), session.person.id
    async with m.database.transaction() as tx:
        if not await sessions.is_of(tx, sid, person_id):
            raise NotFound("There is no such session.")
        # Who signed in again in that browser since the page was made has another one.
        stored = await sessions.by_sid(tx, sid)
        if stored is not None and await sessions.end(tx, stored.digest, at_s=m.now()):
            await record(tx, m, actor, "person.sign_out", target_id=person_id)


async def change_password(
    m: Management, session: Session, *, password: str, new_password: str, address: str, request_id: str
) -> NewSession:
    """Replace the person's own password. This session begins anew, with another token: a stolen one is dead.

    Every other session ends, and so does what the person granted to apps. Raises Invalid (fields `password`,
    `new_password`), Throttled, TooBusy, and NotFound when this session has ended meanwhile.
    """
    if faults := check_password(new_password):
        raise Invalid(*(replace(fault, field="new_password") for fault in faults))
    held = await sign_in.confirm(m, session, password, address=address, request_id=request_id)
    password_hash, token = await m.passwords.hash(new_password), new_session_token()
    digest = m.digests.of("session", token.reveal())
    actor, person_id = session.outsider(address=address, request_id=request_id), session.person.id
    async with m.database.transaction() as tx:
        if not await people.hold_password(tx, person_id, held):
            raise Invalid(Fault("password", NOT_RIGHT))
        await replace_password(tx, m, person_id, password_hash, besides=session.digest)
        now = m.now()
        if not await sessions.renew(tx, session.digest, digest, at_s=now):
            raise NotFound("This session has ended.")
        await record(tx, m, actor, "person.password_set", target_id=person_id)
    form_token = m.digests.of("form", token.reveal())
    renewed = replace(session, digest=digest, created_at_s=now, confirmed_at_s=now, form_token=form_token)
    return NewSession(token, renewed)
