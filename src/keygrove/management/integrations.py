"""Integration keys: a key is a confidential client with a name, permissions and a company.

The only file that speaks both languages: integration key and client, Secret Key and
client_secret, permission and scope.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hmac import compare_digest
from typing import TypeVar

from keygrove.crypto.secrets import Secret, new_client_id, new_client_secret
from keygrove.management.catalogue import ApiListing
from keygrove.management.context import Actor, Management
from keygrove.management.creations import use_form
from keygrove.management.errors import Fault, Invalid, NotFound
from keygrove.management.names import clean_name, name_key
from keygrove.management.record import record, require_admin
from keygrove.protocol.scope import Scope
from keygrove.storage import clients, companies, usage
from keygrove.storage.clients import ClientListing
from keygrove.storage.database import DatabaseUnavailable, Transaction, UniqueViolation
from keygrove.storage.usage import LastUse

A = TypeVar("A")
B = TypeVar("B")
GRANT_TYPES = "client_credentials"
NAME_TAKEN = "Another key of your company has this name. Choose a different one."
_SEAL_CHARACTERS = 32
_TRIES = 10
_PLAIN = re.compile(r"[a-z0-9._:-]{1,64}")
_LISTED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationKey:
    """A key as its company sees it. `permissions` are scopes in the catalogue order; times are seconds."""

    client_id: str
    name: str
    permissions: tuple[str, ...]
    company_id: str
    audience: str
    created_at_s: int
    created_by: str
    updated_at_s: int
    last_use: LastUse | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the only copy of its Secret Key there will ever be."""

    key: IntegrationKey
    client_secret: Secret


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys, by name; `next` is the cursor of the page after, empty on the last."""

    keys: tuple[IntegrationKey, ...]
    next: str


async def create_key(
    m: Management,
    actor: Actor,
    company_id: str,
    *,
    name: str,
    permissions: Sequence[str],
    form_token: str | None = None,
) -> NewKey:
    """Make a key. `form_token` names the form that asks, so that sending it twice makes one key.

    Raises Forbidden, NotFound for an unknown company, Invalid (fields `name`, `permissions`), FormUsed.
    """
    await require_admin(m, actor, "key.created", target_id=company_id, company_id=company_id)
    name, (api, scopes) = _both(lambda: _clean(name), lambda: choose_permissions(m, permissions))
    secret, now = new_client_secret(), m.now()
    listing = ClientListing(
        client_id=new_client_id(),
        client_name=name,
        scope=Scope.of(scopes),
        audience=api.audience,
        company_id=company_id,
        created_at_s=now,
        created_by=actor.name,
        updated_at_s=now,
    )
    async with m.database.transaction() as tx:
        await use_form(tx, m, company_id, listing.client_id, form_token)
        await _insert(tx, m, listing, m.digests.of("client_secret", secret.reveal()))
        await record(
            tx,
            m,
            actor,
            "key.created",
            target_id=listing.client_id,
            company_id=company_id,
            detail={"name": name, "permissions": scopes},
        )
    return NewKey(_key(listing), secret)


async def list_keys(
    m: Management, company_id: str, *, search: str = "", after: str = "", limit: int = 50
) -> KeyPage:
    """A page of the company's keys, by name. `search` is part of a name, Client ID, permission or creator.

    Raises Invalid (field `after`) for a cursor that is not ours.
    """
    position = _read_cursor(m, after, company_id)
    async with m.database.transaction() as tx:
        listings = await clients.page(tx, company_id, search=search[:200], after=position, limit=limit + 1)
        uses = await usage.last_uses(tx, [listing.client_id for listing in listings], now_s=m.now())
    keys = tuple(_key(listing, uses.get(listing.client_id)) for listing in listings[:limit])
    return KeyPage(keys, _cursor(m, keys[-1]) if len(listings) > limit else "")


async def get_key(m: Management, actor: Actor, company_id: str, client_id: str) -> IntegrationKey:
    """One key of the company. Raises NotFound for anything else, and records a look at another company's."""
    async with m.database.transaction() as tx:
        listing = await clients.active(tx, company_id, client_id)
        if listing is not None:
            uses = await usage.last_uses(tx, [client_id], now_s=m.now())
            return _key(listing, uses.get(client_id))
        other = await clients.by_id(tx, client_id)
        if other is not None and other.company_id != company_id:
            await record(
                tx, m, actor, "key.looked_up", target_id=client_id, company_id=company_id, outcome="refused"
            )
    raise NotFound("There is no such key.")


async def company_of(m: Management, client_id: str) -> str:
    """The id of a key's company, also when the key is removed. For the operator only. Raises NotFound."""
    async with m.database.transaction() as tx:
        client = await clients.by_id(tx, client_id)
    if client is None:
        raise NotFound("There is no such key.")
    return client.company_id


async def update_key(
    m: Management,
    actor: Actor,
    company_id: str,
    client_id: str,
    *,
    name: str | None = None,
    permissions: Sequence[str] | None = None,
) -> IntegrationKey:
    """Rename a key, change its permissions, or both; the next token follows. No change leaves no trace.

    Raises Forbidden, NotFound, Invalid (fields `name`, `permissions`).
    """
    await require_admin(m, actor, "key.updated", target_id=client_id, company_id=company_id)
    for _ in range(_TRIES):
        before = await get_key(m, actor, company_id, client_id)
        after = _changed(m, before, name, permissions)
        if (after.name, after.permissions) == (before.name, before.permissions):
            return before
        if await _update(m, actor, before, after):
            return after
        # Somebody else changed it meanwhile: look again, so that neither change undoes the other.
    raise DatabaseUnavailable("the key keeps changing")


async def remove_key(m: Management, actor: Actor, company_id: str, client_id: str) -> None:
    """Remove a key for good: no token is issued for it from now on. Raises Forbidden, NotFound."""
    await require_admin(m, actor, "key.removed", target_id=client_id, company_id=company_id)
    before = await get_key(m, actor, company_id, client_id)
    async with m.database.transaction() as tx:
        if not await clients.remove(tx, company_id, client_id, at_s=m.now()):
            raise NotFound("There is no such key.")
        await record(
            tx,
            m,
            actor,
            "key.removed",
            target_id=client_id,
            company_id=company_id,
            detail={"name": before.name},
        )


async def _insert(tx: Transaction, m: Management, listing: ClientListing, secret_digest: str) -> None:
    # One after the other, so that rivals cannot pass the limit together.
    if not await companies.hold(tx, listing.company_id):
        raise NotFound("There is no such company.")
    if not await clients.insert(
        tx,
        listing,
        name_key=name_key(listing.client_name),
        secret_digest=secret_digest,
        grant_types=GRANT_TYPES,
    ):
        raise Invalid(Fault("name", NAME_TAKEN))
    if await clients.count_active(tx, listing.company_id) > m.key_limit:
        raise Invalid(Fault("name", f"{m.key_limit} of {m.key_limit} keys. Remove one or ask your operator."))


def _changed(
    m: Management, key: IntegrationKey, name: str | None, permissions: Sequence[str] | None
) -> IntegrationKey:
    new_name, scopes = _both(
        lambda: key.name if name is None else _clean(name),
        lambda: key.permissions if permissions is None else _same_api(m, key, permissions),
    )
    return replace(key, name=new_name, permissions=scopes, updated_at_s=m.now())


async def _update(m: Management, actor: Actor, before: IntegrationKey, after: IntegrationKey) -> bool:
    """Replace `before` by `after`; False when the key is not as it was before. Raises Invalid."""
    try:
        async with m.database.transaction() as tx:
            if not await clients.update(
                tx, _listing(after), name_key=name_key(after.name), was=_listing(before)
            ):
                return False
            await record(
                tx,
                m,
                actor,
                "key.updated",
                target_id=after.client_id,
                company_id=after.company_id,
                detail={
                    "before": {"name": before.name, "permissions": before.permissions},
                    "after": {"name": after.name, "permissions": after.permissions},
                },
            )
    except UniqueViolation:
        raise Invalid(Fault("name", NAME_TAKEN)) from None
    return True


def _both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """What both checks give. Raises Invalid with the faults of both at once."""
    faults: list[Fault] = []
    try:
        one = first()
    except Invalid as invalid:
        faults += invalid.faults
    try:
        other = second()
    except Invalid as invalid:
        faults += invalid.faults
    if faults:
        raise Invalid(*faults)
    return one, other


def _clean(name: str) -> str:
    return clean_name(name, field="name", shortest=3)


def choose_permissions(m: Management, permissions: Sequence[str]) -> tuple[ApiListing, tuple[str, ...]]:
    """The API that the permissions belong to, and its scopes in order; write brings read along.

    Raises Invalid (field `permissions`) when one is unknown, none is chosen, or two APIs are mixed.
    """
    if not permissions:
        raise Invalid(Fault("permissions", "Choose at least one permission."))
    apis = [m.catalogue.api_of(scope) for scope in permissions]
    if None in apis:
        raise Invalid(Fault("permissions", _unknown(permissions[apis.index(None)], m.catalogue.scopes())))
    api = apis[0]
    if api is None or any(other != api for other in apis):
        raise Invalid(Fault("permissions", "Choose permissions of one API only."))
    return api, api.complete(permissions)


def _unknown(scope: str, known: Sequence[str]) -> str:
    """What to say of a scope that does not exist. Only a plain one is repeated: it may hold anything."""
    if not _PLAIN.fullmatch(scope):
        return "One of the permissions does not exist."
    near = get_close_matches(scope, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    listed = f" There are: {', '.join(known)}." if 0 < len(known) <= _LISTED else ""
    return f"The permission {scope} does not exist.{hint}{listed}"


def _same_api(m: Management, key: IntegrationKey, permissions: Sequence[str]) -> tuple[str, ...]:
    api, scopes = choose_permissions(m, permissions)
    if api.audience != key.audience:
        raise Invalid(Fault("permissions", "A key stays with its API. Make a new key for another one."))
    return scopes


def _key(listing: ClientListing, last_use: LastUse | None = None) -> IntegrationKey:
    return IntegrationKey(
        client_id=listing.client_id,
        name=listing.client_name,
        permissions=listing.scope.tokens,
        company_id=listing.company_id,
        audience=listing.audience,
        created_at_s=listing.created_at_s,
        created_by=listing.created_by,
        updated_at_s=listing.updated_at_s,
        last_use=last_use,
    )


def _listing(key: IntegrationKey) -> ClientListing:
    return ClientListing(
        client_id=key.client_id,
        client_name=key.name,
        scope=Scope.of(key.permissions),
        audience=key.audience,
        company_id=key.company_id,
        created_at_s=key.created_at_s,
        created_by=key.created_by,
        updated_at_s=key.updated_at_s,
    )


def _cursor(m: Management, last: IntegrationKey) -> str:
    position = json.dumps([last.company_id, name_key(last.name), last.client_id])
    text = base64.urlsafe_b64encode(position.encode()).decode()
    return f"{text}.{_seal(m, text)}"


def _read_cursor(m: Management, cursor: str, company_id: str) -> tuple[str, str]:
    if not cursor:
        return "", ""
    text, _, seal = cursor.partition(".")
    # What carries our seal is what we wrote, so it is read without further doubt.
    if compare_digest(seal.encode("utf-8", "surrogatepass"), _seal(m, text).encode()):
        company, key, client_id = json.loads(base64.urlsafe_b64decode(text))
        if company == company_id:
            return key, client_id
    raise Invalid(Fault("after", "This page of the list does not exist."))


def _seal(m: Management, text: str) -> str:
    return m.digests.of("page", text)[:_SEAL_CHARACTERS]
