"""Apps: clients that people connect to their company (RFC 7591 §2), as their maker and the operator see them.

An app is a row of `clients` that has an `application_type`, and a row of `apps` with what only people read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from keygrove.protocol.client import PUBLIC, SIGNED, ApplicationType
from keygrove.protocol.scope import NO_SCOPE, Scope
from keygrove.storage.database import Row, Transaction, Value

AppState = Literal["draft", "in_review", "live", "suspended"]
STATES: tuple[AppState, ...] = get_args(AppState)
GRANT_TYPES = "authorization_code refresh_token"
# Keys and apps have names of their own. No name contains a line break, so no key's name is in the way.
_NAME = "\n"
_SELECT = """
    select c.client_id, c.client_name, c.scope, c.optional_scope, c.audience, c.application_type,
           c.token_endpoint_auth_method, c.require_pkce, c.redirect_uris, c.post_logout_redirect_uris,
           c.backchannel_logout_uri, c.jwks, c.created_at_s, c.created_by, c.updated_at_s,
           a.company_id, a.description, a.logo_uri, a.policy_uri, a.tos_uri, a.owner, a.contact_email,
           a.reasons, a.state, a.state_changed_at_s, a.submitted_at_s, a.verified_at_s
    from apps a join clients c on c.client_id = a.client_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A whole app that was not removed. Times are epoch seconds.

    `company_id` is its maker's company. It cannot do without `scope`; `optional_scope` is what it may ask for
    besides. `reasons` say why, by scope. A `public` one has no secret, and one with `jwks` signs instead
    (`private_key_jwt`). `verified_at_s` is when an operator first approved it.
    """

    client_id: str
    company_id: str
    name: str
    audience: str
    scope: Scope
    redirect_uris: tuple[str, ...]
    created_at_s: int
    created_by: str
    updated_at_s: int
    description: str = ""
    optional_scope: Scope = NO_SCOPE
    reasons: Mapping[str, str]
    application_type: ApplicationType = "web"
    public: bool = False
    require_pkce: bool = True
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    jwks: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    owner: str = ""
    contact_email: str = ""
    state: AppState = "draft"
    state_changed_at_s: int
    submitted_at_s: int | None = None
    verified_at_s: int | None = None

    @property
    def has_secret(self) -> bool:
        """Whether a secret proves it: it is neither public nor signs."""
        return self.token_endpoint_auth_method is None

    @property
    def token_endpoint_auth_method(self) -> str | None:
        """How it proves itself; None for its secret, by header or body (RFC 7591 §2)."""
        if self.public:
            return PUBLIC
        return None if self.jwks is None else SIGNED


async def insert(tx: Transaction, app: App, *, name_key: str, secret_digest: str) -> bool:
    """Add an app. False when its company has one of that name. A public one's digest is empty."""
    added = await tx.run(
        """
        insert into clients (client_id, client_name, name_key, scope, audience, updated_at_s,
                             application_type, token_endpoint_auth_method, require_pkce, redirect_uris,
                             post_logout_redirect_uris, backchannel_logout_uri, jwks, optional_scope,
                             company_id, secret_digest, grant_types, created_at_s, created_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        on conflict (company_id, name_key) where removed_at_s is null do nothing
        """,
        *_of_clients(app, name_key),
        app.company_id,
        secret_digest,
        GRANT_TYPES,
        app.created_at_s,
        app.created_by,
    )
    if added == 0:
        return False
    await tx.run(
        """
        insert into apps (client_id, description, logo_uri, policy_uri, tos_uri, owner, contact_email,
                          reasons, company_id, state, state_changed_at_s, submitted_at_s, verified_at_s)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        *_of_apps(app),
        app.company_id,
        app.state,
        app.state_changed_at_s,
        app.submitted_at_s,
        app.verified_at_s,
    )
    return True


async def by_id(tx: Transaction, client_id: str) -> App | None:
    """The app; None when there is none of that id, or it was removed."""
    row = await tx.one(f"{_SELECT} where a.client_id = $1 and c.removed_at_s is null", client_id)
    return None if row is None else _app(row)


async def of_company(tx: Transaction, company_id: str) -> list[App]:
    """The apps that a company makes, by name."""
    rows = await tx.all(
        f"{_SELECT} where a.company_id = $1 and c.removed_at_s is null order by c.name_key, c.client_id",
        company_id,
    )
    return [_app(row) for row in rows]


async def every(tx: Transaction, *, state: AppState | None) -> list[App]:
    """Every company's apps, or those in one state, by name."""
    rows = await tx.all(
        f"""{_SELECT} where c.removed_at_s is null and ($1 = '' or a.state = $1)
        order by c.name_key, c.client_id""",
        state or "",
    )
    return [_app(row) for row in rows]


async def update(tx: Transaction, app: App, *, name_key: str) -> bool:
    """Change all that its maker may change, not its company, secret, state or verification.

    False when it is gone. Raises UniqueViolation when another app of the company has the name.
    """
    touched = await tx.run(
        """
        update clients set client_name = $2, name_key = $3, scope = $4, audience = $5, updated_at_s = $6,
                           application_type = $7, token_endpoint_auth_method = $8, require_pkce = $9,
                           redirect_uris = $10, post_logout_redirect_uris = $11, backchannel_logout_uri = $12,
                           jwks = $13, optional_scope = $14
        where client_id = $1 and application_type is not null and removed_at_s is null
        """,
        *_of_clients(app, name_key),
    )
    if touched == 0:
        return False
    await tx.run(
        """
        update apps set description = $2, logo_uri = $3, policy_uri = $4, tos_uri = $5, owner = $6,
                        contact_email = $7, reasons = $8
        where client_id = $1
        """,
        *_of_apps(app),
    )
    return True


async def set_state(tx: Transaction, client_id: str, *, was: AppState, state: AppState, at_s: int) -> bool:
    """Move an app from one state to another. False when it is not in the first any more, or gone.

    `in_review` notes when it was submitted; the first time `live` notes that it is verified.
    """
    touched = await tx.run(
        """
        update apps set state = $3, state_changed_at_s = $4,
                        submitted_at_s = case when $3 = 'in_review' then $4 else submitted_at_s end,
                        verified_at_s = case when $3 = 'live' then coalesce(verified_at_s, $4)
                                             else verified_at_s end
        where client_id = $1 and state = $2
          and exists (select 1 from clients c where c.client_id = $1 and c.removed_at_s is null)
        """,
        client_id,
        was,
        state,
        at_s,
    )
    return touched == 1


async def set_secret(tx: Transaction, client_id: str, secret_digest: str) -> bool:
    """Replace the digest of an app's secret. False when it is gone."""
    touched = await tx.run(
        """
        update clients set secret_digest = $2
        where client_id = $1 and application_type is not null and removed_at_s is null
        """,
        client_id,
        secret_digest,
    )
    return touched == 1


async def remove(tx: Transaction, client_id: str, *, at_s: int) -> bool:
    """Remove an app for good; its rows stay for the record. False when it is gone already."""
    touched = await tx.run(
        """
        update clients set removed_at_s = $2
        where client_id = $1 and application_type is not null and removed_at_s is null
        """,
        client_id,
        at_s,
    )
    return touched == 1


def _of_clients(app: App, name_key: str) -> tuple[Value, ...]:
    """What `clients` keeps of an app and its maker may change, as the statements above count it."""
    return (
        app.client_id,
        app.name,
        _NAME + name_key,
        str(app.scope),
        app.audience,
        app.updated_at_s,
        app.application_type,
        app.token_endpoint_auth_method,
        None if app.require_pkce else "no",
        " ".join(app.redirect_uris),
        " ".join(app.post_logout_redirect_uris),
        app.backchannel_logout_uri,
        app.jwks,
        str(app.optional_scope),
    )


def _of_apps(app: App) -> tuple[Value, ...]:
    """The same of `apps`, which only people read."""
    return (
        app.client_id,
        app.description,
        app.logo_uri,
        app.policy_uri,
        app.tos_uri,
        app.owner,
        app.contact_email,
        json.dumps(dict(app.reasons)),
    )


def _app(row: Row) -> App:
    return App(
        client_id=row["client_id"],
        company_id=row["company_id"],
        name=row["client_name"],
        description=row["description"],
        audience=row["audience"],
        scope=Scope(tuple(row["scope"].split())),
        optional_scope=Scope(tuple(row["optional_scope"].split())),
        reasons=json.loads(row["reasons"]),
        application_type=cast(ApplicationType, row["application_type"]),
        public=row["token_endpoint_auth_method"] == PUBLIC,
        require_pkce=row["require_pkce"] is None,
        redirect_uris=tuple(row["redirect_uris"].split()),
        post_logout_redirect_uris=tuple(row["post_logout_redirect_uris"].split()),
        backchannel_logout_uri=row["backchannel_logout_uri"],
        jwks=row["jwks"],
        logo_uri=row["logo_uri"],
        policy_uri=row["policy_uri"],
        tos_uri=row["tos_uri"],
        owner=row["owner"],
        contact_email=row["contact_email"],
        state=cast(AppState, row["state"]),
        state_changed_at_s=row["state_changed_at_s"],
        submitted_at_s=row["submitted_at_s"],
        verified_at_s=row["verified_at_s"],
        created_at_s=row["created_at_s"],
        created_by=row["created_by"],
        updated_at_s=row["updated_at_s"],
    )
