"""Connected apps: what a company's people let apps do for it, and the end of that."""

from keygrove.management.context import Actor, Management
from keygrove.management.errors import NotFound
from keygrove.management.record import record, require_admin
from keygrove.storage import consents, grants
from keygrove.storage.consents import ConnectedApp, ConnectedBy

__all__ = ["ConnectedApp", "ConnectedBy", "disconnect", "get_connected", "list_connected"]


async def list_connected(m: Management, company_id: str) -> tuple[ConnectedApp, ...]:
    """The apps that are connected to a company, by name."""
    async with m.database.transaction() as tx:
        return tuple(await consents.connected(tx, company_id))


async def get_connected(m: Management, company_id: str, client_id: str) -> ConnectedApp:
    """One app that is connected to the company. Raises NotFound for anything else."""
    for app in await list_connected(m, company_id):
        if app.client_id == client_id:
            return app
    raise NotFound("There is no such app.")


async def disconnect(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Take back all that the company's people allow an app: its refresh tokens and codes end with it.

    Raises Forbidden, NotFound.
    """
    await require_admin(m, actor, "app.disconnected", target_id=client_id, company_id=company_id)
    app = await get_connected(m, company_id, client_id)
    async with m.database.transaction() as tx:
        if not await consents.withdraw(tx, client_id, company_id):
            raise NotFound("There is no such app.")
        ended = await grants.revoke_of_app(tx, client_id, company_id, at_s=m.now())
        await record(
            tx,
            m,
            actor,
            "app.disconnected",
            target_id=client_id,
            company_id=company_id,
            detail={
                "name": app.name,
                "permissions": app.scope.tokens,
                "people": [one.person_id for one in app.people],
                "grants_ended": ended,
            },
        )
