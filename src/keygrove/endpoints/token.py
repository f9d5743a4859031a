"""The token endpoint, POST /oauth2/token (RFC 6749 §3.2)."""

import logging

from keygrove.crypto.secrets import new_token_id, refresh_token
from keygrove.endpoints.answers import json_response
from keygrove.endpoints.assertions import is_signed
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.cross_origin import errors_are_readable
from keygrove.endpoints.exchange import LOGS, Exchange
from keygrove.endpoints.grants import end_grant, find_person, find_refresh_token
from keygrove.protocol.authorization_grant import Refuse, Standing
from keygrove.protocol.claims import ID_TOKEN_TYPE
from keygrove.protocol.grants.authorization_code import AUTHORIZATION_CODE, AuthorizationCode
from keygrove.protocol.grants.refresh_token import RefreshToken, Repeat, Rotate
from keygrove.protocol.message import Request, Response
from keygrove.protocol.token import Facts, Issue, TokenRequest, answer, decide, parse_token_request
from keygrove.storage import clients, grants
from keygrove.storage.database import Transaction

log = LOGS["token"]


async def token(server: AuthorizationServer, request: Request) -> Response:
    """Answer a token request: a token, or the error of RFC 6749 §5.2. Raises nothing.

    For `client_credentials` there is one read and no write; signatures are made after the
    transaction has ended.
    """
    return await Exchange(server, request, "token", errors_are_readable).answer(_token)


async def _token(exchange: Exchange) -> Response:
    server, request = exchange.server, exchange.request
    asked = parse_token_request(request)
    exchange.credentials = asked.credentials
    signed = await is_signed(server, asked.credentials)
    while True:
        async with server.database.transaction() as tx:
            exchange.facts = await load(tx, asked, server, signed=signed)
            now = int(server.clock())
            decision = decide(asked, exchange.facts, server.policy, now=now, jti=new_token_id())
            if await commit(tx, exchange, decision, now=now):
                break
    if isinstance(decision, Refuse):
        raise decision.error
    response = await _sign(server, decision, now=now)
    _note(server, request, decision)
    return response


async def load(tx: Transaction, asked: TokenRequest, server: AuthorizationServer, *, signed: bool) -> Facts:
    """The facts that decide a token request: the client it names, the digest of the secret it presents, and
    what its code or refresh token stands for.
    """
    client = await clients.by_id(tx, asked.credentials.client_id)
    digest = server.digests.of("client_secret", asked.credentials.client_secret)
    if not asked.presented:
        return Facts(client, digest, signed=signed)
    found: tuple[AuthorizationCode | RefreshToken, Standing] | None
    if asked.grant_type == AUTHORIZATION_CODE:
        found = await grants.by_code(tx, server.digests.of("code", asked.presented))
    else:
        found = await find_refresh_token(tx, server, asked.presented)
    person = await find_person(tx, found[0].grant.subject) if found is not None else None
    return Facts(client, digest, found, person, signed)


async def commit(tx: Transaction, exchange: Exchange, decision: Issue | Refuse, *, now: int) -> bool:
    """Write what a decision changes. False when a rival was faster: the facts are others now."""
    if isinstance(decision, Refuse):
        reason = decision.error.detail
        await end_grant(tx, exchange.server, exchange.request, decision.grant, reason=reason)
        return True
    spend = decision.spend
    if spend is None or isinstance(spend, Repeat):
        return True
    grant_id = spend.grant.grant_id
    if isinstance(spend, Rotate):
        return await grants.rotate(tx, grant_id, generation=spend.generation, at_s=now)
    if not await grants.spend_code(tx, grant_id, at_s=now):
        return False
    return not spend.next_generation or await grants.start_refresh(tx, grant_id, at_s=now)


async def _sign(server: AuthorizationServer, issue: Issue, *, now: int) -> Response:
    """The answer, with every token that belongs to it."""
    keyring, signer, spend = server.keyring(), server.signer, issue.spend
    claims, algorithm = issue.access_token.claims(), issue.signing_algorithm
    signed = await signer.sign(keyring, claims, issue.token_type, algorithm=algorithm, now=now)
    if spend is None:
        return json_response(answer(issue, signed, now=server.clock()))
    id_token = refreshing = ""
    if issue.id_token is not None:
        about, algorithm = issue.id_token.claims(signed), issue.id_token.algorithm
        id_token = await signer.sign(keyring, about, ID_TOKEN_TYPE, algorithm=algorithm, now=now)
    if spend.next_generation:
        refreshing = refresh_token(server.digests, spend.grant.grant_id, spend.next_generation).reveal()
    members = answer(issue, signed, now=server.clock(), id_token=id_token, refresh_token=refreshing)
    return json_response(members)


def _note(server: AuthorizationServer, request: Request, issue: Issue) -> None:
    issued = issue.access_token
    agent = next((value for name, value in request.headers if name == "user-agent"), "")
    server.usage.issued(issued.client_id, now=issued.issued_at, address=request.address, user_agent=agent)
    if log.isEnabledFor(logging.DEBUG):
        who = {"request_id": request.request_id, "ip": request.address, "client_id": issued.client_id}
        log.debug("token issued", extra=who | {"company": issued.company_id})
