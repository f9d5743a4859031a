"""The issuer's signing keys: made, published, rotated and taken back. Time decides which one signs.

The next key is published before it signs, for longer than verifiers keep a key set; the previous one stays
published for as long as its tokens live. Two exceptions sign unannounced, and verifiers that meet an unknown
`kid` then look again: the first key of an algorithm, and a key that has to replace a revoked one.
"""

import asyncio
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from keygrove.crypto.jose import Keyring, SigningKey
from keygrove.crypto.vault import MasterKeyError, Vault
from keygrove.management.context import Actor, Management
from keygrove.management.errors import NotFound
from keygrove.management.record import record
from keygrove.protocol.claims import CLOCKS_DIFFER_S
from keygrove.protocol.resource import LIFETIME_S
from keygrove.storage import signing_keys
from keygrove.storage.database import Database, Transaction
from keygrove.storage.signing_keys import StoredSigningKey

# Longer than the key set's max-age of an hour and the time until every node has read the new key.
PUBLISH_AHEAD_S = 2 * 3600
# Nobody waits for an automatic rotation, and some verifiers keep a key set for a day whatever its max-age is.
AUTOMATIC_AHEAD_S = 24 * 3600
# The longest life of a token, and the minute for clocks that differ, for nodes that learn of it last too.
KEPT_S = LIFETIME_S + CLOCKS_DIFFER_S

State = Literal["next", "current", "previous", "retired", "revoked"]
_UPKEEP = Actor(kind="system", id="upkeep", name="Keygrove", role="admin")
log = logging.getLogger("keygrove.signing_keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyListing:
    """A signing key as people see it; times in epoch seconds.

    `published_until_s` is None while no successor is known. A retired key is in no key set any more.
    """

    kid: str
    algorithm: str
    state: State
    created_at_s: int
    signs_from_s: int
    published_until_s: int | None
    revoked_at_s: int | None


@dataclass(frozen=True, slots=True)
class Rotation:
    """The key that takes over. `made` is False when it was on its way, or somebody else was faster."""

    key: KeyListing
    made: bool


@dataclass(frozen=True, slots=True)
class Revocation:
    """The key that was taken back, and the one that signs in its place if it was the one that signed."""

    key: KeyListing
    successor: KeyListing | None


class CurrentKeyring:
    """The keys that this process signs with and publishes; called, it gives them as last read."""

    def __init__(self, database: Database, vault: Vault, keyring: Keyring) -> None:
        self._database = database
        self._vault = vault
        self._keyring = keyring

    def __call__(self) -> Keyring:
        """The keyring."""
        return self._keyring

    async def reload(self, *, now: int) -> None:
        """Read the keys anew. When that fails they stay as they are; raises what `load` raises."""
        found = await load(self._database, self._vault, now=now, known=self._keyring)
        if found != self._keyring:
            self._keyring = found
            log.info("signing keys changed", extra={"kids": [key.kid for key in found.published(now)]})


async def exist(database: Database) -> bool:
    """Whether the issuer has a signing key: then its master key must exist too."""
    async with database.transaction() as tx:
        return await signing_keys.any_exists(tx)


async def ensure(
    database: Database, vault: Vault, *, now: int, algorithms: Iterable[str] = ("RS256",)
) -> None:
    """Make a key for every algorithm that has none to sign with; it signs at once.

    When two processes try, one key is made.
    """
    async with database.transaction() as tx:
        usable = await signing_keys.in_use(tx, ended_after_s=now)
    for algorithm in set(algorithms) - {key.algorithm for key in usable}:
        async with database.transaction() as tx:
            newest = await signing_keys.newest(tx, algorithm)
        key = await _make(vault, algorithm, after=newest, now=now, signs_from_s=now)
        async with database.transaction() as tx:
            made = await signing_keys.insert(tx, key)
        if made:
            log.info("made a signing key", extra={"kid": key.kid, "algorithm": algorithm})


async def load(database: Database, vault: Vault, *, now: int, known: Keyring | None = None) -> Keyring:
    """Open every key that is published at `now`, except those that are open in the `known` ring.

    Raises MasterKeyError when one stays shut or there is none, DatabaseUnavailable.
    """
    async with database.transaction() as tx:
        stored = await signing_keys.in_use(tx, ended_after_s=now - KEPT_S)
    if not stored:
        raise MasterKeyError("the database has no signing key")
    opened = {key.kid: key for key in known.keys} if known is not None else {}
    for each in stored:
        if each.kid not in opened:
            # Checking an RSA key takes a tenth of a second.
            opened[each.kid] = await asyncio.to_thread(_open, each, vault)
    return Keyring(tuple([_timed(opened[each.kid], each) for each in stored]))


async def listing(m: Management) -> tuple[KeyListing, ...]:
    """Every signing key there ever was, newest first."""
    async with m.database.transaction() as tx:
        return tuple([_listed(key, m.now()) for key in await signing_keys.every(tx)])


def due(keys: Iterable[SigningKey], now: int, period_s: int) -> tuple[str, ...]:
    """The algorithms to rotate at `now`, so that each key signs for `period_s` seconds; none when that is 0.

    An algorithm whose next key is published already is not due.
    """
    newest: dict[str, int] = {}
    for key in keys:
        began = max(key.signs_from_s, key.created_at_s)
        newest[key.algorithm] = max(began, newest.get(key.algorithm, 0))
    return tuple(
        algorithm
        for algorithm, began in newest.items()
        if period_s > 0 and began <= now and now >= began + period_s - AUTOMATIC_AHEAD_S
    )


async def rotate_when_due(m: Management, vault: Vault, current: CurrentKeyring, *, period_s: int) -> None:
    """What upkeep does: a key for every algorithm in use, and the next one in time.

    Any number of nodes may do this at the same moment; one rotation comes of it.
    """
    used = m.catalogue.signing_algorithms()
    await ensure(m.database, vault, now=m.now(), algorithms=used)
    if not due(current().keys, m.now(), period_s):
        return
    await current.reload(now=m.now())
    for algorithm in due(current().keys, m.now(), period_s):
        if algorithm in used:
            await _rotate(m, _UPKEEP, vault, algorithm, ahead_s=AUTOMATIC_AHEAD_S)
    await current.reload(now=m.now())


async def rotate(
    m: Management, actor: Actor, vault: Vault, *, algorithm: str = "RS256", immediately: bool = False
) -> Rotation:
    """Let a new key take over in PUBLISH_AHEAD_S seconds, or immediately.

    A next key that waits already is the one: it is not rotated twice. Immediately, it signs from now on, and
    verifiers which know it not yet have to look again.
    """
    return await _rotate(m, actor, vault, algorithm, ahead_s=0 if immediately else PUBLISH_AHEAD_S)


async def _rotate(m: Management, actor: Actor, vault: Vault, algorithm: str, *, ahead_s: int) -> Rotation:
    now = m.now()
    async with m.database.transaction() as tx:
        newest = await signing_keys.newest(tx, algorithm)
        usable = [k for k in await signing_keys.in_use(tx, ended_after_s=now) if k.algorithm == algorithm]
    made, key = False, next((each for each in usable if each.waits(now)), None)
    if key is None:
        made, key = (
            True,
            await _make(
                vault, algorithm, after=newest, now=now, signs_from_s=now + ahead_s if usable else now
            ),
        )
    async with m.database.transaction() as tx:
        if made:
            made = await signing_keys.insert(tx, key)
        if not made:
            key = await signing_keys.newest(tx, algorithm) or key
            if ahead_s == 0 and await signing_keys.sign_at_once(tx, key.kid, now=now):
                made, key = True, replace(key, signs_from_s=now)
        if made:
            detail = {"algorithm": algorithm, "generation": key.generation, "signs_from_s": key.signs_from_s}
            await record(tx, m, actor, "signing_key.rotated", target_id=key.kid, detail=detail)
    if made:
        log.info("signing key rotated", extra={"kid": key.kid, **detail})
    return Rotation(_listed(key, now), made)


async def revoke(m: Management, actor: Actor, vault: Vault, kid: str) -> Revocation:
    """Take a key back, for good: it signs nothing more and leaves the key set.

    Its tokens are refused by whoever has fetched the key set since. When it was the one that signs, the next
    one signs from now on, or a new one. Raises NotFound.
    """
    now = m.now()
    async with m.database.transaction() as tx:
        key = await signing_keys.by_kid(tx, kid)
    if key is None:
        raise NotFound(f"There is no signing key {kid}.")
    if key.revoked_at_s is not None:
        return Revocation(_listed(key, now), None)
    # Made before the transaction, which must be short, and thrown away when it is not needed.
    spare = None
    if key.algorithm in m.catalogue.signing_algorithms():
        spare = await _make(vault, key.algorithm, after=key, now=now, signs_from_s=now)
    async with m.database.transaction() as tx:
        revoked = await signing_keys.revoke(tx, kid, now=now)
        successor = await _succeed(tx, spare, now) if revoked and spare is not None else None
        if revoked:
            detail = {"algorithm": key.algorithm, "successor": successor.kid if successor else None}
            await record(tx, m, actor, "signing_key.revoked", target_id=kid, detail=detail)
    if revoked:
        log.warning("signing key revoked", extra={"kid": kid, **detail})
    return Revocation(
        _listed(replace(key, revoked_at_s=now), now), _listed(successor, now) if successor else None
    )


async def _succeed(tx: Transaction, spare: StoredSigningKey, now: int) -> StoredSigningKey | None:
    """See to it that a key of the spare one's algorithm signs now: the one that took over, if it had to be.

    It looks anew as long as rivals, who rotate or revoke at the same moment, are faster.
    """
    while True:
        found = await signing_keys.in_use(tx, ended_after_s=now)
        usable = [key for key in found if key.algorithm == spare.algorithm]
        if any(key.signs(now) for key in usable):
            return None
        if usable:
            if await signing_keys.sign_at_once(tx, usable[0].kid, now=now):
                return replace(usable[0], signs_from_s=now)
            continue
        newest = await signing_keys.newest(tx, spare.algorithm)
        key = replace(spare, generation=newest.generation + 1 if newest else 1)
        if await signing_keys.insert(tx, key):
            return key


async def _make(
    vault: Vault, algorithm: str, *, after: StoredSigningKey | None, now: int, signs_from_s: int
) -> StoredSigningKey:
    # An RSA key takes some tenths of a second to find: not on the event loop.
    key = await asyncio.to_thread(SigningKey.generate, now=now, algorithm=algorithm)
    return StoredSigningKey(
        kid=key.kid,
        algorithm=algorithm,
        generation=after.generation + 1 if after else 1,
        public_jwk=json.dumps(key.public_jwk()),
        private_sealed=vault.seal(key.private_pem(), name=key.kid),
        created_at_s=now,
        signs_from_s=signs_from_s,
    )


def _open(stored: StoredSigningKey, vault: Vault) -> SigningKey:
    pem = vault.open(stored.private_sealed, name=stored.kid)
    key = SigningKey.from_private_pem(
        pem,
        algorithm=stored.algorithm,
        created_at_s=stored.created_at_s,
        signs_from_s=stored.signs_from_s,
    )
    if key.kid != stored.kid:
        raise MasterKeyError(f"the signing key {stored.kid} was damaged: its content has another name")
    return key


def _timed(key: SigningKey, stored: StoredSigningKey) -> SigningKey:
    return replace(key, signs_from_s=stored.signs_from_s, published_until_s=_published_until(stored))


def _published_until(stored: StoredSigningKey) -> int | None:
    if stored.revoked_at_s is not None:
        return stored.revoked_at_s
    return None if stored.superseded_at_s is None else stored.superseded_at_s + KEPT_S


def _listed(stored: StoredSigningKey, now: int) -> KeyListing:
    until = _published_until(stored)
    state: State = "retired"
    if stored.revoked_at_s is not None:
        state = "revoked"
    elif stored.waits(now):
        state = "next"
    elif stored.signs(now):
        state = "current"
    elif until is not None and now < until:
        state = "previous"
    return KeyListing(
        kid=stored.kid,
        algorithm=stored.algorithm,
        state=state,
        created_at_s=stored.created_at_s,
        signs_from_s=stored.signs_from_s,
        published_until_s=until,
        revoked_at_s=stored.revoked_at_s,
    )
