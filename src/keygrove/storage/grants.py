"""Authorization grants: one row for each, with its code and what its family of refresh tokens has come to.

A refresh token has no row: it names its grant and its generation (docs/adr/0008). `refresh_generation` is
that of the youngest, made at `refreshed_at_s`; 0 while there is none. Every step is a compare-and-set, and
none of them is made for a grant that is revoked.
"""

from dataclasses import dataclass

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.grants.authorization_code import AuthorizationCode
from keygrove.protocol.scope import Scope
from keygrove.storage.database import Row, Transaction

# What is true of a grant now is read with it: one statement sees one moment.
_SELECT = """
    select g.grant_id, g.client_id, g.person_id, g.company_id, g.audience, g.scope, g.auth_time_s, g.amr,
           g.acr, g.sid, g.nonce, g.id_token_claims, g.userinfo_claims, g.created_at_s, g.revoked_at_s,
           g.code_redirect_uri, g.code_challenge, g.code_expires_at_s, g.code_spent_at_s,
           g.refresh_generation, g.refreshed_at_s,
           p.disabled_at_s, p.password_changed_at_s, o.suspended_at_s, m.role, s.scope as allowed
    from grants g
    join people p on p.person_id = g.person_id
    join companies o on o.company_id = g.company_id
    left join members m on m.person_id = g.person_id and m.company_id = g.company_id
    left join consents s on s.client_id = g.client_id and s.company_id = g.company_id
                        and s.person_id = g.person_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrant:
    """A grant, what is true of it now, and its refresh tokens. Times are epoch seconds."""

    grant: AuthorizationGrant
    standing: Standing
    created_at_s: int
    refresh_generation: int
    refreshed_at_s: int | None


async def insert(
    tx: Transaction, code: AuthorizationCode, *, code_digest: str, interaction_id: str, created_at_s: int
) -> bool:
    """Add a grant and its code. False when this interaction has ended in a grant already."""
    grant = code.grant
    added = await tx.run(
        """
        insert into grants (grant_id, client_id, person_id, company_id, audience, scope, auth_time_s, amr,
                            acr, sid, nonce, id_token_claims, userinfo_claims, created_at_s, code_digest,
                            code_redirect_uri, code_challenge, code_expires_at_s, interaction_id,
                            refresh_generation)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0)
        on conflict (interaction_id) do nothing
        """,
        grant.grant_id,
        grant.client_id,
        grant.subject,
        grant.company_id,
        grant.audience,
        str(grant.scope),
        grant.auth_time,
        " ".join(grant.amr),
        grant.acr,
        grant.session_id,
        grant.nonce,
        " ".join(sorted(grant.id_token_claims)),
        " ".join(sorted(grant.userinfo_claims)),
        created_at_s,
        code_digest,
        code.redirect_uri,
        code.code_challenge,
        code.expires_at,
        interaction_id,
    )
    return added == 1


async def by_code(tx: Transaction, code_digest: str) -> tuple[AuthorizationCode, Standing] | None:
    """What a code stands for, spent or not, and what is true of its grant now."""
    row = await tx.one(f"{_SELECT} where g.code_digest = $1", code_digest)
    if row is None:
        return None
    code = AuthorizationCode(
        grant=_grant(row),
        redirect_uri=row["code_redirect_uri"],
        code_challenge=row["code_challenge"],
        expires_at=row["code_expires_at_s"],
        spent=row["code_spent_at_s"] is not None,
    )
    return code, _standing(row)


async def by_id(tx: Transaction, grant_id: str) -> StoredGrant | None:
    """The grant, revoked or not, and what is true of it now."""
    row = await tx.one(f"{_SELECT} where g.grant_id = $1", grant_id)
    if row is None:
        return None
    return StoredGrant(
        grant=_grant(row),
        standing=_standing(row),
        created_at_s=row["created_at_s"],
        refresh_generation=row["refresh_generation"],
        refreshed_at_s=row["refreshed_at_s"],
    )


async def hold(tx: Transaction, grant_id: str) -> None:
    """Let nobody else change a grant until the transaction ends; what is read from here on is true meanwhile.

    On PostgreSQL that is said of the grant alone.
    """
    await tx.run("update grants set used_at_s = used_at_s where grant_id = $1", grant_id)


async def spend_code(tx: Transaction, grant_id: str, *, at_s: int) -> bool:
    """Spend a grant's code. False when it was spent meanwhile, or the grant revoked."""
    touched = await tx.run(
        """
        update grants set code_spent_at_s = $2, used_at_s = $2
        where grant_id = $1 and code_spent_at_s is null and revoked_at_s is null
        """,
        grant_id,
        at_s,
    )
    return touched == 1


async def start_refresh(tx: Transaction, grant_id: str, *, at_s: int) -> bool:
    """Begin the family with generation 1. False when it has begun, or the grant was revoked."""
    return await rotate(tx, grant_id, generation=0, at_s=at_s)


async def rotate(tx: Transaction, grant_id: str, *, generation: int, at_s: int) -> bool:
    """Let the next generation follow this one. False when it has done so, or the grant was revoked."""
    touched = await tx.run(
        """
        update grants set refresh_generation = refresh_generation + 1, refreshed_at_s = $3, used_at_s = $3
        where grant_id = $1 and refresh_generation = $2 and revoked_at_s is null
        """,
        grant_id,
        generation,
        at_s,
    )
    return touched == 1


async def revoke(tx: Transaction, grant_id: str, *, at_s: int) -> bool:
    """End a grant and all that came of it. False when it had ended, or there is none."""
    touched = await tx.run(
        "update grants set revoked_at_s = $2 where grant_id = $1 and revoked_at_s is null", grant_id, at_s
    )
    return touched == 1


async def revoke_of_app(tx: Transaction, client_id: str, company_id: str, *, at_s: int) -> int:
    """End all that a company granted an app; how many grants."""
    return await tx.run(
        """
        update grants set revoked_at_s = $3
        where company_id = $2 and client_id = $1 and revoked_at_s is null
        """,
        client_id,
        company_id,
        at_s,
    )


async def revoke_of_person(tx: Transaction, person_id: str, *, at_s: int) -> int:
    """End all that a person granted; how many grants."""
    return await tx.run(
        "update grants set revoked_at_s = $2 where person_id = $1 and revoked_at_s is null", person_id, at_s
    )


async def latest_company(tx: Transaction, client_id: str, person_id: str) -> str | None:
    """The company that a person granted an app something for last, as far as grants are kept."""
    row = await tx.one(
        """
        select company_id from grants where person_id = $1 and client_id = $2
        order by created_at_s desc, grant_id limit 1
        """,
        person_id,
        client_id,
    )
    return None if row is None else str(row["company_id"])


async def forget(tx: Transaction, *, before_s: int, idle_before_s: int, absolute_before_s: int) -> int:
    """Delete grants that can give nothing any more; how many.

    Those are: made before `before_s` without a refresh token, revoked before that, refreshed last before
    `idle_before_s`, or made before `absolute_before_s`. The last two are earlier than the first. Not those of
    a session that is open, or whose place another one took: their apps are told of its end.
    """
    return await tx.run(
        """
        delete from grants
        where created_at_s < $1
          and (refresh_generation = 0 or revoked_at_s < $1 or refreshed_at_s < $2 or created_at_s < $3)
          and not exists (select 1 from sessions where sessions.sid = grants.sid
                          and (sessions.ended_at_s is null or sessions.succeeded_by is not null))
        """,
        before_s,
        idle_before_s,
        absolute_before_s,
    )


def _grant(row: Row) -> AuthorizationGrant:
    return AuthorizationGrant(
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        subject=row["person_id"],
        company_id=row["company_id"],
        audience=row["audience"],
        scope=Scope(tuple(row["scope"].split())),
        auth_time=row["auth_time_s"],
        amr=tuple(row["amr"].split()),
        acr=row["acr"],
        session_id=row["sid"],
        nonce=row["nonce"],
        id_token_claims=frozenset(row["id_token_claims"].split()),
        userinfo_claims=frozenset(row["userinfo_claims"].split()),
    )


def _standing(row: Row) -> Standing:
    return Standing(
        revoked=row["revoked_at_s"] is not None,
        person_enabled=row["disabled_at_s"] is None,
        may_grant=row["role"] == "admin" and row["suspended_at_s"] is None,
        allowed=frozenset((row["allowed"] or "").split()),
        password_changed_at=row["password_changed_at_s"] or 0,
    )
