"""Credentials with which an API asks about the tokens that people show it (RFC 7662 §2.1)."""

from dataclasses import dataclass

from keygrove.crypto.secrets import Secret, new_client_id, new_client_secret
from keygrove.management.context import Actor, Management
from keygrove.management.errors import Fault, Invalid, NotFound
from keygrove.management.names import clean_name
from keygrove.management.record import record
from keygrove.storage import api_credentials
from keygrove.storage.api_credentials import ApiCredential

__all__ = ["ApiCredential", "NewApiCredential", "create", "every", "remove"]


@dataclass(frozen=True, slots=True)
class NewApiCredential:
    """A credential just made, with the only copy of its secret there will ever be."""

    credential: ApiCredential
    client_secret: Secret


async def create(m: Management, actor: Actor, *, audience: str, name: str) -> NewApiCredential:
    """Make a credential for the API of that audience. For the operator only.

    Raises Invalid (fields `audience`, `name`).
    """
    known = [api.audience for api in m.catalogue.apis]
    if audience not in known:
        raise Invalid(Fault("audience", f"There is no such API. There are: {', '.join(known)}."))
    secret = new_client_secret()
    credential = ApiCredential(
        client_id=new_client_id(),
        audience=audience,
        secret_digest=m.digests.of("client_secret", secret.reveal()),
        name=clean_name(name, field="name"),
        created_at_s=m.now(),
    )
    async with m.database.transaction() as tx:
        await api_credentials.insert(tx, credential)
        detail = {"name": credential.name, "audience": audience}
        await record(tx, m, actor, "api_credential.created", target_id=credential.client_id, detail=detail)
    return NewApiCredential(credential, secret)


async def every(m: Management) -> tuple[ApiCredential, ...]:
    """Every credential, by API and name. For the operator only."""
    async with m.database.transaction() as tx:
        return tuple(await api_credentials.all(tx))


async def remove(m: Management, actor: Actor, client_id: str) -> None:
    """Remove a credential: nothing is told to it any more. For the operator only. Raises NotFound."""
    async with m.database.transaction() as tx:
        if not await api_credentials.remove(tx, client_id, at_s=m.now()):
            raise NotFound("There is no such API credential.")
        await record(tx, m, actor, "api_credential.removed", target_id=client_id)
