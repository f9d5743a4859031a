"""Usage and failures are added up from every worker and node, on every database."""

from contextlib import AbstractAsyncContextManager

import pytest

from clocks import Clock
from keygrove.endpoints import usage as books
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.usage import KEPT_S, LONGEST_WAIT_S, UsageBook, purge
from keygrove.storage import failures, usage
from keygrove.storage.database import Database, DatabaseUnavailable, Transaction
from keygrove.storage.usage import Hour
from stores import Store

pytestmark = pytest.mark.anyio

NOON = 1_700_000_000 - 1_700_000_000 % 3600


async def hours_of(database: Database, client_id: str) -> list[Hour]:
    """What is written down of a client."""
    async with database.transaction() as tx:
        return await usage.hours(tx, client_id, since_s=0)


async def last_use(store: Store) -> list[tuple[object, ...]]:
    """The last uses, as another connection reads them."""
    return store.query("select client_id, last_used_at_s, address, user_agent from key_use order by 1")


async def test_two_workers_add_up(database: Database) -> None:
    """Counts of one key and hour from two books become one row."""
    first, second = UsageBook(), UsageBook()
    for book in (first, second):
        book.issued("c", now=NOON, address="192.0.2.1", user_agent="a")
        book.refused("c", now=NOON + 3599)
        await book.flush(database)
    first.issued("c", now=NOON + 3600, address="192.0.2.1", user_agent="a")
    await first.flush(database)
    assert await hours_of(database, "c") == [Hour(NOON, 2, 2), Hour(NOON + 3600, 1, 0)]


async def test_the_latest_use_stays(database: Database, store: Store) -> None:
    """A worker that writes late does not bring an older use back."""
    early, late = UsageBook(), UsageBook()
    early.issued("c", now=NOON, address="192.0.2.1", user_agent="early")
    late.issued("c", now=NOON + 5, address="192.0.2.2", user_agent="late" * 100)
    await late.flush(database)
    await early.flush(database)
    assert await last_use(store) == [("c", NOON + 5, "192.0.2.2", ("late" * 100)[:256])]


async def test_what_could_not_be_written_is_kept(database: Database, store: Store) -> None:
    """A locked database costs no count."""
    book = UsageBook()
    book.issued("c", now=NOON, address="192.0.2.1", user_agent="a")
    with store.locked(), pytest.raises(DatabaseUnavailable):
        await book.flush(database)
    book.issued("c", now=NOON, address="192.0.2.1", user_agent="b")
    await book.flush(database)
    assert await hours_of(database, "c") == [Hour(NOON, 2, 0)]
    assert (await last_use(store))[0][3] == "b"


class Failing:
    """A database that is away once it has begun so many transactions."""

    def __init__(self, database: Database, after: int) -> None:
        self._database = database
        self._left = after

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction."""
        if not self._left:
            raise DatabaseUnavailable("it is away")
        self._left -= 1
        return self._database.transaction()

    async def check(self) -> None:
        """Return."""

    async def close(self) -> None:
        """Leave the real one open."""


@pytest.mark.parametrize("written", range(5))
async def test_every_slice_counts_once_wherever_it_fails(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """No transaction grows with the number of keys, and what is written is not written again."""
    monkeypatch.setattr(books, "_SLICE", 2)
    book = UsageBook()
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        book.issued(name, now=NOON, address="192.0.2.1", user_agent="first")
        book.refused(name, now=NOON)
    if written < 3:
        with pytest.raises(DatabaseUnavailable):
            await book.flush(Failing(database, written))
    else:
        await book.flush(Failing(database, written))
    assert len(store.query("select client_id from usage_hours")) == min(2 * written, 5)
    book.issued("e", now=NOON, address="192.0.2.1", user_agent="second")
    await book.flush(database)
    for name in names[:-1]:
        assert await hours_of(database, name) == [Hour(NOON, 1, 1)]
    assert await hours_of(database, "e") == [Hour(NOON, 2, 1)]
    assert [(use[0], use[3]) for use in await last_use(store)] == [
        *((name, "first") for name in names[:-1]),
        ("e", "second"),
    ]


async def test_few_counts_are_written_at_once_and_many_wait_for_each_other(
    database: Database, store: Store
) -> None:
    """Many wait for so many seconds since the last flush, also since one that failed."""
    clock = Clock()
    book = UsageBook(clock)

    def count(number: int) -> None:
        for name in range(number):
            book.issued(f"c{name}", now=NOON, address="192.0.2.1", user_agent="a")

    def written() -> object:
        return store.query("select sum(issued) from usage_hours")[0][0]

    count(books._FEW)
    await book.flush_when_due(database)
    assert written() == books._FEW
    count(books._FEW + 1)
    clock.pass_by(LONGEST_WAIT_S - 1)
    await book.flush_when_due(database)
    assert written() == books._FEW
    clock.pass_by(1)
    with pytest.raises(DatabaseUnavailable):
        await book.flush_when_due(Failing(database, 0))
    await book.flush_when_due(database)
    assert written() == books._FEW
    clock.pass_by(LONGEST_WAIT_S)
    await book.flush_when_due(database)
    assert written() == 2 * books._FEW + 1


async def test_no_more_clients_wait_than_there_is_room_for(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all hours, and also of those that could not be written; clients that wait already count on."""
    monkeypatch.setattr(books, "_MOST_CLIENTS", 3)
    book = UsageBook()
    for name in ("a", "b", "c", "b"):
        book.issued(name, now=NOON, address="192.0.2.1", user_agent="a")
    book.issued("a", now=NOON + 3600, address="192.0.2.1", user_agent="a")
    book.refused("d", now=NOON)
    book.refused("a", now=NOON)
    with pytest.raises(DatabaseUnavailable):
        await book.flush(Failing(database, 0))
    await book.flush(database)
    rows = store.query("select client_id, hour_s, issued, refused from usage_hours order by client_id")
    assert rows == [("a", NOON, 1, 1), ("b", NOON, 2, 0), ("c", NOON, 1, 0)]


async def test_nothing_counted_writes_nothing(database: Database, store: Store) -> None:
    """An idle worker leaves the database alone."""
    with store.locked():
        await UsageBook().flush(database)


async def test_old_hours_are_forgotten(database: Database) -> None:
    """Ninety days are kept. Each older hour goes by itself, the oldest first."""
    book = UsageBook()
    for number in range(4):
        for name in ("a", "b"):
            book.issued(name, now=NOON + number * 3600, address="", user_agent="")
    await book.flush(database)
    now = NOON + 2 * 3600 + KEPT_S + 1
    with pytest.raises(DatabaseUnavailable):
        await purge(Failing(database, 1), now=now)
    assert [hour.hour_s for hour in await hours_of(database, "a")] == [NOON + 3600 * n for n in (1, 2, 3)]
    await purge(database, now=now)
    for name in ("a", "b"):
        assert await hours_of(database, name) == [Hour(NOON + 3 * 3600, 1, 0)]


async def test_failures_of_all_workers_count(database: Database) -> None:
    """B25: what one worker saw spends the budget at the others too."""
    first, second = FailureBudget(per_client=3, per_address=0), FailureBudget(per_client=3, per_address=0)
    for _ in range(2):
        assert first.spend(client_id="c", address="192.0.2.1", by_header=False, now=NOON) is None
    second.spend(client_id="c", address="192.0.2.2", by_header=False, now=NOON)
    await first.share(database, now=NOON)
    await second.share(database, now=NOON)
    assert second.spend(client_id="c", address="192.0.2.3", by_header=False, now=NOON + 1) == 59
    await first.share(database, now=NOON + 1)
    assert first.spend(client_id="c", address="192.0.2.3", by_header=False, now=NOON + 1) == 59


async def test_failures_that_could_not_be_shared_are_kept(database: Database, store: Store) -> None:
    """They count here all the same, and are told later."""
    budget = FailureBudget(per_client=1, per_address=0)
    budget.spend(client_id="c", address="192.0.2.1", by_header=False, now=NOON)
    with store.locked(), pytest.raises(DatabaseUnavailable):
        await budget.share(database, now=NOON)
    assert budget.spend(client_id="c", address="192.0.2.1", by_header=False, now=NOON) is not None
    await budget.share(database, now=NOON)
    async with database.transaction() as tx:
        assert sorted((await failures.of_minute(tx, NOON)).values()) == [2, 2]


async def test_minutes_that_are_over_are_forgotten(database: Database, store: Store) -> None:
    """The table stays as small as ten minutes of failures."""
    budget = FailureBudget(per_client=1, per_address=1)
    for now in (NOON, NOON + 3600):
        budget.spend(client_id="c", address="192.0.2.1", by_header=False, now=now)
        await budget.share(database, now=now)
    assert store.query("select distinct minute_s from failures") == [(NOON + 3600,)]
