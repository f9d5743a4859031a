"""storage/grants.py and storage/consents.py"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import Standing
from keygrove.protocol.consent import Consent
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, companies, consents, grants, people
from keygrove.storage.consents import ConnectedApp, ConnectedBy
from keygrove.storage.database import Database, Transaction, UniqueViolation
from keygrove.storage.grants import StoredGrant
from storage.granted import (
    ACME,
    ANA,
    APP,
    BEA,
    CODE,
    CONSENT,
    GRANT,
    MAKER,
    NATIVE,
    add_companies_people_and_apps,
    add_grant,
    code_of,
)

STANDS = Standing(revoked=False, person_enabled=True, may_grant=True, allowed=CONSENT.scopes)


async def have_everything_elsewhere(tx: Transaction) -> None:
    """Let Ana be an admin of another company, and others allow this app or another all of it."""
    await tx.run("delete from members where person_id = $1", ANA.id)
    await people.add_member(tx, ANA.id, MAKER.id, role="admin", at_s=9)
    await consents.withdraw(tx, APP.client_id, ACME.id)
    for subject, company_id, client_id in (
        (ANA.id, MAKER.id, APP.client_id),
        (BEA.id, ACME.id, APP.client_id),
        (ANA.id, ACME.id, NATIVE.client_id),
    ):
        await consents.give(tx, Consent(subject, company_id, CONSENT.scopes), client_id, at_s=9)


# What happens to a grant, and what is true of it then.
TROUBLES: dict[str, tuple[Callable[[Transaction], Awaitable[object]], Standing]] = {
    "revoked": (lambda tx: grants.revoke(tx, "g1", at_s=9), replace(STANDS, revoked=True)),
    "the person disabled": (
        lambda tx: people.set_disabled(tx, ANA.id, 9),
        replace(STANDS, person_enabled=False),
    ),
    "the role lost": (
        lambda tx: people.add_member(tx, ANA.id, ACME.id, role="auditor", at_s=9),
        replace(STANDS, may_grant=False),
    ),
    "left the company": (
        lambda tx: tx.run("delete from members where person_id = $1", ANA.id),
        replace(STANDS, may_grant=False),
    ),
    "the company suspended": (
        lambda tx: companies.set_suspended(tx, ACME.id, 9),
        replace(STANDS, may_grant=False),
    ),
    "withdrawn": (
        lambda tx: consents.withdraw(tx, APP.client_id, ACME.id),
        replace(STANDS, allowed=frozenset()),
    ),
    "another password": (
        lambda tx: people.set_password(tx, ANA.id, "$argon2id$y", at_s=77),
        replace(STANDS, password_changed_at=77),
    ),
    "more allowed": (
        lambda tx: consents.give(tx, Consent(ANA.id, ACME.id, frozenset({"booking.read"})), "app1", at_s=9),
        replace(STANDS, allowed=CONSENT.scopes | {"booking.read"}),
    ),
    "all of it elsewhere": (
        have_everything_elsewhere,
        replace(STANDS, may_grant=False, allowed=frozenset()),
    ),
    "somebody else disabled": (lambda tx: people.set_disabled(tx, BEA.id, 9), STANDS),
    "another company suspended": (lambda tx: companies.set_suspended(tx, MAKER.id, 9), STANDS),
    "another app disconnected": (lambda tx: consents.withdraw(tx, NATIVE.client_id, ACME.id), STANDS),
}
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def beginning(database: Database) -> None:
    """An app that Ana connected."""
    await add_companies_people_and_apps(database)


class TestGrants:
    """storage/grants.py"""

    async def test_a_grant_is_read_back_as_it_was_written(self, database: Database) -> None:
        """By the digest of its code and by its id, exactly."""
        assert await add_grant(database)
        async with database.transaction() as tx:
            assert await grants.by_code(tx, "code of g1") == (CODE, STANDS)
            assert await grants.by_id(tx, "g1") == StoredGrant(
                grant=GRANT, standing=STANDS, created_at_s=100, refresh_generation=0, refreshed_at_s=None
            )
            for other in ("g1", "CODE OF G1", "", "code of g%"):
                assert await grants.by_code(tx, other) is None
            assert await grants.by_id(tx, "G1") is None

    async def test_a_grant_without_what_is_optional(self, database: Database) -> None:
        """Nothing is not an empty text."""
        bare = replace(
            GRANT, acr=None, nonce=None, amr=(), id_token_claims=frozenset(), userinfo_claims=frozenset()
        )
        code = replace(CODE, grant=bare, code_challenge=None)
        assert await add_grant(database, code)
        async with database.transaction() as tx:
            assert await grants.by_code(tx, "code of g1") == (code, STANDS)

    async def test_an_interaction_ends_in_one_grant(self, database: Database) -> None:
        """The second time nothing is written; two codes of one digest are an error."""
        assert await add_grant(database)
        async with database.transaction() as tx:
            again = code_of("g2")
            assert not await grants.insert(
                tx, again, code_digest="another", interaction_id="i of g1", created_at_s=101
            )
            assert await grants.by_code(tx, "another") is None
            assert await grants.by_id(tx, "g2") is None

        async def same_digest() -> None:
            async with database.transaction() as tx:
                await grants.insert(
                    tx, code_of("g3"), code_digest="code of g1", interaction_id="i3", created_at_s=101
                )

        with pytest.raises(UniqueViolation):
            await same_digest()

    async def test_a_code_is_spent_once(self, database: Database) -> None:
        """It is remembered as spent; one of a revoked grant, or of none, cannot be."""
        await add_grant(database)
        await add_grant(database, code_of("g2"))
        async with database.transaction() as tx:
            assert await grants.spend_code(tx, "g1", at_s=110)
            assert not await grants.spend_code(tx, "g1", at_s=110)
            assert await grants.by_code(tx, "code of g1") == (replace(CODE, spent=True), STANDS)
            await grants.revoke(tx, "g2", at_s=111)
            assert not await grants.spend_code(tx, "g2", at_s=112)
            assert not await grants.spend_code(tx, "g3", at_s=112)

    async def test_generations_follow_each_other(self, database: Database) -> None:
        """Each one once, in their order, while the grant is not revoked."""
        await add_grant(database)
        async with database.transaction() as tx:
            assert await grants.start_refresh(tx, "g1", at_s=110)
            assert not await grants.start_refresh(tx, "g1", at_s=110)
            assert not await grants.rotate(tx, "g1", generation=2, at_s=120)
            assert await grants.rotate(tx, "g1", generation=1, at_s=120)
            assert not await grants.rotate(tx, "g1", generation=1, at_s=121)
            assert await grants.rotate(tx, "g1", generation=2, at_s=130)
            found = await grants.by_id(tx, "g1")
            assert found is not None
            assert (found.refresh_generation, found.refreshed_at_s, found.created_at_s) == (3, 130, 100)
            assert await grants.revoke(tx, "g1", at_s=140)
            assert not await grants.revoke(tx, "g1", at_s=141)
            assert not await grants.rotate(tx, "g1", generation=3, at_s=142)
            found = await grants.by_id(tx, "g1")
            assert found is not None
            assert (found.refresh_generation, found.standing) == (3, replace(STANDS, revoked=True))
            assert not await grants.revoke(tx, "nothing", at_s=141)

    @pytest.mark.parametrize("trouble", TROUBLES)
    async def test_what_is_true_of_a_grant_is_read_with_it(self, database: Database, trouble: str) -> None:
        """As it is at that moment, by code and by id alike."""
        await add_grant(database)
        act, expected = TROUBLES[trouble]
        async with database.transaction() as tx:
            await act(tx)
        async with database.transaction() as tx:
            by_code, by_id = await grants.by_code(tx, "code of g1"), await grants.by_id(tx, "g1")
        assert by_code is not None
        assert by_id is not None
        assert by_code[1] == by_id.standing == expected

    async def test_revoking_many_touches_theirs_only(self, database: Database) -> None:
        """Of one app in one company, or of one person."""
        await add_grant(database)
        await add_grant(database, code_of("g2", subject=BEA.id))
        await add_grant(database, code_of("g3", company_id=MAKER.id))
        await add_grant(database, code_of("g4", client_id=NATIVE.client_id))

        async def revoked(tx: Transaction) -> set[str]:
            found = [await grants.by_id(tx, name) for name in ("g1", "g2", "g3", "g4")]
            return {one.grant.grant_id for one in found if one is not None and one.standing.revoked}

        async with database.transaction() as tx:
            assert await grants.revoke_of_app(tx, APP.client_id, ACME.id, at_s=200) == 2
            assert await revoked(tx) == {"g1", "g2"}
            assert await grants.revoke_of_app(tx, APP.client_id, ACME.id, at_s=201) == 0
            assert await grants.revoke_of_person(tx, ANA.id, at_s=202) == 2
            assert await revoked(tx) == {"g1", "g2", "g3", "g4"}

    async def test_the_latest_company_is_that_of_the_newest_grant(self, database: Database) -> None:
        """Of this person and this app."""
        await add_grant(database)
        await add_grant(database, code_of("g2", company_id=MAKER.id), created_at_s=150)
        await add_grant(database, code_of("g3", subject=BEA.id), created_at_s=160)
        await add_grant(database, code_of("g4", client_id=NATIVE.client_id), created_at_s=170)
        async with database.transaction() as tx:
            assert await grants.latest_company(tx, APP.client_id, ANA.id) == MAKER.id
            assert await grants.latest_company(tx, APP.client_id, BEA.id) == ACME.id
            assert await grants.latest_company(tx, NATIVE.client_id, BEA.id) is None

    async def test_what_can_give_nothing_any_more_is_forgotten(self, database: Database) -> None:
        """To the second: without refresh token, revoked, unused for too long, too old."""
        for name, created_at_s in (
            ("brief", 999),
            ("brief and young", 1000),
            ("revoked", 700),
            ("revoked lately", 700),
            ("idle", 700),
            ("in use", 700),
            ("too old", 499),
        ):
            assert await add_grant(database, code_of(name), created_at_s=created_at_s)
        async with database.transaction() as tx:
            await grants.spend_code(tx, "brief", at_s=999)
            for name, at_s in (("idle", 799), ("in use", 800), ("too old", 1000)):
                await grants.start_refresh(tx, name, at_s=at_s)
            for name, at_s in (("revoked", 999), ("revoked lately", 1000)):
                await grants.start_refresh(tx, name, at_s=990)
                await grants.revoke(tx, name, at_s=at_s)
            assert await grants.forget(tx, before_s=1000, idle_before_s=800, absolute_before_s=500) == 4
            for name, kept in (
                ("brief", False),
                ("brief and young", True),
                ("revoked", False),
                ("revoked lately", True),
                ("idle", False),
                ("in use", True),
                ("too old", False),
            ):
                assert (await grants.by_id(tx, name) is not None) is kept


class TestConsents:
    """storage/consents.py"""

    async def test_a_consent_grows_and_is_withdrawn_as_a_whole(self, database: Database) -> None:
        """Of one app for one company; others stay."""
        more = Consent(ANA.id, ACME.id, frozenset({"booking.read"}))
        elsewhere = Consent(ANA.id, MAKER.id, frozenset({"profile"}))
        bea = Consent(BEA.id, ACME.id, frozenset({"email"}))
        async with database.transaction() as tx:
            for consent in (more, elsewhere, bea):
                await consents.give(tx, consent, "app1", at_s=95)
            await consents.give(tx, CONSENT, "app2", at_s=95)
            assert await consents.of_person(tx, "app1", ANA.id) == {
                ACME.id: CONSENT.scopes | more.scopes,
                MAKER.id: elsewhere.scopes,
            }
            assert await consents.of_person(tx, "app3", ANA.id) == {}
            assert await consents.of_company(tx, "app1", ACME.id) == CONSENT.scopes | more.scopes | bea.scopes
            assert await consents.of_company(tx, "app3", ACME.id) == frozenset()
            assert await consents.withdraw(tx, "app1", ACME.id) == 2
            assert await consents.withdraw(tx, "app1", ACME.id) == 0
            assert await consents.of_person(tx, "app1", ANA.id) == {MAKER.id: elsewhere.scopes}
            assert await consents.of_person(tx, "app2", ANA.id) == {ACME.id: CONSENT.scopes}

    async def test_connected_apps_say_who_connected_them_and_when(self, database: Database) -> None:
        """By name, with all that somebody allows and the last token of that company; suspended ones too."""
        async with database.transaction() as tx:
            assert await consents.connected(tx, MAKER.id) == []
            await consents.give(tx, Consent(ANA.id, MAKER.id, frozenset({"profile"})), "app1", at_s=60)
            await consents.give(tx, Consent(BEA.id, ACME.id, frozenset({"booking.read"})), "app1", at_s=80)
            await consents.give(tx, CONSENT, "app1", at_s=99)
            await consents.give(tx, CONSENT, "app2", at_s=98)
        await add_grant(database)
        await add_grant(database, code_of("g2", company_id=MAKER.id))
        async with database.transaction() as tx:
            await grants.spend_code(tx, "g1", at_s=110)
            await grants.start_refresh(tx, "g1", at_s=110)
            await grants.rotate(tx, "g1", generation=1, at_s=120)
            await grants.spend_code(tx, "g2", at_s=130)
            found = await consents.connected(tx, ACME.id)
        scope = Scope(("event.read", "offline", "openid"))
        ana = ConnectedBy(
            person_id=ANA.id, name="Ana", email=ANA.email, scope=scope, given_at_s=90, changed_at_s=99
        )
        bea = ConnectedBy(
            person_id=BEA.id,
            name="Bea",
            email=BEA.email,
            scope=Scope(("booking.read",)),
            given_at_s=80,
            changed_at_s=80,
        )
        first = ConnectedApp(
            client_id="app1",
            name="Marketplace",
            maker="Maker",
            logo_uri=APP.logo_uri,
            state="live",
            verified_at_s=20,
            people=(bea, ana),
            scope=Scope(("booking.read", *scope.tokens)),
            last_used_at_s=120,
            has_access=True,
            is_removed=False,
        )
        second = replace(
            first,
            client_id="app2",
            name="Pocket",
            logo_uri=None,
            state="draft",
            verified_at_s=None,
            people=(replace(ana, given_at_s=98, changed_at_s=98),),
            scope=scope,
            last_used_at_s=None,
            has_access=False,
        )
        assert found == [first, second]
        async with database.transaction() as tx:
            await grants.revoke(tx, "g1", at_s=140)
            await apps.remove(tx, "app1", at_s=150)
            found = await consents.connected(tx, ACME.id)
        assert found == [replace(first, has_access=False, is_removed=True), second]
