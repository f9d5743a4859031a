"""Sign-in sessions, the attempts that led to them, and one-time set-up links. Only digests are kept."""

from dataclasses import dataclass

from keygrove.storage import logout_notices
from keygrove.storage.database import Row, Transaction
from keygrove.storage.people import Person, from_person_row


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session that has not ended, and whose it is. Times are epoch seconds.

    `sid` names the sign-in to clients and is no secret (OIDC Front-Channel Logout §3); one that an older
    version of Keygrove began has none.
    """

    digest: str
    person: Person
    created_at_s: int
    seen_at_s: int
    confirmed_at_s: int
    sid: str | None = None


async def insert(tx: Transaction, session: StoredSession, *, address: str, user_agent: str) -> None:
    """Add a session."""
    await tx.run(
        """
        insert into sessions (session_digest, person_id, created_at_s, seen_at_s, confirmed_at_s,
                              address, user_agent, sid)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        session.digest,
        session.person.id,
        session.created_at_s,
        session.seen_at_s,
        session.confirmed_at_s,
        address,
        user_agent,
        session.sid,
    )


_OPEN = """
    select s.session_digest, s.created_at_s as session_created_at_s, s.seen_at_s, s.confirmed_at_s,
           s.sid, p.person_id, p.email, p.name, p.created_at_s, p.disabled_at_s, p.updated_at_s
    from sessions s join people p on p.person_id = s.person_id
    where s.ended_at_s is null
"""


async def by_digest(tx: Transaction, digest: str) -> StoredSession | None:
    """The session, unless it ended."""
    row = await tx.one(f"{_OPEN} and s.session_digest = $1", digest)
    return None if row is None else _session(row)


async def by_sid(tx: Transaction, sid: str) -> StoredSession | None:
    """The session that clients know by this name, or the one that took its place; None when it ended."""
    row = await tx.one(
        f"""
        {_OPEN} and s.sid = coalesce((select succeeded_by from sessions where sid = $1), $1)
        """,  # noqa: S608 - our own text
        sid,
    )
    return None if row is None else _session(row)


def _session(row: Row) -> StoredSession:
    return StoredSession(
        digest=row["session_digest"],
        person=from_person_row(row),
        created_at_s=row["session_created_at_s"],
        seen_at_s=row["seen_at_s"],
        confirmed_at_s=row["confirmed_at_s"],
        sid=row["sid"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """Where and when a session that has not ended was begun, and when it was used last (epoch seconds)."""

    digest: str
    sid: str | None
    created_at_s: int
    seen_at_s: int
    address: str
    user_agent: str


async def open_of(
    tx: Transaction, person_id: str, *, first: str, begun_after_s: int, seen_after_s: int, limit: int
) -> list[OpenSession]:
    """The open sessions of a person that are not too old to be used.

    First the one with the digest `first`, then the one that was used last.
    """
    rows = await tx.all(
        """
        select session_digest, sid, created_at_s, seen_at_s, address, user_agent from sessions
        where person_id = $1 and ended_at_s is null and created_at_s > $2 and seen_at_s > $3
        order by case when session_digest = $4 then 0 else 1 end, seen_at_s desc, session_digest limit $5
        """,
        person_id,
        begun_after_s,
        seen_after_s,
        first,
        limit,
    )
    return [
        OpenSession(
            digest=row["session_digest"],
            sid=row["sid"],
            created_at_s=row["created_at_s"],
            seen_at_s=row["seen_at_s"],
            address=row["address"],
            user_agent=row["user_agent"],
        )
        for row in rows
    ]


async def is_of(tx: Transaction, sid: str, person_id: str) -> bool:
    """Whether a session of that name is a person's, ended or not."""
    sql = "select 1 as one from sessions where sid = $1 and person_id = $2"
    return await tx.one(sql, sid, person_id) is not None


async def touch(tx: Transaction, digest: str, *, seen_at_s: int) -> None:
    """Note when the session was last used."""
    await tx.run(
        "update sessions set seen_at_s = $1 where session_digest = $2 and ended_at_s is null",
        seen_at_s,
        digest,
    )


async def confirm(tx: Transaction, digest: str, *, at_s: int) -> None:
    """Note that the person proved again who they are."""
    await tx.run(
        "update sessions set confirmed_at_s = $1 where session_digest = $2 and ended_at_s is null",
        at_s,
        digest,
    )


async def hold(tx: Transaction, sid: str) -> bool:
    """Whether a session is open still; nobody ends it until the transaction ends."""
    touched = await tx.run(
        "update sessions set seen_at_s = seen_at_s where sid = $1 and ended_at_s is null", sid
    )
    return touched == 1


async def end(tx: Transaction, digest: str, *, at_s: int) -> bool:
    """End a session, and note which apps are to be told. False when it had ended."""
    names = await _names(tx, "session_digest", digest)
    touched = await tx.run(
        "update sessions set ended_at_s = $1 where session_digest = $2 and ended_at_s is null", at_s, digest
    )
    if touched == 1:
        await _note_ends(tx, names, at_s)
    return touched == 1


async def end_all(tx: Transaction, person_id: str, *, at_s: int, besides: str = "") -> int:
    """End every session of a person, and note which apps are to be told; how many sessions there were.

    The one with the digest `besides` goes on.
    """
    names = await _names(tx, "person_id", person_id, besides=besides)
    touched = await tx.run(
        """
        update sessions set ended_at_s = $1
        where person_id = $2 and ended_at_s is null and session_digest <> $3
        """,
        at_s,
        person_id,
        besides,
    )
    await _note_ends(tx, names, at_s)
    return touched


async def renew(tx: Transaction, digest: str, new_digest: str, *, at_s: int) -> bool:
    """Begin a session anew with another token, for who just proved who they are. False when it had ended.

    Its name stays, so that apps that know of it are told of its end.
    """
    touched = await tx.run(
        """
        update sessions set session_digest = $2, created_at_s = $3, seen_at_s = $3, confirmed_at_s = $3
        where session_digest = $1 and ended_at_s is null
        """,
        digest,
        new_digest,
        at_s,
    )
    return touched == 1


async def succeed(tx: Transaction, digest: str, *, by_sid: str, at_s: int) -> bool:
    """End a session whose place another one of the same person takes. False when it had ended.

    Nobody is signed out, so no app is told; those of this session are told when the other one ends.
    """
    touched = await tx.run(
        """
        update sessions set ended_at_s = $1, succeeded_by = $3
        where session_digest = $2 and ended_at_s is null
        """,
        at_s,
        digest,
        by_sid,
    )
    if touched == 1:
        await tx.run(
            """
            update sessions set succeeded_by = $2
            where succeeded_by = (select sid from sessions where session_digest = $1)
            """,
            digest,
            by_sid,
        )
    return touched == 1


async def _names(tx: Transaction, column: str, value: str, *, besides: str = "") -> set[str]:
    """What apps know the open sessions as, and those whose place they took."""
    rows = await tx.all(
        f"""
        select s.sid, e.sid as earlier from sessions s left join sessions e on e.succeeded_by = s.sid
        where s.{column} = $1 and s.ended_at_s is null and s.session_digest <> $2
        """,  # noqa: S608 - a column of ours
        value,
        besides,
    )
    return {sid for row in rows for sid in (row["sid"], row["earlier"]) if sid is not None}


async def _note_ends(tx: Transaction, names: set[str], at_s: int) -> None:
    """In one order, so that two who end the same sessions never wait for each other in a circle."""
    for sid in sorted(names):
        await logout_notices.add(tx, sid, at_s=at_s)


async def insert_attempt(tx: Transaction, attempt_id: str, *, account: str, address: str, at_s: int) -> None:
    """Note a sign-in attempt, before its password is looked at."""
    await tx.run(
        "insert into sign_in_attempts (attempt_id, account, address, at_s) values ($1, $2, $3, $4)",
        attempt_id,
        account,
        address,
        at_s,
    )


async def mark_success(tx: Transaction, attempt_id: str, *, at_s: int) -> None:
    """Note that an attempt succeeded: it does not count against anybody any more."""
    await tx.run("update sign_in_attempts set succeeded_at_s = $1 where attempt_id = $2", at_s, attempt_id)


async def forget_attempt(tx: Transaction, attempt_id: str) -> None:
    """Take back an attempt that was never looked at."""
    await tx.run("delete from sign_in_attempts where attempt_id = $1", attempt_id)


async def forget_failures(tx: Transaction, account: str) -> None:
    """Delete the attempts on an account that did not succeed: they count against nobody any more."""
    await tx.run("delete from sign_in_attempts where account = $1 and succeeded_at_s is null", account)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed attempts in a window, and when the last of them was (epoch seconds, 0 for never)."""

    number: int
    last_at_s: int


async def failures_of_account(
    tx: Transaction, account: str, *, since_s: int, until_s: int, now_s: int, besides: str
) -> Failures:
    """Attempts on one account that did not succeed since its last success, besides the one under way.

    What is dated after `until_s` does not count, nor a success after `now_s`: a clock that was put right
    since must not hide what comes next.
    """
    row = await tx.one(
        """
        select count(*) as number, coalesce(max(at_s), 0) as last_at_s from sign_in_attempts
        where account = $1 and at_s > $2 and at_s <= $3 and succeeded_at_s is null and attempt_id <> $5
          and at_s >= coalesce((select max(at_s) from sign_in_attempts
                                where account = $1 and at_s <= $4 and succeeded_at_s is not null), 0)
        """,
        account,
        since_s,
        until_s,
        now_s,
        besides,
    )
    return Failures(row["number"], row["last_at_s"]) if row is not None else Failures(0, 0)


async def failures_of_address(
    tx: Transaction, address: str, *, since_s: int, until_s: int, besides: str
) -> Failures:
    """Attempts from one address that did not succeed, besides the one under way."""
    row = await tx.one(
        """
        select count(*) as number, coalesce(max(at_s), 0) as last_at_s from sign_in_attempts
        where address = $1 and at_s > $2 and at_s <= $3 and succeeded_at_s is null and attempt_id <> $4
        """,
        address,
        since_s,
        until_s,
        besides,
    )
    return Failures(row["number"], row["last_at_s"]) if row is not None else Failures(0, 0)


async def forget_attempts(tx: Transaction, *, before_s: int) -> int:
    """Delete attempts that no window looks at any more."""
    return await tx.run("delete from sign_in_attempts where at_s < $1", before_s)


async def aged(tx: Transaction, *, before_s: int) -> list[str]:
    """The digests of sessions that began before and that nobody ended."""
    rows = await tx.all(
        """
        select session_digest from sessions where created_at_s < $1 and ended_at_s is null
        order by created_at_s, session_digest
        """,
        before_s,
    )
    return [row["session_digest"] for row in rows]


async def forget(tx: Transaction, *, before_s: int) -> int:
    """Delete sessions that began before and have ended.

    Not those with grants whose place another one has that is open: their apps are told when it ends.
    """
    return await tx.run(
        """
        delete from sessions
        where created_at_s < $1 and ended_at_s is not null
          and not (exists (select 1 from sessions later
                           where later.sid = sessions.succeeded_by and later.ended_at_s is null)
                   and exists (select 1 from grants where grants.sid = sessions.sid))
        """,
        before_s,
    )


async def forget_setup_links(tx: Transaction, *, before_s: int) -> int:
    """Delete set-up links that expired before."""
    return await tx.run("delete from setup_links where expires_at_s < $1", before_s)


async def insert_setup_link(tx: Transaction, token_digest: str, *, expires_at_s: int) -> None:
    """Add a one-time set-up link."""
    await tx.run(
        "insert into setup_links (token_digest, expires_at_s) values ($1, $2)", token_digest, expires_at_s
    )


async def setup_link_is_open(tx: Transaction, token_digest: str, *, now_s: int) -> bool:
    """Whether a set-up link can still be used."""
    row = await tx.one(
        """
        select 1 as one from setup_links
        where token_digest = $1 and used_at_s is null and expires_at_s > $2
        """,
        token_digest,
        now_s,
    )
    return row is not None


async def use_setup_link(tx: Transaction, token_digest: str, *, now_s: int) -> bool:
    """Spend a set-up link. False when it was used or has expired."""
    touched = await tx.run(
        """
        update setup_links set used_at_s = $2
        where token_digest = $1 and used_at_s is null and expires_at_s > $2
        """,
        token_digest,
        now_s,
    )
    return touched == 1
