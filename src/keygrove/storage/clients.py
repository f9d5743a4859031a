"""OAuth clients: rows of `clients` as `protocol.client.Client`, and as the listing that people see.

A row with an `application_type` is an app (`apps.py`); all others are integration keys, and only those are
listed, counted and changed here.
"""

from dataclasses import dataclass, replace
from typing import cast

from keygrove.protocol.client import PUBLIC, ApplicationType, Client
from keygrove.protocol.scope import Scope
from keygrove.storage.database import Row, Transaction

# A page is read in one go; one more row tells whether there is another page.
_LISTED = """
    c.client_id, c.client_name, c.scope, c.audience, c.company_id,
    c.created_at_s, c.created_by, c.updated_at_s
"""
# Whoever makes such an app may try it out; nobody else is asked to trust it.
_UNREVIEWED = ("draft", "in_review")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientListing:
    """A client as its company sees it. Times are epoch seconds."""

    client_id: str
    client_name: str
    scope: Scope
    audience: str
    company_id: str
    created_at_s: int
    created_by: str
    updated_at_s: int


async def by_id(tx: Transaction, client_id: str) -> Client | None:
    """The client, also a removed one (`enabled` is false then). The one read of the token path of keys.

    The rest of an app is read when it is one.
    """
    row = await tx.one(
        """
        select c.client_id, c.secret_digest, c.grant_types, c.scope, c.audience, c.company_id,
               c.removed_at_s, c.application_type, o.suspended_at_s
        from clients c join companies o on o.company_id = c.company_id
        where c.client_id = $1
        """,
        client_id,
    )
    if row is None:
        return None
    client = Client(
        client_id=row["client_id"],
        secret_digest=row["secret_digest"],
        grant_types=frozenset(row["grant_types"].split()),
        scope=Scope(tuple(row["scope"].split())),
        audience=row["audience"],
        company_id=row["company_id"],
        enabled=row["removed_at_s"] is None and row["suspended_at_s"] is None,
    )
    return client if row["application_type"] is None else await _as_app(tx, client)


async def insert(
    tx: Transaction, listing: ClientListing, *, name_key: str, secret_digest: str, grant_types: str
) -> bool:
    """Add a client. False when its company has an active client of that name already."""
    added = await tx.run(
        """
        insert into clients (client_id, company_id, client_name, name_key, secret_digest, grant_types, scope,
                             audience, created_at_s, created_by, updated_at_s)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)
        on conflict (company_id, name_key) where removed_at_s is null do nothing
        """,
        listing.client_id,
        listing.company_id,
        listing.client_name,
        name_key,
        secret_digest,
        grant_types,
        str(listing.scope),
        listing.audience,
        listing.created_at_s,
        listing.created_by,
    )
    return added == 1


async def active(tx: Transaction, company_id: str, client_id: str) -> ClientListing | None:
    """A company's client that has not been removed."""
    row = await tx.one(
        f"""
        select {_LISTED} from clients c
        where c.client_id = $1 and c.company_id = $2 and c.removed_at_s is null and c.application_type is null
        """,  # noqa: S608 - a constant
        client_id,
        company_id,
    )
    return None if row is None else _listing(row)


async def page(
    tx: Transaction, company_id: str, *, search: str, after: tuple[str, str], limit: int
) -> list[ClientListing]:
    """Active clients by name, from the one after `after` (name_key, client_id) on.

    `search` is a part of the name, the client id, the scope or whoever made it, in any case: both sides are
    folded here, since `like` and `lower` know no more than ASCII on SQLite.
    """
    folded = search.casefold()
    makers = [name for name in await _makers(tx, company_id) if folded in name.casefold()] if folded else []
    places = ", ".join(f"${number}" for number in range(6, 6 + len(makers))) or "null"
    rows = await tx.all(
        f"""
        select {_LISTED} from clients c
        where c.company_id = $1 and c.removed_at_s is null and c.application_type is null
          and (c.name_key > $2 or (c.name_key = $2 and c.client_id > $3))
          and (c.name_key like $4 escape '!' or lower(c.client_id) like $4 escape '!'
               or lower(c.scope) like $4 escape '!' or c.created_by in ({places}))
        order by c.name_key, c.client_id limit $5
        """,  # noqa: S608 - constants and places of values
        company_id,
        after[0],
        after[1],
        _containing(folded),
        limit,
        *makers,
    )
    return [_listing(row) for row in rows]


async def _makers(tx: Transaction, company_id: str) -> list[str]:
    """Who made the company's clients."""
    rows = await tx.all(
        """
        select distinct created_by from clients
        where company_id = $1 and removed_at_s is null and application_type is null
        """,
        company_id,
    )
    return [row["created_by"] for row in rows]


async def count_active(tx: Transaction, company_id: str) -> int:
    """How many clients the company has."""
    row = await tx.one(
        """
        select count(*) as number from clients
        where company_id = $1 and removed_at_s is null and application_type is null
        """,
        company_id,
    )
    return int(row["number"]) if row is not None else 0


async def count_by_scope(tx: Transaction) -> list[tuple[str, Scope, int]]:
    """How many active clients have the same audience and scope. Reads every client: about 1 µs each."""
    rows = await tx.all(
        """
        select audience, scope, count(*) as number from clients
        where removed_at_s is null and application_type is null
        group by audience, scope order by audience, scope
        """
    )
    return [(row["audience"], Scope(tuple(row["scope"].split())), row["number"]) for row in rows]


async def update(tx: Transaction, listing: ClientListing, *, name_key: str, was: ClientListing) -> bool:
    """Change name and scope of an active client. False when it is gone, or not as it was any more.

    Raises UniqueViolation when another active client of the company has the name.
    """
    touched = await tx.run(
        """
        update clients set client_name = $1, name_key = $2, scope = $3, updated_at_s = $4
        where client_id = $5 and company_id = $6 and client_name = $7 and scope = $8
          and removed_at_s is null and application_type is null
        """,
        listing.client_name,
        name_key,
        str(listing.scope),
        listing.updated_at_s,
        listing.client_id,
        listing.company_id,
        was.client_name,
        str(was.scope),
    )
    return touched == 1


async def remove(tx: Transaction, company_id: str, client_id: str, *, at_s: int) -> bool:
    """Remove a client for good; its row stays for the record. False when it is gone already."""
    touched = await tx.run(
        """
        update clients set removed_at_s = $1
        where client_id = $2 and company_id = $3 and removed_at_s is null and application_type is null
        """,
        at_s,
        client_id,
        company_id,
    )
    return touched == 1


async def remember_creation(tx: Transaction, form_token_digest: str, client_id: str, *, at_s: int) -> bool:
    """Note which client a form made. False when that form made one before."""
    added = await tx.run(
        """
        insert into creations (form_token_digest, client_id, created_at_s) values ($1, $2, $3)
        on conflict (form_token_digest) do nothing
        """,
        form_token_digest,
        client_id,
        at_s,
    )
    return added == 1


async def forget_creations(tx: Transaction, *, before_s: int) -> int:
    """Delete the notes of forms that were sent before."""
    return await tx.run("delete from creations where created_at_s < $1", before_s)


async def created_by_form(tx: Transaction, company_id: str, form_token_digest: str) -> ClientListing | None:
    """The client that a form made earlier, also if it was removed since."""
    row = await tx.one(
        f"""
        select {_LISTED} from creations f join clients c on c.client_id = f.client_id
        where f.form_token_digest = $1 and c.company_id = $2
        """,  # noqa: S608 - a constant
        form_token_digest,
        company_id,
    )
    return None if row is None else _listing(row)


async def _as_app(tx: Transaction, client: Client) -> Client:
    """With what only an app has. One that is in no state to be used is not enabled."""
    row = await tx.one(
        """
        select c.application_type, c.token_endpoint_auth_method, c.require_pkce, c.redirect_uris,
               c.post_logout_redirect_uris, c.backchannel_logout_uri, c.jwks, c.optional_scope, a.state
        from clients c join apps a on a.client_id = c.client_id
        where c.client_id = $1
        """,
        client.client_id,
    )
    if row is None:
        return replace(client, enabled=False)
    return replace(
        client,
        enabled=client.enabled and row["state"] in ("live", *_UNREVIEWED),
        restricted_to=client.company_id if row["state"] in _UNREVIEWED else None,
        public=row["token_endpoint_auth_method"] == PUBLIC,
        application_type=cast(ApplicationType, row["application_type"]),
        redirect_uris=tuple(row["redirect_uris"].split()),
        post_logout_redirect_uris=tuple(row["post_logout_redirect_uris"].split()),
        require_pkce=row["require_pkce"] is None,
        token_endpoint_auth_method=row["token_endpoint_auth_method"],
        jwks=row["jwks"],
        backchannel_logout_uri=row["backchannel_logout_uri"],
        optional_scope=Scope(tuple(row["optional_scope"].split())),
    )


def _containing(text: str) -> str:
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _listing(row: Row) -> ClientListing:
    return ClientListing(
        client_id=row["client_id"],
        client_name=row["client_name"],
        scope=Scope(tuple(row["scope"].split())),
        audience=row["audience"],
        company_id=row["company_id"],
        created_at_s=row["created_at_s"],
        created_by=row["created_by"],
        updated_at_s=row["updated_at_s"],
    )
