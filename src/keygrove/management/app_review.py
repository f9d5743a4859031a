"""The review of an app: its maker submits it, and the operator lets every company connect it, or stops it."""

from collections.abc import Callable, Sequence

from keygrove.management.app_details import missing_for_review, revision_of
from keygrove.management.apps import App, AppState, get_app, of_operator
from keygrove.management.context import Actor, Management
from keygrove.management.errors import Fault, Invalid, NotFound
from keygrove.management.record import record, require_admin
from keygrove.storage import apps, companies

_STATE_WORDS = {"draft": "a draft", "in_review": "in review", "live": "live", "suspended": "suspended"}


async def submit(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Ask the operator to review a draft. Raises Forbidden, NotFound, Invalid (what it lacks; `state`)."""
    await require_admin(m, actor, "app.submitted", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    await _move(m, actor, app, "app.submitted", was=("draft",), to="in_review", lacks=missing_for_review)


async def withdraw(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Take an app back from review, to change it. Raises Forbidden, NotFound, Invalid (field `state`)."""
    await require_admin(m, actor, "app.withdrawn", target_id=client_id, company_id=company_id)
    app = await get_app(m, actor, company_id, client_id)
    await _move(m, actor, app, "app.withdrawn", was=("in_review",), to="draft")


async def approve(m: Management, actor: Actor, client_id: str, *, revision: str) -> App:
    """Let every company connect an app that is in review. For the operator only.

    `revision` names what was looked at (`revision_of`).

    Raises NotFound, Invalid (fields `state`, and `revision` when the app says something else by now).
    """

    def changed(app: App) -> tuple[Fault, ...]:
        if revision == revision_of(app):
            return ()
        return (Fault("revision", "The app says something else by now. Look at it again."),)

    app = await of_operator(m, client_id)
    await _move(m, actor, app, "app.approved", was=("in_review",), to="live", lacks=changed)
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
    await _move(m, actor, app, "app.resumed", was=("suspended",), to=None)
    return await of_operator(m, client_id)


def _nothing(_app: App) -> tuple[Fault, ...]:
    return ()


async def _move(
    m: Management,
    actor: Actor,
    known: App,
    action: str,
    *,
    was: Sequence[AppState],
    to: AppState | None,
    lacks: Callable[[App], tuple[Fault, ...]] = _nothing,
) -> None:
    """Move an app to another state, without one to where it rests. `lacks` says what is in the way.

    The app is judged as it is by now, so that no change of its maker's stops a move. Raises NotFound, Invalid
    when it is in none of the states it may come from.
    """
    async with m.database.transaction() as tx:
        # Nobody changes it until this ends: what was judged is what moves.
        await companies.hold(tx, known.company_id)
        app = await apps.by_id(tx, known.client_id)
        if app is None:
            raise NotFound("There is no such app.")
        if app.state not in was:
            raise Invalid(Fault("state", f"The app is {_STATE_WORDS[app.state]}. Nothing was changed."))
        faults = lacks(app)
        if faults:
            raise Invalid(*faults)
        # Once live, an app is live or suspended for good, so nothing unreviewed comes back.
        after = to or ("draft" if app.verified_at_s is None else "live")
        if not await apps.set_state(tx, app.client_id, was=app.state, state=after, at_s=m.now()):
            raise NotFound("There is no such app.")
        detail = {"name": app.name, "before": app.state, "after": after, "revision": revision_of(app)}
        await record(tx, m, actor, action, target_id=app.client_id, company_id=app.company_id, detail=detail)
