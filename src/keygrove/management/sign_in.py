"""Signing in and out of Backoffice: sessions on the server, a recent-sign-in check, growing delays."""

import secrets
from dataclasses import dataclass, field
from typing import cast

from keygrove.crypto.secrets import Secret, new_session_name, new_session_token
from keygrove.management import last_seen
from keygrove.management.context import Actor, Management, Role
from keygrove.management.errors import Fault, Invalid, Throttled, TooBusy
from keygrove.management.people import email_key, password_is_right
from keygrove.management.record import record
from keygrove.protocol.claims import CLOCKS_DIFFER_S
from keygrove.protocol.network import network_of
from keygrove.storage import people, sessions, turns
from keygrove.storage.database import Transaction
from keygrove.storage.people import Account, Membership, Person
from keygrove.storage.sessions import Failures, StoredSession

IDLE_S = 2 * 3600
ABSOLUTE_S = 12 * 3600
RECENT_S = 600
_TOUCH_S = 60
_WINDOW_S = 3600
ATTEMPTS_KEPT_S = 2 * _WINDOW_S
WRONG = "E-mail address or password is not right."
NOT_RIGHT = "The password is not right."


@dataclass(frozen=True, slots=True)
class Delay:
    """After `free` failures the next attempt waits, twice as long each time, at most `longest_s` seconds."""

    free: int
    longest_s: int

    def until(self, failures: Failures) -> int:
        """When the next attempt is looked at, in epoch seconds."""
        over = failures.number - self.free
        return failures.last_at_s + min(2 ** min(over, 20), self.longest_s) if over >= 0 else 0


# Nobody is ever locked out for good: an attacker can cost the owner of an account a minute, no more.
BY_ACCOUNT = Delay(free=5, longest_s=60)
BY_ADDRESS = Delay(free=20, longest_s=900)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in person. Times are epoch seconds; `form_token` goes into the person's forms.

    `confirmed_at_s` is 0 when a clock that was ahead has noted it: it says nothing.
    `sid` names the session to apps; None when an older version of Keygrove began it.
    """

    digest: str
    person: Person
    memberships: tuple[Membership, ...]
    created_at_s: int
    confirmed_at_s: int
    sid: str | None
    form_token: str = field(repr=False)

    def is_recent(self, now: int) -> bool:
        """Whether the person proved who they are within the last ten minutes."""
        return now - self.confirmed_at_s < RECENT_S

    def actor(self, membership: Membership, *, address: str, request_id: str) -> Actor:
        """The person as an actor in one of their companies."""
        return Actor(
            kind="person",
            id=self.person.id,
            name=self.person.name,
            role=cast(Role, membership.role),
            address=address,
            request_id=request_id,
        )

    def outsider(self, *, address: str, request_id: str) -> Actor:
        """The person as an actor outside of every company."""
        return _outsider(self.person, address, request_id)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun, with the only copy of its token."""

    token: Secret
    session: Session


async def sign_in(
    m: Management, *, email: str, password: str, address: str, user_agent: str = "", request_id: str = ""
) -> NewSession:
    """Begin a session. One answer, in one time, for an unknown, a disabled and a mistaken person.

    Raises Invalid (field `email`), Throttled, TooBusy.
    """
    attempt = await _attempt(m, account=email_key(email), address=address)
    async with m.database.transaction() as tx:
        account = await people.by_email(tx, email_key(email))
    right = await _verify(m, attempt, email_key(email), password, account)
    if account is None or not right or account.person.disabled_at_s is not None:
        actor = Actor(kind="person", id="", name="", role="auditor", address=address, request_id=request_id)
        # What names no account may be a password typed into the wrong field, and the journal is for ever.
        key = email_key(email)
        target = key if account is not None else f"unknown {m.digests.of('account', key)[:16]}"
        async with m.database.transaction() as tx:
            await record(tx, m, actor, "person.sign_in", target_id=target, outcome="refused")
        raise Invalid(Fault("email", WRONG))
    return await begin(
        m,
        account.person,
        attempt=attempt,
        password_hash=account.password_hash,
        address=address,
        user_agent=user_agent,
        request_id=request_id,
    )


async def begin(
    m: Management,
    person: Person,
    *,
    attempt: str | None = None,
    password_hash: str | None = None,
    address: str,
    user_agent: str,
    request_id: str,
) -> NewSession:
    """Begin a session for somebody who just proved who they are, with the password that has this hash.

    Raises Invalid (field `email`) when they were given another password meanwhile.
    """
    token, now = new_session_token(), m.now()
    digest = m.digests.of("session", token.reveal())
    stored = StoredSession(
        digest=digest,
        person=person,
        created_at_s=now,
        seen_at_s=now,
        confirmed_at_s=now,
        sid=new_session_name(),
    )
    actor = _outsider(person, address, request_id)
    async with m.database.transaction() as tx:
        if password_hash is not None and not await people.hold_password(tx, person.id, password_hash):
            raise Invalid(Fault("email", WRONG))
        await sessions.insert(tx, stored, address=address, user_agent=user_agent[:256])
        if attempt is not None:
            await sessions.mark_success(tx, attempt, at_s=now)
        await record(tx, m, actor, "person.sign_in", target_id=person.id)
        session = await _session(tx, m, stored, token.reveal())
    return NewSession(token, session)


async def find_session(m: Management, token: str) -> Session | None:
    """The session of a token; None when it ended, grew old, or its person was disabled."""
    now, digest = m.now(), m.digests.of("session", token)
    async with m.database.transaction() as tx:
        stored = await sessions.by_digest(tx, digest)
        if stored is None or stored.person.disabled_at_s is not None or _is_too_old(stored, now):
            return None
        session = await _session(tx, m, stored, token)
    if abs(now - stored.seen_at_s) >= _TOUCH_S:
        await last_seen.note(m, digest, now=now)
    return session


async def find_unended(m: Management, token: str) -> Session | None:
    """The session of a token, also one that grew too old to be used. It is good for being ended only."""
    async with m.database.transaction() as tx:
        stored = await sessions.by_digest(tx, m.digests.of("session", token))
        return None if stored is None else await _session(tx, m, stored, token)


async def confirm(
    m: Management, session: Session, password: str, *, address: str, request_id: str = ""
) -> str:
    """Prove again who one is, for the next ten minutes; the hash of the password that did.

    Raises Invalid (field `password`), Throttled, TooBusy.
    """
    key = email_key(session.person.email)
    attempt = await _attempt(m, account=key, address=address)
    async with m.database.transaction() as tx:
        account = await people.by_id(tx, session.person.id)
    if account is None or not await _verify(m, attempt, key, password, account):
        actor = session.outsider(address=address, request_id=request_id)
        async with m.database.transaction() as tx:
            await record(tx, m, actor, "person.confirmed", target_id=session.person.id, outcome="refused")
        raise Invalid(Fault("password", NOT_RIGHT))
    async with m.database.transaction() as tx:
        await sessions.confirm(tx, session.digest, at_s=m.now())
        await sessions.mark_success(tx, attempt, at_s=m.now())
    return account.password_hash


async def sign_out(m: Management, session: Session, *, address: str, request_id: str) -> None:
    """End a session; its token is dead from now on, and apps that know of the session will be told."""
    actor = session.outsider(address=address, request_id=request_id)
    async with m.database.transaction() as tx:
        if await sessions.end(tx, session.digest, at_s=m.now()):
            await record(tx, m, actor, "person.sign_out", target_id=session.person.id)


async def sign_out_everywhere(
    m: Management, session: Session, *, address: str, request_id: str, but_here: bool = False
) -> None:
    """End every session of the person, this one too unless `but_here`; apps that know of one will be told."""
    actor = session.outsider(address=address, request_id=request_id)
    besides = session.digest if but_here else ""
    async with m.database.transaction() as tx:
        ended = await sessions.end_all(tx, session.person.id, at_s=m.now(), besides=besides)
        await record(tx, m, actor, "person.sign_out", target_id=session.person.id, detail={"sessions": ended})


async def sign_out_of_aged(m: Management, sid: str, person_id: str, *, address: str, request_id: str) -> None:
    """End a person's session that grew too old to be used, so that apps which know of it will be told.

    One that is still of use ends only from the browser which has it: nothing happens.
    """
    async with m.database.transaction() as tx:
        stored = await sessions.by_sid(tx, sid)
        if stored is None or stored.person.id != person_id or not _is_too_old(stored, m.now()):
            return
        if await sessions.end(tx, stored.digest, at_s=m.now()):
            actor = _outsider(stored.person, address, request_id)
            await record(tx, m, actor, "person.sign_out", target_id=person_id)


async def change_over(
    m: Management, before: Session, after: Session, *, address: str, request_id: str
) -> None:
    """End the session that a browser had when it began another one.

    Who only proved again who they are is signed in still: no app is told, until the new session ends. The
    journal has their sign-in, and they did not sign out.
    """
    if before.person.id != after.person.id or after.sid is None:
        await sign_out(m, before, address=address, request_id=request_id)
        return
    async with m.database.transaction() as tx:
        await sessions.succeed(tx, before.digest, by_sid=after.sid, at_s=m.now())


async def _attempt(m: Management, *, account: str, address: str) -> str:
    """Note an attempt before its password is looked at: those at one instant all count. Raises Throttled."""
    # Who has one IPv6 address has a whole network of them.
    attempt, network, now = secrets.token_hex(16), network_of(address), m.now()
    # Only a digest is kept: what was typed may be a password in the wrong field.
    of_account = m.digests.of("account", account)
    async with m.database.transaction() as tx:
        # One after the other, so that each counts those before it. Accounts first: nobody waits in a circle.
        await turns.take(tx, _turn_of(m, account), at_s=now)
        await turns.take(tx, f"sign-in from {network}", at_s=now)
        await sessions.insert_attempt(tx, attempt, account=of_account, address=network, at_s=now)
        window = {"since_s": now - _WINDOW_S, "until_s": now + CLOCKS_DIFFER_S}
        by_account = await sessions.failures_of_account(tx, of_account, **window, now_s=now, besides=attempt)
        by_address = await sessions.failures_of_address(tx, network, **window, besides=attempt)
        retry_at_s = max(BY_ACCOUNT.until(by_account), BY_ADDRESS.until(by_address))
        if now < retry_at_s:
            raise Throttled(retry_at_s)
    return attempt


async def _verify(m: Management, attempt: str, key: str, password: str, account: Account | None) -> bool:
    """Whether the password is right; an attempt that nobody had time to look at is no failure.

    Nor does it leave anything of the account that `key` names.
    """
    try:
        return await password_is_right(m, password, account.password_hash if account else None)
    except TooBusy:
        async with m.database.transaction() as tx:
            await turns.give_back(tx, _turn_of(m, key))
            await sessions.forget_attempt(tx, attempt)
        raise


def _turn_of(m: Management, account: str) -> str:
    return f"sign-in of {m.digests.of('turn', account)}"


def _is_too_old(stored: StoredSession, now: int) -> bool:
    """Also one of a clock that was hours ahead, which would not end for as long.

    Whom a clock signed in that is put right by less than IDLE_S stays signed in.
    """
    unused_s, lived_s = now - stored.seen_at_s, now - stored.created_at_s
    return not (-IDLE_S < unused_s < IDLE_S and -IDLE_S < lived_s < ABSOLUTE_S)


def _outsider(person: Person, address: str, request_id: str) -> Actor:
    return Actor(
        kind="person", id=person.id, name=person.name, role="auditor", address=address, request_id=request_id
    )


async def _session(tx: Transaction, m: Management, stored: StoredSession, token: str) -> Session:
    return Session(
        digest=stored.digest,
        person=stored.person,
        memberships=await people.memberships(tx, stored.person.id),
        created_at_s=stored.created_at_s,
        confirmed_at_s=stored.confirmed_at_s if stored.confirmed_at_s <= m.now() + CLOCKS_DIFFER_S else 0,
        sid=stored.sid,
        form_token=m.digests.of("form", token),
    )
