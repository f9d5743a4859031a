"""Apps that people connect to their company: registered by their maker, reviewed by the operator.

A draft works for its maker's own company, to try it. In review it stays as it is. Live, every company can
connect it, and its name and permissions stay as they were reviewed. Suspended, it gets no tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keygrove.crypto.secrets import Secret, new_client_id, new_client_secret
from keygrove.management.app_details import AppDetails, described, details_of, missing_for_review
from keygrove.management.app_keys import check_jwks
from keygrove.management.context import Actor, Management
from keygrove.management.errors import Fault, Invalid, ManagementError, NotFound
from keygrove.management.names import name_key
from keygrove.management.record import record, require_admin
from keygrove.protocol.client import ApplicationType
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, clients, companies
from keygrove.storage.apps import App, AppState
from keygrove.storage.database import Transaction, UniqueViolation

__all__ = [
    "App",
    "AppAlready",
    "AppState",
    "ApplicationType",
    "NewApp",
    "approve",
    "every",
    "get_app",
    "list_apps",
    "of_operator",
    "register",
    "remove",
    "renew_secret",
    "resume",
    "submit",
    "suspend",
    "update",
    "withdraw",
]

APP_LIMIT = 100
NAME_TAKEN = "Another app of your company has this name. Choose a different one."
_STATE_WORDS = {"draft": "a draft", "in_review": "in review", "live": "live", "suspended": "suspended"}


@dataclass(frozen=True, slots=True)
class NewApp:
    """An app with the only copy of a new secret there will ever be; a public app has none."""

    app: App
    client_secret: Secret | None


class AppAlready(ManagementError):
    """This form was sent before, and did its work; the secret cannot be shown again."""

    def __init__(self, app: App) -> None:
        self.app = app
        super().__init__(f"This form has done its work for the app {app.client_id} already.")


async def register(
    m: Management,
    actor: Actor,
    company_id: str,
    details: AppDetails,
    *,
    application_type: ApplicationType = "web",
    public: bool = False,
    jwks: str = "",
    live: bool = False,
    form_token: str | None = None,
) -> NewApp:
    """Register an app of the company as a draft; `live` skips the review, which the operator alone may do.

    A public app has no secret, nor has one with `jwks`, the keys with which it signs. `form_token` names the
    form that asks, so that sending it twice makes one app. Raises Forbidden, NotFound for an unknown company,
    Invalid (fields as in AppDetails, and `jwks`), AppAlready.
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
            jwks=check_jwks(jwks) if jwks else None,
            state="live" if skips else "draft",
            state_changed_at_s=now,
            verified_at_s=now if skips else None,
        ),
        details,
    )
    secret = new_client_secret() if app.has_secret else None
    try:
        async with m.database.transaction() as tx:
            await _use_form(tx, m, company_id, app.client_id, form_token)
            await _insert(tx, m, app, secret)
            detail = {"name": app.name, "state": app.state, **_said(app)}
            await record(
                tx, m, actor, "app.registered", target_id=app.client_id, company_id=company_id, detail=detail
            )
    except _FormUsed as used:
        raise AppAlready(used.app) from None
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


async def update(m: Management, actor: Actor, company_id: str, client_id: str, details: AppDetails) -> App:
    """Change what is said about an app; its next authorization follows. No change leaves no trace.

    Raises Forbidden, NotFound, Invalid (fields as in AppDetails; `state` when it may not be changed now).
    """
    await require_admin(m, actor, "app.updated", target_id=client_id, company_id=company_id)
    await get_app(m, actor, company_id, client_id)
    try:
        async with m.database.transaction() as tx:
            # One after the other, so that the journal has each change.
            before = await _held(tx, company_id, client_id)
            after = described(m, before, details)
            if details_of(after) == details_of(before):
                return before
            if actor.kind != "cli":
                _require_open(before)
                _require_as_reviewed(before, after)
            await apps.update(tx, after, name_key=name_key(after.name))
            detail = {"before": _said(before), "after": _said(after)}
            await record(
                tx, m, actor, "app.updated", target_id=client_id, company_id=company_id, detail=detail
            )
    except UniqueViolation:
        raise Invalid(Fault("name", NAME_TAKEN)) from None
    return after


async def submit(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Ask the operator to review a draft. Raises Forbidden, NotFound, Invalid (what it lacks; `state`)."""
    await require_admin(m, actor, "app.submitted", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    missing = missing_for_review(app)
    if missing:
        raise Invalid(*missing)
    await _move(m, actor, app, "app.submitted", was=("draft",), to="in_review")


async def withdraw(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Take an app back from review, to change it. Raises Forbidden, NotFound, Invalid (field `state`)."""
    await require_admin(m, actor, "app.withdrawn", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    await _move(m, actor, app, "app.withdrawn", was=("in_review",), to="draft")


async def approve(m: Management, actor: Actor, client_id: str) -> App:
    """Let every company connect an app. For the operator only. Raises NotFound, Invalid (field `state`)."""
    app = await of_operator(m, client_id)
    await _move(m, actor, app, "app.approved", was=("draft", "in_review"), to="live")
    return await of_operator(m, client_id)


async def suspend(m: Management, actor: Actor, client_id: str) -> App:
    """Stop an app: it gets no tokens, and those it has end where they are looked up.

    For the operator only. Raises NotFound, Invalid (field `state`).
    """
    app = await of_operator(m, client_id)
    await _move(m, actor, app, "app.suspended", was=("draft", "in_review", "live"), to="suspended")
    return await of_operator(m, client_id)


async def resume(m: Management, actor: Actor, client_id: str) -> App:
    """Let a suspended app work again: live if it ever was, else as a draft.

    For the operator only. Raises NotFound, Invalid (field `state`).
    """
    app = await of_operator(m, client_id)
    # Once live, an app is live or suspended for good, so nothing unreviewed comes back.
    back: AppState = "draft" if app.verified_at_s is None else "live"
    await _move(m, actor, app, "app.resumed", was=("suspended",), to=back)
    return await of_operator(m, client_id)


async def renew_secret(
    m: Management, actor: Actor, company_id: str, client_id: str, *, form_token: str | None = None
) -> NewApp:
    """Give an app a new secret; the old one ends at once.

    `form_token` names the form that asks, so that sending it twice makes one secret. Raises Forbidden,
    NotFound, also for an app that has none, AppAlready.
    """
    await require_admin(m, actor, "app.secret_renewed", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    if not app.has_secret:
        raise NotFound("A public app has no secret." if app.public else "This app signs: it has no secret.")
    secret = new_client_secret()
    try:
        async with m.database.transaction() as tx:
            await _use_form(tx, m, company_id, client_id, form_token)
            digest = m.digests.of("client_secret", secret.reveal())
            if not await apps.set_secret(tx, client_id, digest):
                raise NotFound("There is no such app.")
            await record(
                tx,
                m,
                actor,
                "app.secret_renewed",
                target_id=client_id,
                company_id=company_id,
                detail={"name": app.name},
            )
    except _FormUsed as used:
        raise AppAlready(used.app) from None
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


class _FormUsed(Exception):
    def __init__(self, app: App) -> None:
        self.app = app
        super().__init__()


async def _use_form(
    tx: Transaction, m: Management, company_id: str, client_id: str, form_token: str | None
) -> None:
    """Note that the form did its work. Raises _FormUsed when it did before, NotFound if for others."""
    if form_token is None:
        return
    digest = m.digests.of("creation", form_token)
    if await clients.remember_creation(tx, digest, client_id, at_s=m.now()):
        return
    made = await clients.created_by_form(tx, company_id, digest)
    app = None if made is None else await apps.by_id(tx, made.client_id)
    raise NotFound("There is no such form.") if app is None else _FormUsed(app)


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
    """Raise Invalid when a live app would have another name or more permissions than were reviewed."""
    if before.state != "live":
        return
    faults = []
    if after.name != before.name:
        faults.append(Fault("name", "A live app keeps its name. Ask the operator to change it."))
    reviewed = frozenset(before.scope.tokens + before.optional_scope.tokens)
    added = (*after.scope.beyond(reviewed), *after.optional_scope.beyond(reviewed))
    if added or after.audience != before.audience:
        message = "A live app keeps to the permissions that were reviewed. Ask the operator for more."
        faults.append(Fault("permissions", message))
    if faults:
        raise Invalid(*faults)


async def _move(
    m: Management, actor: Actor, app: App, action: str, *, was: Sequence[AppState], to: AppState
) -> None:
    """Move an app to another state. Raises Invalid when it is in none of those it may come from."""
    async with m.database.transaction() as tx:
        # Nobody edits it meanwhile: what was looked at is what moves.
        await companies.hold(tx, app.company_id)
        moved = (
            app.state in was
            and await apps.by_id(tx, app.client_id) == app
            and await apps.set_state(tx, app.client_id, was=app.state, state=to, at_s=m.now())
        )
        if moved:
            await record(
                tx,
                m,
                actor,
                action,
                target_id=app.client_id,
                company_id=app.company_id,
                detail={"name": app.name, "before": app.state, "after": to},
            )
            return
        now = await apps.by_id(tx, app.client_id)
    if now is None:
        raise NotFound("There is no such app.")
    raise Invalid(Fault("state", f"The app is {_STATE_WORDS[now.state]}. Nothing was changed."))


def _said(app: App) -> dict[str, object]:
    """What the journal keeps of an app."""
    return {
        "name": app.name,
        "permissions": [*app.scope.tokens, *app.optional_scope.tokens],
        "redirect_uris": app.redirect_uris,
        "logo_uri": app.logo_uri,
        "policy_uri": app.policy_uri,
        "tos_uri": app.tos_uri,
        "owner": app.owner,
        "contact_email": app.contact_email,
        "require_pkce": app.require_pkce,
    }
