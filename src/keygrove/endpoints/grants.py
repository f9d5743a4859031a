"""What endpoints look up about an authorization grant, and how they end one."""

import json

from keygrove.crypto.secrets import new_event_id, read_refresh_token
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.own_tokens import verify_own
from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.client import Client
from keygrove.protocol.grants.refresh_token import RefreshToken
from keygrove.protocol.message import Request
from keygrove.protocol.person import PersonClaims
from keygrove.protocol.resource import LIFETIME_S
from keygrove.storage import clients, grants, journal, people
from keygrove.storage.database import Transaction

# The types of access tokens, of which each API chooses one (RFC 9068 §2.1).
_TYPES = ("at+jwt", "JWT")


async def read_access_token(
    tx: Transaction, server: AuthorizationServer, text: str, *, now: int
) -> AccessToken | None:
    """The access token of ours that a text is, expired or not; None when it is nothing of the kind.

    Its key must not be revoked. No token outlives the successor of its key for longer than LIFETIME_S.
    """
    claims = await verify_own(tx, server, text, types=_TYPES, ended_after_s=now - LIFETIME_S)
    token = AccessToken.read(claims) if claims is not None else None
    return token if token is not None and token.issuer == server.policy.issuer else None


async def find_refresh_token(
    tx: Transaction, server: AuthorizationServer, value: str
) -> tuple[RefreshToken, Standing] | None:
    """What a refresh token stands for, youngest or older; None when it is none of ours."""
    named = read_refresh_token(server.digests, value)
    stored = await grants.by_id(tx, named[0]) if named is not None else None
    if named is None or stored is None:
        return None
    token = RefreshToken.of_family(
        stored.grant,
        named[1],
        started_at=stored.created_at_s,
        youngest=stored.refresh_generation,
        youngest_at=stored.refreshed_at_s or stored.created_at_s,
    )
    return None if token is None else (token, stored.standing)


async def find_what_token_names(
    tx: Transaction, token: AccessToken
) -> tuple[Client | None, tuple[AuthorizationGrant, Standing] | None]:
    """The client and the grant of an access token; None for the grant when it names none or it is gone."""
    client = await clients.by_id(tx, token.client_id)
    stored = await grants.by_id(tx, token.grant_id) if token.grant_id else None
    return client, None if stored is None else (stored.grant, stored.standing)


async def find_person(tx: Transaction, person_id: str) -> PersonClaims | None:
    """What there is to tell of a person. No address was ever proved by a message that was answered."""
    account = await people.by_id(tx, person_id)
    if account is None:
        return None
    person = account.person
    return PersonClaims(
        subject=person.id,
        name=person.name,
        email=person.email,
        email_verified=False,
        updated_at=person.created_at_s if person.updated_at_s is None else person.updated_at_s,
    )


async def end_grant(
    tx: Transaction, server: AuthorizationServer, request: Request, grant: AuthorizationGrant, *, reason: str
) -> None:
    """Revoke a grant for its client's doing, with a line in the journal: once, however often it is tried."""
    now = server.clock()
    if not await grants.revoke(tx, grant.grant_id, at_s=int(now)):
        return
    at_us = int(now * 1_000_000)
    event = journal.Event(
        id=new_event_id(at_us),
        at_us=at_us,
        actor_kind="client",
        actor_id=grant.client_id,
        actor_name=grant.client_id,
        company_id=grant.company_id,
        action="grant.revoked",
        target_id=grant.grant_id,
        outcome="done",
        detail=json.dumps({"reason": reason}, ensure_ascii=True),
        address=request.address,
        request_id=request.request_id,
    )
    await journal.append(tx, event)
