"""The issuer's signing keys: opened by their own master key only, rotated once, taken back for good."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from altered import altered
from clocks import NOW, Clock
from keygrove.crypto.jose import SigningKey
from keygrove.crypto.vault import MasterKeyError, Vault
from keygrove.management import signing_keys
from keygrove.management.catalogue import SAMPLE, Catalogue
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import NotFound
from keygrove.management.signing_keys import (
    AUTOMATIC_AHEAD_S,
    KEPT_S,
    PUBLISH_AHEAD_S,
    CurrentKeyring,
    due,
    ensure,
    listing,
    load,
    revoke,
    rotate,
    rotate_when_due,
)
from recorded import Journal
from stores import Store

VAULT = Vault(b"m" * 32)
BOTH = Catalogue((replace(SAMPLE.apis[0], signing_algorithm="ES256"),))
DAY_S = 24 * 3600
pytestmark = pytest.mark.anyio


async def states(m: Management) -> list[tuple[str, str]]:
    """Kid and state of every key, newest first."""
    return [(key.kid, key.state) for key in await listing(m)]


async def published(m: Management) -> list[str]:
    """The kids of the key set at this moment, of a server that has just read them."""
    ring = await load(m.database, VAULT, now=m.now())
    return [jwk["kid"] for jwk in ring.jwks(m.now())["keys"]]


async def signing(m: Management, algorithm: str = "RS256") -> str:
    """The kid of the key that signs at this moment."""
    return (await load(m.database, VAULT, now=m.now())).current(algorithm, m.now()).kid


async def test_two_that_start_at_once_make_one_key(store: Store, journal: Journal) -> None:
    """Both open it, and the private part is nowhere in the clear."""
    first, second = await store.open(), await store.open()
    assert not await signing_keys.exist(first)
    await asyncio.gather(*(ensure(one, VAULT, now=int(NOW)) for one in (first, second)))
    assert await signing_keys.exist(second)
    rings = [await load(one, VAULT, now=int(NOW)) for one in (first, second)]
    assert rings[0] == rings[1]
    assert len(rings[0].jwks(int(NOW))["keys"]) == 1
    assert "PRIVATE" not in journal.everything_stored()
    before = journal.everything_stored()
    await ensure(first, VAULT, now=int(NOW) + 1)
    assert journal.everything_stored() == before
    await first.close()
    await second.close()


def store_one(store: Store, kid: str, sealed: str) -> None:
    """Change the only signing key, from beside."""
    store.execute(f"update signing_keys set kid = '{kid}', private_sealed = '{sealed}'")  # noqa: S608


async def test_what_does_not_open_is_refused(store: Store) -> None:
    """Another master key, no key at all, a damaged one, one under another name: each stops the start."""
    database, now = await store.open(), int(NOW)
    with pytest.raises(MasterKeyError, match="no signing key"):
        await load(database, VAULT, now=now)
    await ensure(database, VAULT, now=now)
    with pytest.raises(MasterKeyError, match="master key does not open"):
        await load(database, Vault(b"n" * 32), now=now)
    ((kid, sealed),) = store.query("select kid, private_sealed from signing_keys")
    assert isinstance(kid, str)
    assert isinstance(sealed, str)
    flipped = altered(sealed, 40)
    store_one(store, kid, flipped)
    with pytest.raises(MasterKeyError):
        await load(database, VAULT, now=now)
    store_one(store, "another", VAULT.seal(VAULT.open(sealed, name=kid), name="another"))
    with pytest.raises(MasterKeyError, match="damaged"):
        await load(database, VAULT, now=now)
    store_one(store, kid, sealed)
    await load(database, VAULT, now=now)
    await database.close()


async def test_the_stored_public_part_has_no_private_members(m: Management, store: Store) -> None:
    """RFC 7517 §9.2: what is public shows public members only."""
    await ensure(m.database, VAULT, now=m.now(), algorithms=("RS256", "ES256"))
    rows = store.query("select public_jwk from signing_keys order by algorithm")
    members = [set(json.loads(str(public))) - {"kty", "use", "alg", "kid"} for (public,) in rows]
    assert members == [{"crv", "x", "y"}, {"n", "e"}]


async def test_a_first_key_of_an_algorithm_signs_at_once(m: Management, clock: Clock) -> None:
    """At the first start, and when an API is switched to ES256."""
    await ensure(m.database, VAULT, now=m.now())
    rs256 = await signing(m)
    clock.pass_by(DAY_S)
    await ensure(m.database, VAULT, now=m.now(), algorithms=BOTH.signing_algorithms())
    assert await signing(m) == rs256
    assert set(await published(m)) == {rs256, await signing(m, "ES256")}


async def test_a_rotation_publishes_first_and_signs_later(
    m: Management, clock: Clock, journal: Journal
) -> None:
    """Next, current, previous, retired: time alone moves a key on."""
    await ensure(m.database, VAULT, now=m.now())
    old = await signing(m)
    turned = await rotate(m, OPERATOR, VAULT)
    new = turned.key.kid
    assert (turned.made, turned.key.state) == (True, "next")
    assert turned.key.signs_from_s == m.now() + PUBLISH_AHEAD_S
    assert await states(m) == [(new, "next"), (old, "current")]
    assert (await signing(m), await published(m)) == (old, [new, old])
    clock.pass_by(PUBLISH_AHEAD_S - 1)
    assert await signing(m) == old
    clock.pass_by(1)
    assert await states(m) == [(new, "current"), (old, "previous")]
    assert (await signing(m), await published(m)) == (new, [new, old])
    clock.pass_by(KEPT_S - 1)
    assert await published(m) == [new, old]
    clock.pass_by(1)
    assert await states(m) == [(new, "current"), (old, "retired")]
    assert await published(m) == [new]
    (line,) = journal.lines("signing_key.rotated")
    assert (line["actor_kind"], line["target_id"], line["detail"]["generation"]) == ("cli", new, 2)


async def test_a_rotation_under_way_is_not_made_twice(m: Management, journal: Journal) -> None:
    """The second operator is told of the key that waits; with --now it signs at once, and that once."""
    await ensure(m.database, VAULT, now=m.now())
    first, second = [await rotate(m, OPERATOR, VAULT) for _ in range(2)]
    assert (second.made, second.key) == (False, first.key)
    hastened = await rotate(m, OPERATOR, VAULT, immediately=True)
    assert (hastened.made, hastened.key.kid, hastened.key.state) == (True, first.key.kid, "current")
    assert await signing(m) == first.key.kid
    assert len(await states(m)) == 2
    assert len(journal.lines("signing_key.rotated")) == 2


@pytest.mark.parametrize("immediately", [False, True])
async def test_f15_two_nodes_that_rotate_at_once_make_one_rotation(
    m: Management, store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch, immediately: bool
) -> None:
    """Both report the same key, and only one says that it made it."""
    await ensure(m.database, VAULT, now=m.now())
    other = replace(m, database=await store.open())
    all_have_looked, make = asyncio.Barrier(4), signing_keys._make

    async def make_once_all_have_looked(*args: Any, **options: Any) -> Any:
        await all_have_looked.wait()
        return await make(*args, **options)

    monkeypatch.setattr(signing_keys, "_make", make_once_all_have_looked)
    turned = await asyncio.gather(
        *(rotate(each, OPERATOR, VAULT, immediately=immediately) for each in (m, other, m, other))
    )
    assert len({each.key.kid for each in turned}) == 1
    assert sum(each.made for each in turned) == 1
    assert len(await states(m)) == 2
    assert len(journal.lines("signing_key.rotated")) == 1
    await other.database.close()


async def test_a_revoked_key_leaves_the_set_at_once_and_the_next_one_signs(
    m: Management, clock: Clock, journal: Journal
) -> None:
    """J29: the one that signed; its successor waits no longer."""
    await ensure(m.database, VAULT, now=m.now())
    old = await signing(m)
    new = (await rotate(m, OPERATOR, VAULT)).key.kid
    clock.pass_by(60)
    done = await revoke(m, OPERATOR, VAULT, old)
    assert (done.key.state, done.key.revoked_at_s) == ("revoked", m.now())
    assert done.successor is not None
    assert (done.successor.kid, done.successor.state) == (new, "current")
    assert (await signing(m), await published(m)) == (new, [new])
    again = await revoke(m, OPERATOR, VAULT, old)
    assert (again.key, again.successor) == (done.key, None)
    (line,) = journal.lines("signing_key.revoked")
    assert (line["target_id"], line["detail"]["successor"]) == (old, new)
    with pytest.raises(NotFound):
        await revoke(m, OPERATOR, VAULT, "nobody")


async def test_the_last_key_is_not_revoked_without_a_successor(m: Management, clock: Clock) -> None:
    """A new one is made in its place; an older one, which was retired, does not come back."""
    await ensure(m.database, VAULT, now=m.now())
    oldest = await signing(m)
    second = (await rotate(m, OPERATOR, VAULT, immediately=True)).key.kid
    clock.pass_by(60)
    third = (await revoke(m, OPERATOR, VAULT, second)).successor
    assert third is not None
    assert third.kid not in (oldest, second)
    assert await states(m) == [(third.kid, "current"), (second, "revoked"), (oldest, "previous")]
    clock.pass_by(KEPT_S)
    fourth = (await revoke(m, OPERATOR, VAULT, third.kid)).successor
    assert fourth is not None
    assert await published(m) == [fourth.kid]
    assert (await states(m))[-1] == (oldest, "retired")


async def test_revoking_a_key_that_does_not_sign_changes_nothing_else(m: Management, clock: Clock) -> None:
    """Neither the next one nor a previous one; the next rotation counts on."""
    await ensure(m.database, VAULT, now=m.now())
    first = await signing(m)
    waiting = (await rotate(m, OPERATOR, VAULT)).key.kid
    assert (await revoke(m, OPERATOR, VAULT, waiting)).successor is None
    assert (await signing(m), await published(m)) == (first, [first])
    second = await rotate(m, OPERATOR, VAULT, immediately=True)
    assert second.made
    assert (await revoke(m, OPERATOR, VAULT, first)).successor is None
    assert (await signing(m), await published(m)) == (second.key.kid, [second.key.kid])


async def test_two_that_revoke_everything_at_once_leave_a_key(m: Management, store: Store) -> None:
    """The one that signs and the one that waits."""
    await ensure(m.database, VAULT, now=m.now())
    kids = [await signing(m), (await rotate(m, OPERATOR, VAULT)).key.kid]
    other = replace(m, database=await store.open())
    await asyncio.gather(
        *(revoke(each, OPERATOR, VAULT, kid) for each, kid in zip((m, other), kids, strict=True))
    )
    assert await signing(m) not in kids
    assert sorted(state for _, state in await states(m)) == ["current", "revoked", "revoked"]
    await other.database.close()


async def test_a_key_of_an_algorithm_that_no_api_uses_gets_no_successor(m: Management) -> None:
    """It just goes."""
    await ensure(m.database, VAULT, now=m.now(), algorithms=("RS256", "ES256"))
    elliptic = await signing(m, "ES256")
    assert (await revoke(m, OPERATOR, VAULT, elliptic)).successor is None
    assert await published(m) == [await signing(m)]


def aged(age_s: int, *, signs_in_s: int | None = None) -> SigningKey:
    """A key that has signed for `age_s` seconds at NOW, or will sign in some."""
    began = int(NOW) - age_s if signs_in_s is None else int(NOW) + signs_in_s
    return SigningKey(
        kid=str(began),
        algorithm="RS256",
        created_at_s=int(NOW) - age_s,
        signs_from_s=began,
        key=SigningKey.generate(now=0, algorithm="ES256").key,
    )


@pytest.mark.parametrize(
    ("keys", "days", "is_due"),
    [
        ([aged(90 * DAY_S - AUTOMATIC_AHEAD_S)], 90, True),
        ([aged(90 * DAY_S - AUTOMATIC_AHEAD_S - 1)], 90, False),
        ([aged(1000 * DAY_S)], 0, False),
        ([aged(0)], 1, True),
        ([aged(1000 * DAY_S, signs_in_s=1), aged(90 * DAY_S)], 90, False),
        ([aged(90 * DAY_S), aged(5)], 90, False),
        # A key from before there were rotations: it has signed since it was made.
        ([replace(aged(5), signs_from_s=0)], 90, False),
        ([replace(aged(90 * DAY_S), signs_from_s=0)], 90, True),
        ([], 90, False),
    ],
)
def test_a_rotation_is_due_so_that_a_key_signs_for_its_period(
    keys: list[SigningKey], days: int, is_due: bool
) -> None:
    """The next key is published a day before the period ends; once it is, nothing is due."""
    assert due(keys, int(NOW), days * DAY_S) == (("RS256",) if is_due else ())


async def test_f15_nodes_that_all_find_a_rotation_due_make_one(
    m: Management, clock: Clock, store: Store, journal: Journal
) -> None:
    """Each algorithm in use is rotated by itself, a day ahead, under the system's name."""
    m = replace(m, catalogue=BOTH)
    other = replace(m, database=await store.open())
    await ensure(m.database, VAULT, now=m.now(), algorithms=BOTH.signing_algorithms())
    rings = [
        CurrentKeyring(each.database, VAULT, await load(each.database, VAULT, now=m.now()))
        for each in (m, other)
    ]

    async def keep() -> None:
        await asyncio.gather(
            *(
                rotate_when_due(each, VAULT, ring, period_s=90 * DAY_S)
                for each, ring in zip((m, other), rings, strict=True)
            )
        )

    await keep()
    assert journal.lines() == []
    clock.pass_by(89 * DAY_S)
    await keep()
    await keep()
    lines = journal.lines("signing_key.rotated")
    assert sorted(line["detail"]["algorithm"] for line in lines) == ["ES256", "RS256"]
    assert {(line["actor_kind"], line["detail"]["signs_from_s"]) for line in lines} == {
        ("system", m.now() + AUTOMATIC_AHEAD_S)
    }
    assert rings[0]().jwks(m.now()) == rings[1]().jwks(m.now())
    assert len(rings[0]().keys) == 4
    await other.database.close()


async def test_a_key_opened_once_is_not_opened_again(m: Management, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reloading costs one query while nothing changes; a failed one leaves the keys as they are."""
    await ensure(m.database, VAULT, now=m.now())
    current = CurrentKeyring(m.database, VAULT, await load(m.database, VAULT, now=m.now()))
    before = current()

    def stay_shut(*_: object, **__: object) -> bytes:
        raise MasterKeyError("it was opened again")

    monkeypatch.setattr(Vault, "open", stay_shut)
    await current.reload(now=m.now())
    assert current() is before
    await rotate(m, OPERATOR, VAULT, immediately=True)
    with pytest.raises(MasterKeyError):
        await current.reload(now=m.now())
    assert current() is before
    monkeypatch.undo()
    await current.reload(now=m.now())
    assert len(current().keys) == 2
