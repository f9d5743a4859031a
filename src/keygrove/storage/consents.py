"""What people allow apps to do for their companies, and the apps that a company has connected."""

from dataclasses import dataclass
from typing import cast

from keygrove.protocol.consent import Consent
from keygrove.protocol.scope import Scope
from keygrove.storage.apps import AppState
from keygrove.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedBy:
    """A person who connected an app, and what they allow it. Times are epoch seconds."""

    person_id: str
    name: str
    email: str
    scope: Scope
    given_at_s: int
    changed_at_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedApp:
    """An app that a company connected, also one that was suspended or removed since.

    `scope` is all that somebody allows it, `maker` the name of the company that makes it. Times are epoch
    seconds; `last_used_at_s` is when it last got a token for the company. `has_access`: it holds something
    that did not end, else it has to come again.
    """

    client_id: str
    name: str
    maker: str
    logo_uri: str | None
    state: AppState
    verified_at_s: int | None
    people: tuple[ConnectedBy, ...]
    scope: Scope
    last_used_at_s: int | None
    has_access: bool
    is_removed: bool


async def give(tx: Transaction, consent: Consent, client_id: str, *, at_s: int) -> None:
    """Let a person allow an app this, and what they allow it at this moment: two tabs at once lose nothing,
    and what was withdrawn meanwhile stays so.
    """
    key = (client_id, consent.company_id, consent.subject)
    where = "where client_id = $1 and company_id = $2 and person_id = $3"
    # Written first: from here on nobody else changes it, or takes it away.
    await tx.run(
        """
        insert into consents (client_id, company_id, person_id, scope, given_at_s, changed_at_s)
        values ($1, $2, $3, $4, $5, $5)
        on conflict (client_id, company_id, person_id) do update set changed_at_s = excluded.changed_at_s
        """,
        *key,
        _written(consent.scopes),
        at_s,
    )
    row = await tx.one(f"select scope from consents {where}", *key)  # noqa: S608 - a constant
    earlier = frozenset(row["scope"].split()) if row is not None else frozenset()
    await tx.run(
        f"update consents set scope = $4 {where}",  # noqa: S608 - a constant
        *key,
        _written(earlier | consent.scopes),
    )


async def of_person(tx: Transaction, client_id: str, person_id: str) -> dict[str, frozenset[str]]:
    """What a person allows an app, by company."""
    rows = await tx.all(
        "select company_id, scope from consents where person_id = $1 and client_id = $2", person_id, client_id
    )
    return {row["company_id"]: frozenset(row["scope"].split()) for row in rows}


async def of_company(tx: Transaction, client_id: str, company_id: str) -> frozenset[str]:
    """All that somebody of a company allows an app for it."""
    rows = await tx.all(
        "select scope from consents where client_id = $1 and company_id = $2", client_id, company_id
    )
    return frozenset(scope for row in rows for scope in row["scope"].split())


async def connected(tx: Transaction, company_id: str) -> list[ConnectedApp]:
    """The apps that people of a company connected to it, by name; the people by when they did."""
    rows = await tx.all(
        """
        select s.client_id, s.person_id, s.scope, s.given_at_s, s.changed_at_s, c.client_name, c.removed_at_s,
               o.name as maker, a.logo_uri, a.state, a.verified_at_s, p.name as person_name, p.email
        from consents s
        join clients c on c.client_id = s.client_id
        join apps a on a.client_id = s.client_id
        join companies o on o.company_id = a.company_id
        join people p on p.person_id = s.person_id
        where s.company_id = $1
        order by c.name_key, s.client_id, s.given_at_s, s.person_id
        """,
        company_id,
    )
    used = await tx.all(
        """
        select client_id, max(used_at_s) as at_s,
               sum(case when revoked_at_s is null then 1 else 0 end) as open
        from grants where company_id = $1 group by client_id
        """,
        company_id,
    )
    last_used = {row["client_id"]: row["at_s"] for row in used}
    holding = {row["client_id"] for row in used if row["open"]}
    first = {row["client_id"]: row for row in reversed(rows)}
    people: dict[str, list[ConnectedBy]] = {}
    for row in rows:
        people.setdefault(row["client_id"], []).append(
            ConnectedBy(
                person_id=row["person_id"],
                name=row["person_name"],
                email=row["email"],
                scope=Scope(tuple(row["scope"].split())),
                given_at_s=row["given_at_s"],
                changed_at_s=row["changed_at_s"],
            )
        )
    return [
        ConnectedApp(
            client_id=client_id,
            name=first[client_id]["client_name"],
            maker=first[client_id]["maker"],
            logo_uri=first[client_id]["logo_uri"],
            state=cast(AppState, first[client_id]["state"]),
            verified_at_s=first[client_id]["verified_at_s"],
            people=tuple(who),
            scope=Scope.of(sorted({token for one in who for token in one.scope.tokens})),
            last_used_at_s=last_used.get(client_id),
            has_access=client_id in holding,
            is_removed=first[client_id]["removed_at_s"] is not None,
        )
        for client_id, who in people.items()
    ]


async def withdraw(tx: Transaction, client_id: str, company_id: str) -> int:
    """Take back what a company's people allow an app; how many they were."""
    return await tx.run(
        "delete from consents where client_id = $1 and company_id = $2", client_id, company_id
    )


def _written(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))
