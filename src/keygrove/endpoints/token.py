"""The token endpoint, POST /oauth2/token (RFC 6749 §3.2)."""

import logging

from keygrove.crypto.secrets import is_whole, new_token_id
from keygrove.endpoints.answers import error_response, json_response
from keygrove.endpoints.context import AuthorizationServer
from keygrove.protocol.errors import (
    InvalidClient,
    OAuthError,
    ServerError,
    TemporarilyUnavailable,
    TooManyFailures,
)
from keygrove.protocol.message import Request, Response
from keygrove.protocol.token import Facts, Issue, TokenRequest, answer, decide, parse_token_request
from keygrove.storage import clients
from keygrove.storage.database import DatabaseUnavailable, Transaction

log = logging.getLogger("keygrove.token")


async def token(server: AuthorizationServer, request: Request) -> Response:
    """Answer a token request: a token, or the error of RFC 6749 §5.2. Raises nothing.

    For `client_credentials` there is one read and no write; the signature is made after the
    transaction has ended.
    """
    asked = facts = None
    try:
        asked = parse_token_request(request)
        async with server.database.transaction() as tx:
            facts = await load(tx, asked, server)
        now = int(server.clock())
        issue = decide(asked, facts, server.policy, now=now, jti=new_token_id())
        signed = await server.signer.sign(server.keyring(), issue, now=now)
        response = json_response(answer(issue, signed, now=server.clock()))
        _note(server, request, issue)
    except OAuthError as error:
        response = refuse_token(server, error, request, asked, facts)
    except DatabaseUnavailable as error:
        log.warning("token unavailable", extra=_who(request, asked) | {"reason": str(error)})
        response = error_response(
            TemporarilyUnavailable("The server is not able to answer right now."),
            request_id=request.request_id,
        )
    except Exception:
        log.exception("token failed", extra=_who(request, asked))
        response = error_response(ServerError("The server failed."), request_id=request.request_id)
    return response


async def load(tx: Transaction, asked: TokenRequest, server: AuthorizationServer) -> Facts:
    """The facts that decide a token request: the client it names and the digest of the secret it presents."""
    return Facts(
        client=await clients.by_id(tx, asked.credentials.client_id),
        secret_digest=server.digests.of("client_secret", asked.credentials.client_secret),
    )


def refuse_token(
    server: AuthorizationServer,
    error: OAuthError,
    request: Request,
    asked: TokenRequest | None = None,
    facts: Facts | None = None,
) -> Response:
    """Log why a token was refused, for the owner, and answer with what the client may know."""
    now, client_id = int(server.clock()), asked.credentials.client_id if asked is not None else ""
    if facts is not None and facts.client is not None:
        server.usage.refused(client_id, now=now)
    reason = str(error)
    if isinstance(error, InvalidClient):
        reason += _slip(asked, facts)
        wait_s = server.budget.spend(
            client_id=client_id, address=request.address, by_header=error.challenge, now=now
        )
        if wait_s is not None:
            error = TooManyFailures(error, retry_after_s=wait_s)
    log.info("token refused", extra=_who(request, asked) | {"error": error.code, "reason": reason})
    return error_response(error, request_id=request.request_id)


def _note(server: AuthorizationServer, request: Request, issue: Issue) -> None:
    issued = issue.access_token
    agent = next((value for name, value in request.headers if name == "user-agent"), "")
    server.usage.issued(issued.client_id, now=issued.issued_at, address=request.address, user_agent=agent)
    if log.isEnabledFor(logging.DEBUG):
        who = {"request_id": request.request_id, "ip": request.address, "client_id": issued.client_id}
        log.debug("token issued", extra=who | {"company": issued.company_id})


def _slip(asked: TokenRequest | None, facts: Facts | None) -> str:
    """What the checksum tells of the credential that was wrong: a slip of copying looks like this."""
    if asked is None or facts is None:
        return ""
    sent = asked.credentials
    name, value = (
        ("client_id", sent.client_id) if facts.client is None else ("client_secret", sent.client_secret)
    )
    return "" if not value or is_whole(value) else f"; the {name} is cut off or mistyped"


def _who(request: Request, asked: TokenRequest | None) -> dict[str, str]:
    client_id = asked.credentials.client_id[:64] if asked is not None else ""
    return {"request_id": request.request_id, "ip": request.address, "client_id": client_id}
