"""The token endpoint, POST /oauth2/token (RFC 6749 §3.2)."""

import logging

from keygrove.crypto.secrets import new_token_id, refresh_token
from keygrove.endpoints.answers import json_response
from keygrove.endpoints.assertions import signed_with
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.cross_origin import errors_are_readable
from keygrove.endpoints.exchange import LOGS, Exchange
from keygrove.endpoints.grants import end_grant, find_person, find_refresh_token
from keygrove.protocol.authorization_grant import Refuse, Standing
from keygrove.protocol.claims import ID_TOKEN_TYPE
from keygrove.protocol.grants.authorization_code import AUTHORIZATION_CODE, AuthorizationCode, Redeem
from keygrove.protocol.grants.refresh_token import RefreshToken, Repeat, Rotate
from keygrove.protocol.message import Request, Response
from keygrove.protocol.token import Facts, Issue, TokenRequest, answer, decide, parse_token_request
from keygrove.storage import clients, grants
from keygrove.storage.database import Transaction

log = LOGS["token"]


async def token(server: AuthorizationServer, request: Request) -> Response:
    """Answer a token request: a token, or the error of RFC 6749 §5.2. Raises nothing.

    For `client_credentials` there is one read and no write; signatures are made after the
    transaction has ended. What a code or refresh token gives is decided while its grant is held: nothing is
    given for what came to an end during the wait for that.
    """
    return await Exchange(server, request, "token", errors_are_readable).answer(_token)


async def _token(exchange: Exchange) -> Response:
    server, request = exchange.server, exchange.request
    asked = parse_token_request(request)
    exchange.credentials = asked.credentials
    key_set = await signed_with(server, asked.credentials)
    while True:
        async with server.database.transaction() as tx:
            decision = await _decide(tx, exchange, asked, key_set)
            spend = _spent_by(decision)
            if spend is not None:
                # A first write may wait for seconds, in which apps are suspended and people leave.
                await grants.hold(tx, spend.grant.grant_id)
                decision = await _decide(tx, exchange, asked, key_set)
            if await commit(tx, exchange, decision):
                break
    if isinstance(decision, Refuse):
        raise decision.error
    response = await _sign(server, decision)
    _note(server, request, decision)
    return response


async def _decide(
    tx: Transaction, exchange: Exchange, asked: TokenRequest, key_set: str | None
) -> Issue | Refuse:
    """Decide by what the store says now."""
    server = exchange.server
    exchange.facts = await load(tx, asked, server, key_set)
    now = int(server.clock())
    return decide(asked, exchange.facts, server.policy, now=now, jti=new_token_id())


async def load(
    tx: Transaction, asked: TokenRequest, server: AuthorizationServer, key_set: str | None
) -> Facts:
    """The facts that decide a token request: the client it names, the digest of the secret it presents, and
    what its code or refresh token stands for. `key_set` is the one with which its assertion is signed.
    """
    client = await clients.by_id(tx, asked.credentials.client_id)
    digest = server.digests.of("client_secret", asked.credentials.client_secret)
    if not asked.presented:
        return Facts(client, digest, signed_with=key_set)
    found: tuple[AuthorizationCode | RefreshToken, Standing] | None
    if asked.grant_type == AUTHORIZATION_CODE:
        found = await grants.by_code(tx, server.digests.of("code", asked.presented))
    else:
        found = await find_refresh_token(tx, server, asked.presented)
    person = await find_person(tx, found[0].grant.subject) if found is not None else None
    return Facts(client, digest, found, person, key_set)


async def commit(tx: Transaction, exchange: Exchange, decision: Issue | Refuse) -> bool:
    """Write what a decision changes. False when a rival was faster: the facts are others now.

    Whoever holds the grant has no rival. The last word stays with the database all the same.
    """
    if isinstance(decision, Refuse):
        reason = decision.error.detail
        await end_grant(tx, exchange.server, exchange.request, decision.grant, reason=reason)
        return True
    spend, now = _spent_by(decision), decision.access_token.issued_at
    if spend is None:
        return True
    grant_id = spend.grant.grant_id
    if isinstance(spend, Rotate):
        return await grants.rotate(tx, grant_id, generation=spend.generation, at_s=now)
    if not await grants.spend_code(tx, grant_id, at_s=now):
        return False
    return not spend.next_generation or await grants.start_refresh(tx, grant_id, at_s=now)


def _spent_by(decision: Issue | Refuse) -> Redeem | Rotate | None:
    """The use of a code or refresh token that is to be written; a repeat of one was written before."""
    spend = decision.spend if isinstance(decision, Issue) else None
    return None if isinstance(spend, Repeat) else spend


async def _sign(server: AuthorizationServer, issue: Issue) -> Response:
    """The answer, with every token that belongs to it."""
    keyring, signer, spend, now = server.keyring(), server.signer, issue.spend, issue.access_token.issued_at
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
