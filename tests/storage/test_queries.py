"""Every query function, on every database."""

from dataclasses import replace
from functools import partial

import pytest

from keygrove.protocol.scope import Scope
from keygrove.storage import clients, companies, journal, people, sessions
from keygrove.storage.clients import ClientListing
from keygrove.storage.companies import Company
from keygrove.storage.database import Database, UniqueViolation
from keygrove.storage.journal import Event
from keygrove.storage.people import Membership, Person
from keygrove.storage.sessions import Failures, StoredSession
from recorded import events_of

ACME = Company(id="a" * 32, slug="acme", name="Acme", created_at_s=1)
OTHER = Company(id="b" * 32, slug="other", name="Other", created_at_s=2)
ANA = Person(id="kg_pe_1", email="Ana@acme.example", name="Ana", created_at_s=3)
KEY = ClientListing(
    client_id="c1",
    client_name="Newsletter",
    scope=Scope(("booking.read", "marketing.read")),
    audience="https://api.example",
    company_id=ACME.id,
    created_at_s=10,
    created_by="Ana",
    updated_at_s=10,
)
EVENT = Event(
    id="e1",
    at_us=1_700_000_000_000_000,
    actor_kind="person",
    actor_id=ANA.id,
    actor_name="Ana",
    company_id=ACME.id,
    action="key.created",
    target_id="c1",
    outcome="done",
    detail='{"name": "x"}',
    address="127.0.0.1",
    request_id="r1",
)
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def companies_and_a_person(database: Database) -> None:
    """What clients and sessions refer to."""
    async with database.transaction() as tx:
        assert await companies.insert(tx, ACME)
        assert await companies.insert(tx, OTHER)
        assert await people.insert(tx, ANA, email_key="ana@acme.example", password_hash="$argon2id$x")


async def insert(database: Database, listing: ClientListing = KEY, *, name_key: str = "") -> bool:
    """Add a client whose secret's digest is `d`."""
    async with database.transaction() as tx:
        return await clients.insert(
            tx,
            listing,
            name_key=name_key or listing.client_name.casefold(),
            secret_digest="d",
            grant_types="client_credentials",
        )


class TestClients:
    """storage/clients.py"""

    async def test_a_client_is_found_by_its_exact_id(self, database: Database) -> None:
        """As the protocol knows it; another case or a blank is another id."""
        await insert(database)
        async with database.transaction() as tx:
            client = await clients.by_id(tx, "c1")
            assert client is not None
            assert (client.client_id, client.secret_digest, client.company_id) == ("c1", "d", ACME.id)
            assert client.grant_types == {"client_credentials"}
            assert client.scope == KEY.scope
            assert client.audience == "https://api.example"
            assert client.enabled
            for other in ("C1", "c1 ", "c", "", "c%", "c1' or '1'='1"):
                assert await clients.by_id(tx, other) is None

    async def test_a_removed_client_is_not_enabled(self, database: Database) -> None:
        """Its row stays for the record; only its own company can remove it, and once."""
        await insert(database)
        async with database.transaction() as tx:
            assert not await clients.remove(tx, OTHER.id, "c1", at_s=20)
            assert await clients.remove(tx, ACME.id, "c1", at_s=20)
            assert not await clients.remove(tx, ACME.id, "c1", at_s=21)
            client = await clients.by_id(tx, "c1")
            assert client is not None
            assert not client.enabled
            assert await clients.active(tx, ACME.id, "c1") is None
            assert await clients.count_active(tx, ACME.id) == 0

    async def test_a_suspended_companys_client_is_not_enabled(self, database: Database) -> None:
        """Until the company is resumed."""
        await insert(database)
        async with database.transaction() as tx:
            for at_s, enabled in ((5, False), (None, True)):
                assert await companies.set_suspended(tx, ACME.id, at_s)
                client = await clients.by_id(tx, "c1")
                assert client is not None
                assert client.enabled is enabled

    async def test_a_listing_belongs_to_its_company(self, database: Database) -> None:
        """The same id asked for by another company is nothing."""
        await insert(database)
        async with database.transaction() as tx:
            assert await clients.active(tx, ACME.id, "c1") == KEY
            assert await clients.active(tx, OTHER.id, "c1") is None

    async def test_two_active_clients_of_a_company_never_share_a_name(self, database: Database) -> None:
        """A removed one gives its name free, and another company may use it."""
        assert await insert(database)
        assert not await insert(database, replace(KEY, client_id="c2"))
        assert await insert(database, replace(KEY, client_id="c3", company_id=OTHER.id))
        async with database.transaction() as tx:
            await clients.remove(tx, ACME.id, "c1", at_s=20)
        assert await insert(database, replace(KEY, client_id="c2"))

    async def test_an_update_changes_name_scope_and_time(self, database: Database) -> None:
        """Nothing else, and only of an active client."""
        await insert(database)
        changed = replace(KEY, client_name="Sync", scope=Scope(("event.read",)), updated_at_s=30)
        async with database.transaction() as tx:
            assert await clients.update(tx, changed, name_key="sync", was=KEY)
            assert await clients.active(tx, ACME.id, "c1") == changed
            await clients.remove(tx, ACME.id, "c1", at_s=20)
            assert not await clients.update(tx, KEY, name_key="newsletter", was=changed)

    async def test_an_update_of_what_has_changed_since_is_none(self, database: Database) -> None:
        """Whoever looked at an older state must look again."""
        await insert(database)
        renamed = replace(KEY, client_name="Sync", updated_at_s=30)
        narrowed = replace(KEY, scope=Scope(("booking.read",)), updated_at_s=31)
        async with database.transaction() as tx:
            assert await clients.update(tx, renamed, name_key="sync", was=KEY)
            assert not await clients.update(tx, narrowed, name_key="newsletter", was=KEY)
            assert await clients.active(tx, ACME.id, "c1") == renamed

    async def test_an_update_to_a_name_that_is_taken_is_a_unique_violation(self, database: Database) -> None:
        """The index is the judge, not a look before."""
        await insert(database)
        second = replace(KEY, client_id="c2", client_name="Sync")
        await insert(database, second)

        async def rename() -> None:
            async with database.transaction() as tx:
                await clients.update(
                    tx, replace(second, client_name="Newsletter"), name_key="newsletter", was=second
                )

        with pytest.raises(UniqueViolation):
            await rename()

    async def test_pages_come_by_name_and_each_client_once(self, database: Database) -> None:
        """From the position of the last one; removed and foreign ones are left out."""
        for number in (3, 1, 2, 5, 4):
            await insert(database, replace(KEY, client_id=f"c{number}", client_name=f"Key {number}"))
        await insert(database, replace(KEY, client_id="f", company_id=OTHER.id))
        async with database.transaction() as tx:
            await clients.remove(tx, ACME.id, "c4", at_s=20)
            first = await clients.page(tx, ACME.id, search="", after=("", ""), limit=2)
            rest = await clients.page(tx, ACME.id, search="", after=("key 2", "c2"), limit=9)
            assert [one.client_id for one in first] == ["c1", "c2"]
            assert [one.client_id for one in rest] == ["c3", "c5"]
            assert await clients.count_active(tx, ACME.id) == 4

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("", ["c1", "c2"]),
            ("NEWS", ["c1"]),
            ("c2", ["c2"]),
            ("event.read", ["c2"]),
            ("ÉA", ["c2"]),
            ("éa o'", ["c2"]),
            ("a", ["c1", "c2"]),
            ("%", []),
            ("_", ["c2"]),
            ("!", []),
            ("' or 1=1 --", []),
            ("(a+)+$", []),
        ],
    )
    async def test_search_finds_parts_and_knows_no_wildcards(
        self, database: Database, search: str, found: list[str]
    ) -> None:
        """In names without case, in ids, scopes and creators; `%` and `_` stand for themselves."""
        await insert(database)
        other = replace(
            KEY,
            client_id="c2",
            client_name="Under_score",
            scope=Scope(("event.read",)),
            created_by="BÉA O'Neil_",
        )
        await insert(database, other)
        async with database.transaction() as tx:
            page = await clients.page(tx, ACME.id, search=search, after=("", ""), limit=9)
        assert [one.client_id for one in page] == found

    async def test_search_finds_keys_of_any_number_of_makers(self, database: Database) -> None:
        """Of more than a statement names one by one."""
        for number in range(40):
            one = replace(KEY, client_id=f"c{number:02}", client_name=f"{number}", created_by=f"Éva {number}")
            await insert(database, one)
        async with database.transaction() as tx:
            page = await clients.page(tx, ACME.id, search="éva", after=("", ""), limit=99)
        assert len(page) == 40

    async def test_a_form_makes_one_client(self, database: Database) -> None:
        """The second time it is told which, also when that was removed; another company is told nothing."""
        await insert(database)
        async with database.transaction() as tx:
            assert await clients.remember_creation(tx, "digest", "c1", at_s=10)
            assert not await clients.remember_creation(tx, "digest", "c2", at_s=11)
            assert await clients.created_by_form(tx, ACME.id, "digest") == KEY
            assert await clients.created_by_form(tx, OTHER.id, "digest") is None
            assert await clients.created_by_form(tx, ACME.id, "other") is None
            await clients.remove(tx, ACME.id, "c1", at_s=20)
            assert await clients.created_by_form(tx, ACME.id, "digest") == KEY


class TestCompaniesAndPeople:
    """storage/companies.py and storage/people.py"""

    async def test_a_slug_is_given_once(self, database: Database) -> None:
        """A name may come twice."""
        async with database.transaction() as tx:
            assert not await companies.insert(tx, replace(OTHER, id="c" * 32, slug="acme"))
            assert await companies.insert(tx, replace(OTHER, id="c" * 32, slug="other-2"))

    async def test_companies_are_listed_by_name(self, database: Database) -> None:
        """And found by id, suspended or not."""
        async with database.transaction() as tx:
            assert await companies.all_by_name(tx) == [ACME, OTHER]
            assert await companies.by_id(tx, ACME.id) == ACME
            assert await companies.by_id(tx, "x") is None
            assert await companies.set_suspended(tx, ACME.id, 9)
            assert await companies.by_id(tx, ACME.id) == replace(ACME, suspended_at_s=9)
            assert not await companies.set_suspended(tx, "x", 9)

    async def test_an_address_has_one_account(self, database: Database) -> None:
        """Found by its folded form and by id; the hash does not print."""
        async with database.transaction() as tx:
            assert not await people.insert(
                tx, replace(ANA, id="p2"), email_key="ana@acme.example", password_hash=""
            )
            account = await people.by_email(tx, "ana@acme.example")
            assert account == await people.by_id(tx, ANA.id)
            assert account is not None
            assert account.person == ANA
            assert account.password_hash == "$argon2id$x"
            assert "argon2id" not in repr(account)
            assert await people.by_email(tx, "Ana@acme.example") is None
            assert await people.by_id(tx, "x") is None
            assert await people.exist(tx)

    async def test_nobody_exists_in_an_empty_database(self, database: Database) -> None:
        """Then the set-up page is open."""
        async with database.transaction() as tx:
            await tx.run("delete from people")
            assert not await people.exist(tx)

    async def test_a_person_can_be_disabled_and_enabled(self, database: Database) -> None:
        """The time stays visible."""
        async with database.transaction() as tx:
            for at_s in (7, None):
                assert await people.set_disabled(tx, ANA.id, at_s)
                account = await people.by_id(tx, ANA.id)
                assert account is not None
                assert account.person.disabled_at_s == at_s
            assert not await people.set_disabled(tx, "x", 7)

    async def test_a_person_has_one_role_in_each_company(self, database: Database) -> None:
        """By the company's name; a second time changes the role."""
        async with database.transaction() as tx:
            assert await people.memberships(tx, ANA.id) == ()
            await people.add_member(tx, ANA.id, OTHER.id, role="admin", at_s=4)
            await people.add_member(tx, ANA.id, ACME.id, role="admin", at_s=4)
            await people.add_member(tx, ANA.id, ACME.id, role="auditor", at_s=5)
            assert await people.memberships(tx, ANA.id) == (
                Membership(ACME, "auditor"),
                Membership(OTHER, "admin"),
            )


class TestSessions:
    """storage/sessions.py"""

    SESSION = StoredSession(
        digest="s1", person=ANA, created_at_s=10, seen_at_s=10, confirmed_at_s=10, sid="sid1"
    )

    async def test_a_session_lives_until_it_is_ended(self, database: Database) -> None:
        """It is touched and confirmed meanwhile; afterwards nothing brings it back."""
        async with database.transaction() as tx:
            await sessions.insert(tx, self.SESSION, address="127.0.0.1", user_agent="x")
            assert await sessions.by_digest(tx, "s1") == self.SESSION
            assert await sessions.by_digest(tx, "S1") is None
            await sessions.touch(tx, "s1", seen_at_s=20)
            await sessions.confirm(tx, "s1", at_s=30)
            assert await sessions.by_digest(tx, "s1") == replace(
                self.SESSION, seen_at_s=20, confirmed_at_s=30
            )
            assert await sessions.end(tx, "s1", at_s=40)
            assert not await sessions.end(tx, "s1", at_s=41)
            await sessions.touch(tx, "s1", seen_at_s=50)
            await sessions.confirm(tx, "s1", at_s=50)
            assert await sessions.by_digest(tx, "s1") is None

    async def test_failures_are_counted_by_account_and_by_address(self, database: Database) -> None:
        """In the window, without the one under way; a success wipes the account's, not the address's."""
        attempts = [
            ("t1", "ana", "A", 100),
            ("t2", "ana", "B", 101),
            ("t3", "bea", "A", 102),
            ("t4", "ana", "A", 103),
        ]
        async with database.transaction() as tx:
            for attempt, account, address, at_s in attempts:
                await sessions.insert_attempt(tx, attempt, account=account, address=address, at_s=at_s)
            of_account = partial(sessions.failures_of_account, tx, until_s=200, now_s=200)
            of_address = partial(sessions.failures_of_address, tx, until_s=200)
            assert await of_account("ana", since_s=0, besides="t4") == Failures(2, 101)
            assert await of_account("ana", since_s=100, besides="t4") == Failures(1, 101)
            assert await of_account("nobody", since_s=0, besides="") == Failures(0, 0)
            assert await of_address("A", since_s=0, besides="t4") == Failures(2, 102)
            assert await of_address("C", since_s=0, besides="") == Failures(0, 0)
            await sessions.mark_success(tx, "t4", at_s=104)
            assert await of_account("ana", since_s=0, besides="") == Failures(0, 0)
            assert await of_address("A", since_s=0, besides="") == Failures(2, 102)

    async def test_attempts_dated_too_far_ahead_do_not_count(self, database: Database) -> None:
        """Failures after `until_s`, successes after `now_s`."""
        async with database.transaction() as tx:
            for at_s in (100, 105, 110, 111):
                await sessions.insert_attempt(tx, f"t{at_s}", account="ana", address="A", at_s=at_s)
            await sessions.mark_success(tx, "t105", at_s=105)
            of_account = partial(sessions.failures_of_account, tx, "ana", since_s=0, until_s=110, besides="")
            assert await of_account(now_s=104) == Failures(2, 110)
            assert await of_account(now_s=105) == Failures(1, 110)
            of_address = await sessions.failures_of_address(tx, "A", since_s=0, until_s=110, besides="")
            assert of_address == Failures(2, 110)

    async def test_old_attempts_are_forgotten(self, database: Database) -> None:
        """The table does not grow forever."""
        async with database.transaction() as tx:
            for at_s in (1, 2, 3):
                await sessions.insert_attempt(tx, f"t{at_s}", account="a", address="b", at_s=at_s)
            assert await sessions.forget_attempts(tx, before_s=3) == 2
            assert await sessions.failures_of_address(tx, "b", since_s=0, until_s=9, besides="") == Failures(
                1, 3
            )

    async def test_a_set_up_link_is_used_once_and_in_time(self, database: Database) -> None:
        """Open until its time, spent by the first."""
        async with database.transaction() as tx:
            await sessions.insert_setup_link(tx, "l1", expires_at_s=100)
            assert await sessions.setup_link_is_open(tx, "l1", now_s=99)
            assert not await sessions.setup_link_is_open(tx, "l1", now_s=100)
            assert not await sessions.setup_link_is_open(tx, "l2", now_s=1)
            assert not await sessions.use_setup_link(tx, "l1", now_s=100)
            assert await sessions.use_setup_link(tx, "l1", now_s=99)
            assert not await sessions.use_setup_link(tx, "l1", now_s=99)
            assert not await sessions.setup_link_is_open(tx, "l1", now_s=99)


class TestJournal:
    """storage/journal.py"""

    async def test_the_journal_keeps_every_member_of_a_line(self, database: Database) -> None:
        """Read back as they were written."""
        later = replace(EVENT, id="e2", at_us=EVENT.at_us + 1, company_id=None, action="key.removed")
        async with database.transaction() as tx:
            await journal.append(tx, EVENT)
            await journal.append(tx, later)
            await journal.append(tx, replace(EVENT, id="e3", target_id="c2"))
            assert await events_of(tx, "c1") == [later, EVENT]

    async def test_a_line_of_the_journal_is_written_once(self, database: Database) -> None:
        """A second line of the same id is no line."""

        async def write_twice() -> None:
            async with database.transaction() as tx:
                await journal.append(tx, EVENT)
                await journal.append(tx, EVENT)

        with pytest.raises(UniqueViolation):
            await write_twice()
