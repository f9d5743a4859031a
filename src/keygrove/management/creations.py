"""Forms whose answer shows a secret: sent twice, they do their work once."""

from keygrove.management.context import Management
from keygrove.management.errors import ManagementError, NotFound
from keygrove.storage import clients
from keygrove.storage.clients import ClientListing
from keygrove.storage.database import Transaction

__all__ = ["ClientListing", "FormUsed", "use_form"]


class FormUsed(ManagementError):
    """This form did its work before; the secret that it showed cannot be shown again.

    `made` is the key or app that it made, or gave a new secret, also if it was removed since.
    """

    def __init__(self, made: ClientListing) -> None:
        self.made = made
        super().__init__(f"This form has done its work for {made.client_id} already.")


async def use_form(
    tx: Transaction, m: Management, company_id: str, client_id: str, form_token: str | None
) -> None:
    """Note that a form did its work for a key or an app; nothing without a token.

    Raises FormUsed when it did before, NotFound when that was for another company.
    """
    if form_token is None:
        return
    digest = m.digests.of("creation", form_token)
    if await clients.remember_creation(tx, digest, client_id, at_s=m.now()):
        return
    made = await clients.created_by_form(tx, company_id, digest)
    raise NotFound("There is no such form.") if made is None else FormUsed(made)
