"""RP-initiated logout (OIDC RP-Initiated Logout 1.0): load and decide; ending the session is the door's."""

from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.hints import read_hint
from keygrove.protocol.logout import (
    AskWhether,
    EndSession,
    LogoutFacts,
    decide_logout,
    read_logout_request,
)
from keygrove.protocol.message import Request
from keygrove.storage import clients


async def log_out(
    server: AuthorizationServer,
    request: Request,
    *,
    subject: str | None,
    session_id: str | None,
    confirmed: bool,
) -> AskWhether | EndSession:
    """What a request to sign out leads to, for whoever is signed in here.

    Raises InvalidRequest, MethodNotAllowed, UnsupportedEncoding: told on a page.
    """
    asked = read_logout_request(request)
    hint = client = None
    if asked.id_token_hint is not None:
        async with server.database.transaction() as tx:
            hint = await read_hint(tx, server, asked.id_token_hint)
            client = await clients.by_id(tx, hint.client_id) if hint is not None else None
    facts = LogoutFacts(subject=subject, session_id=session_id, hint=hint, client=client, confirmed=confirmed)
    return decide_logout(asked, facts)
