"""Apps that people connect to their company: registered by their maker, reviewed by the operator.

A draft works for its maker's own company, to try it. In review it stays as it is. Live, every company can
connect it, and its name and permissions stay as they were reviewed. Suspended, it gets no tokens.
"""

from dataclasses import dataclass

from keygrove.crypto.secrets import Secret, new_client_id, new_client_secret
from keygrove.management.app_details import AppDetails, described, details_of, revision_of, said
from keygrove.management.context import Actor, Management
from keygrove.management.creations import use_form
from keygrove.management.errors import Fault, Invalid, ManagementError, NotFound
from keygrove.management.names import name_key
from keygrove.management.record import record, require_admin
from keygrove.protocol.client import ApplicationType
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, companies
from keygrove.storage.apps import App, AppState
from keygrove.storage.database import Transaction, UniqueViolation

__all__ = [
    "App",
    "AppState",
    "ApplicationType",
    "ChangedMeanwhile",
    "NewApp",
    "every",
    "get_app",
    "list_apps",
    "of_operator",
    "register",
    "remove",
    "renew_secret",
    "update",
]

APP_LIMIT = 100
NAME_TAKEN = "Another app of your company has this name. Choose a different one."


@dataclass(frozen=True, slots=True)
class NewApp:
    """An app with the only copy of a new secret there will ever be; a public app has none."""

    app: App
    client_secret: Secret | None


class ChangedMeanwhile(ManagementError):
    """Somebody else changed the app since it was looked at; `app` is how it is now."""

    def __init__(self, app: App) -> None:
        self.app = app
        super().__init__("Somebody else changed this app first. Nothing of yours was saved.")


async def register(
    m: Management,
    actor: Actor,
    company_id: str,
    details: AppDetails,
    *,
    application_type: ApplicationType = "web",
    public: bool = False,
    live: bool = False,
    form_token: str | None = None,
) -> NewApp:
    """Register an app of the company as a draft; `live` skips the review, which the operator alone may do.

    A public app has no secret, nor has one with `jwks`: it signs. `form_token` names the
    form that asks, so that sending it twice makes one app. Raises Forbidden, NotFound for an unknown company,
    Invalid (fields as in AppDetails), FormUsed.
    """
    await require_admin(m, actor, "app.registered", target_id=company_id, company_id=company_id)
    now, skips = m.now(), live and actor.kind == "cli"
    app = described(
        m,
        App(
            client_id=new_client_id(),
            company_id=company_id,
            name="",
            audience="",
            scope=Scope(),
            redirect_uris=(),
            created_at_s=now,
            created_by=actor.name,
            updated_at_s=now,
            reasons={},
            application_type=application_type,
            public=public,
            jwks=details.jwks or None,
            state="live" if skips else "draft",
            state_changed_at_s=now,
            verified_at_s=now if skips else None,
        ),
        details,
    )
    secret = new_client_secret() if app.has_secret else None
    async with m.database.transaction() as tx:
        await use_form(tx, m, company_id, app.client_id, form_token)
        await _insert(tx, m, app, secret)
        detail = {"state": app.state, **said(app)}
        await record(
            tx, m, actor, "app.registered", target_id=app.client_id, company_id=company_id, detail=detail
        )
    return NewApp(app, secret)


async def list_apps(m: Management, company_id: str) -> tuple[App, ...]:
    """The apps that a company makes, by name."""
    async with m.database.transaction() as tx:
        return tuple(await apps.of_company(tx, company_id))


async def every(m: Management, *, state: AppState | None = None) -> tuple[App, ...]:
    """Every company's apps, or those in one state, by name. For the operator only."""
    async with m.database.transaction() as tx:
        return tuple(await apps.every(tx, state=state))


async def get_app(m: Management, actor: Actor, company_id: str, client_id: str) -> App:
    """One app of the company. Raises NotFound for anything else, and records a look at another company's."""
    async with m.database.transaction() as tx:
        app = await apps.by_id(tx, client_id)
        if app is not None and app.company_id == company_id:
            return app
        if app is not None:
            await record(
                tx, m, actor, "app.looked_up", target_id=client_id, company_id=company_id, outcome="refused"
            )
    raise NotFound("There is no such app.")


async def of_operator(m: Management, client_id: str) -> App:
    """Any company's app. For the operator only. Raises NotFound."""
    async with m.database.transaction() as tx:
        app = await apps.by_id(tx, client_id)
    if app is None:
        raise NotFound("There is no such app.")
    return app


async def update(
    m: Management,
    actor: Actor,
    company_id: str,
    client_id: str,
    details: AppDetails,
    *,
    revision: str | None = None,
) -> App:
    """Change what is said about an app; its next authorization follows. No change leaves no trace.

    `revision` names what was looked at (`revision_of`), so that nobody undoes what they have not seen.

    Raises Forbidden, NotFound, Invalid (fields as in AppDetails; `state` when it may not be changed now),
    ChangedMeanwhile.
    """
    await require_admin(m, actor, "app.updated", target_id=client_id, company_id=company_id)
    await get_app(m, actor, company_id, client_id)
    try:
        async with m.database.transaction() as tx:
            # One after the other, so that the journal has each change.
            before = await _held(tx, company_id, client_id)
            if revision not in (None, revision_of(before)):
                raise ChangedMeanwhile(before)
            after = described(m, before, details)
            if details_of(after) == details_of(before):
                return before
            if actor.kind != "cli":
                _require_open(before)
                _require_as_reviewed(before, after)
            await apps.update(tx, after, name_key=name_key(after.name))
            detail = {"before": said(before), "after": said(after)}
            await record(
                tx, m, actor, "app.updated", target_id=client_id, company_id=company_id, detail=detail
            )
    except UniqueViolation:
        raise Invalid(Fault("name", NAME_TAKEN)) from None
    return after


async def renew_secret(
    m: Management, actor: Actor, company_id: str, client_id: str, *, form_token: str | None = None
) -> NewApp:
    """Give an app a new secret; the old one ends at once.

    `form_token` names the form that asks, so that sending it twice makes one secret. Raises Forbidden,
    NotFound, also for an app that has none, FormUsed.
    """
    await require_admin(m, actor, "app.secret_renewed", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    if not app.has_secret:
        raise NotFound("A public app has no secret." if app.public else "This app signs: it has no secret.")
    secret = new_client_secret()
    async with m.database.transaction() as tx:
        await use_form(tx, m, company_id, client_id, form_token)
        if not await apps.set_secret(tx, client_id, m.digests.of("client_secret", secret.reveal())):
            raise NotFound("There is no such app.")
        detail = {"name": app.name}
        await record(
            tx, m, actor, "app.secret_renewed", target_id=client_id, company_id=company_id, detail=detail
        )
    return NewApp(app, secret)


async def remove(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Remove an app for good: it gets no tokens from now on. Raises Forbidden, NotFound."""
    await require_admin(m, actor, "app.removed", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    async with m.database.transaction() as tx:
        if not await apps.remove(tx, client_id, at_s=m.now()):
            raise NotFound("There is no such app.")
        detail = {"name": app.name}
        await record(tx, m, actor, "app.removed", target_id=client_id, company_id=company_id, detail=detail)


async def _insert(tx: Transaction, m: Management, app: App, secret: Secret | None) -> None:
    # One after the other, so that rivals cannot pass the limit together.
    if not await companies.hold(tx, app.company_id):
        raise NotFound("There is no such company.")
    digest = "" if secret is None else m.digests.of("client_secret", secret.reveal())
    if not await apps.insert(tx, app, name_key=name_key(app.name), secret_digest=digest):
        raise Invalid(Fault("name", NAME_TAKEN))
    if len(await apps.of_company(tx, app.company_id)) > APP_LIMIT:
        raise Invalid(Fault("name", f"{APP_LIMIT} of {APP_LIMIT} apps. Remove one or ask your operator."))


async def _held(tx: Transaction, company_id: str, client_id: str) -> App:
    """The app, and nobody else changes the company's until this transaction ends. Raises NotFound."""
    await companies.hold(tx, company_id)
    app = await apps.by_id(tx, client_id)
    if app is None:
        raise NotFound("There is no such app.")
    return app


def _require_open(app: App) -> None:
    """Return when its maker may change it now. Raises Invalid."""
    if app.state == "in_review":
        raise Invalid(Fault("state", "The app is in review. Take it back to draft to change it."))
    if app.state == "suspended":
        raise Invalid(Fault("state", "The app is suspended. Ask the operator."))


def _require_as_reviewed(before: App, after: App) -> None:
    """Raise Invalid when a live app would have another name, or ask for or need more than was reviewed."""
    if before.state != "live":
        return
    faults = []
    if after.name != before.name:
        faults.append(Fault("name", "A live app keeps its name. Ask the operator to change it."))
    needed = frozenset(before.scope.tokens)
    reviewed = needed.union(before.optional_scope.tokens)
    added = (*after.scope.beyond(reviewed), *after.optional_scope.beyond(reviewed))
    if added or after.audience != before.audience:
        message = "A live app keeps to the permissions that were reviewed. Ask the operator for more."
        faults.append(Fault("permissions", message))
    elif after.scope.beyond(needed):
        message = "What people may leave out of a live app stays so. Ask the operator to change it."
        faults.append(Fault("permissions", message))
    if faults:
        raise Invalid(*faults)
