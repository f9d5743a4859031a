"""Usage and failures are added up from every worker and node, on every database."""

from contextlib import AbstractAsyncContextManager

import pytest

from clocks import Clock
from keygrove.endpoints import usage as books
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.usage import KEPT_S, LONGEST_WAIT_S, UsageBook, purge
from keygrove.storage import failures, usage
from keygrove.storage.database import Database, DatabaseUnavailable, Transaction
from keygrove.storage.usage import DAY_S, Day, LastUse
from stores import Store

pytestmark = pytest.mark.anyio

# A day's first second.
TODAY = 1_700_000_000 - 1_700_000_000 % DAY_S


async def days_of(database: Database, client_id: str) -> list[Day]:
    """What is written down of a client, of the last four months and the next."""
    async with database.transaction() as tx:
        return await usage.days(tx, client_id, range(TODAY - 90 * DAY_S, TODAY + 120 * DAY_S, DAY_S))


async def last_uses(database: Database, *client_ids: str, now_s: int) -> dict[str, tuple[int, str]]:
    """When they got their last tokens, and by which program."""
    async with database.transaction() as tx:
        uses = await usage.last_uses(tx, client_ids, now_s=now_s)
    return {client_id: (use.at_s, use.user_agent) for client_id, use in uses.items()}


async def test_two_workers_add_up(database: Database) -> None:
    """Counts of one key and day from two books become one row."""
    first, second = UsageBook(), UsageBook()
    for book in (first, second):
        book.issued("c", now=TODAY, address="192.0.2.1", user_agent="a")
        book.refused("c", now=TODAY + DAY_S - 1)
        await book.flush(database)
    first.issued("c", now=TODAY + DAY_S, address="192.0.2.1", user_agent="a")
    await first.flush(database)
    assert await days_of(database, "c") == [Day(TODAY, 2, 2), Day(TODAY + DAY_S, 1, 0)]


async def test_the_latest_use_stays(database: Database) -> None:
    """A worker that writes late does not bring an older use back, nor does a refusal."""
    early, late = UsageBook(), UsageBook()
    early.issued("c", now=TODAY, address="192.0.2.1", user_agent="early")
    late.issued("c", now=TODAY + 5, address="192.0.2.2", user_agent="late" * 100)
    await late.flush(database)
    await early.flush(database)
    late.refused("c", now=TODAY + 6)
    await late.flush(database)
    async with database.transaction() as tx:
        uses = await usage.last_uses(tx, ["c", "nobody"], now_s=TODAY + 9)
    assert uses == {"c": LastUse(at_s=TODAY + 5, address="192.0.2.2", user_agent=("late" * 100)[:256])}


async def test_a_last_use_outlives_its_day(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes the first counts of a day keeps the last uses of the day before it, some at a time."""
    monkeypatch.setattr(books, "_SLICE", 2)
    first, second = UsageBook(), UsageBook()
    names = ("a", "b", "c", "d", "e")
    for name in names:
        first.issued(name, now=TODAY, address="192.0.2.1", user_agent="first")
    await first.flush(database)
    # The day after: the first worker is early, the second still has a count of yesterday.
    second.issued("a", now=TODAY + 7, address="192.0.2.1", user_agent="second")
    first.refused("a", now=TODAY + DAY_S)
    await first.flush(database)
    second.issued("b", now=TODAY + DAY_S, address="192.0.2.1", user_agent="second")
    await second.flush(database)
    known = dict.fromkeys(names, (TODAY, "first"))
    known |= {"a": (TODAY + 7, "second"), "b": (TODAY + DAY_S, "second")}
    assert await last_uses(database, *names, now_s=TODAY + DAY_S) == known
    # After a long rest all days but the newest are forgotten, and no last use is.
    await purge(database, now=TODAY + 200 * DAY_S)
    assert await days_of(database, "a") == [Day(TODAY + DAY_S, 0, 1)]
    assert await last_uses(database, *names, now_s=TODAY + 200 * DAY_S) == known


async def test_what_a_clock_that_was_ahead_wrote_hides_no_last_use(database: Database) -> None:
    """Neither on the day itself nor later, when that day has come."""
    book = UsageBook()
    for day in (0, 30, 1):
        book.issued("a" if day != 1 else "b", now=TODAY + day * DAY_S, address="", user_agent=str(day))
        await book.flush(database)
    b = (TODAY + DAY_S, "1")
    assert await last_uses(database, "a", "b", now_s=TODAY + DAY_S) == {"a": (TODAY, "0"), "b": b}
    book.issued("a", now=TODAY + 2 * DAY_S, address="", user_agent="2")
    await book.flush(database)
    a = (TODAY + 2 * DAY_S, "2")
    assert await last_uses(database, "a", "b", now_s=TODAY + 2 * DAY_S) == {"a": a, "b": b}
    a = (TODAY + 30 * DAY_S, "30")
    assert await last_uses(database, "a", "b", now_s=TODAY + 31 * DAY_S) == {"a": a, "b": b}


async def test_what_could_not_be_written_is_kept(database: Database, store: Store) -> None:
    """A locked database costs no count."""
    book = UsageBook()
    book.issued("c", now=TODAY, address="192.0.2.1", user_agent="a")
    with store.locked(), pytest.raises(DatabaseUnavailable):
        await book.flush(database)
    book.issued("c", now=TODAY, address="192.0.2.1", user_agent="b")
    await book.flush(database)
    assert await days_of(database, "c") == [Day(TODAY, 2, 0)]
    assert await last_uses(database, "c", now_s=TODAY) == {"c": (TODAY, "b")}


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


@pytest.mark.parametrize("written", range(1, 5))
async def test_every_slice_counts_once_wherever_it_fails(
    database: Database, store: Store, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """No transaction grows with the number of keys, and what is written is not written again."""
    monkeypatch.setattr(books, "_SLICE", 2)
    book = UsageBook()
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        book.issued(name, now=TODAY, address="192.0.2.1", user_agent="first")
        book.refused(name, now=TODAY)
    # The first transaction looks whether a day before has last uses.
    if written <= 3:
        with pytest.raises(DatabaseUnavailable):
            await book.flush(Failing(database, written))
    else:
        await book.flush(Failing(database, written))
    assert len(store.query("select client_id from usage_days")) == min(2 * (written - 1), 5)
    book.issued("e", now=TODAY, address="192.0.2.1", user_agent="second")
    await book.flush(database)
    for name in names[:-1]:
        assert await days_of(database, name) == [Day(TODAY, 1, 1)]
    assert await days_of(database, "e") == [Day(TODAY, 2, 1)]
    last = dict.fromkeys(names[:-1], (TODAY, "first")) | {"e": (TODAY, "second")}
    assert await last_uses(database, *names, now_s=TODAY) == last


async def test_few_counts_are_written_at_once_and_many_wait_for_each_other(
    database: Database, store: Store
) -> None:
    """Many wait for so many seconds since the last flush, also since one that failed."""
    clock = Clock()
    book = UsageBook(clock)

    def count(number: int) -> None:
        for name in range(number):
            book.issued(f"c{name}", now=TODAY, address="192.0.2.1", user_agent="a")

    def written() -> object:
        return store.query("select sum(issued) from usage_days")[0][0]

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
    """Over all days, and also of those that could not be written; clients that wait already count on."""
    monkeypatch.setattr(books, "_MOST_CLIENTS", 3)
    book = UsageBook()
    for name in ("a", "b", "c", "b"):
        book.issued(name, now=TODAY, address="192.0.2.1", user_agent="a")
    book.issued("a", now=TODAY + DAY_S, address="192.0.2.1", user_agent="a")
    book.refused("d", now=TODAY)
    book.refused("a", now=TODAY)
    with pytest.raises(DatabaseUnavailable):
        await book.flush(Failing(database, 0))
    await book.flush(database)
    rows = store.query("select client_id, day_s, issued, refused from usage_days order by client_id")
    assert rows == [("a", TODAY, 1, 1), ("b", TODAY, 2, 0), ("c", TODAY, 1, 0)]
    monkeypatch.setattr(books, "_MOST_CLIENTS", 0)
    book.issued("a", now=TODAY, address="192.0.2.1", user_agent="a")
    await book.flush(database)
    assert store.query("select sum(issued) from usage_days") == [(4,)]


async def test_nothing_counted_writes_nothing(database: Database, store: Store) -> None:
    """An idle worker leaves the database alone."""
    with store.locked():
        await UsageBook().flush(database)


async def test_old_days_are_forgotten(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety days are kept. Of those before the oldest go first, some keys at a time; the newest stays."""
    monkeypatch.setattr(books, "_SLICE", 2)
    book = UsageBook()
    for number in range(4):
        for name in ("a", "b", "c"):
            book.issued(name, now=TODAY + number * DAY_S, address="", user_agent="")
    await book.flush(database)

    async def left(name: str) -> list[int]:
        return [(day.day_s - TODAY) // DAY_S for day in await days_of(database, name)]

    now = TODAY + 2 * DAY_S + KEPT_S + 1
    with pytest.raises(DatabaseUnavailable):
        await purge(Failing(database, 1), now=now)
    assert (await left("a"), await left("b"), await left("c")) == ([1, 2, 3], [1, 2, 3], [0, 1, 2, 3])
    await purge(database, now=now)
    assert (await left("a"), await left("b"), await left("c")) == ([3], [3], [3])
    await purge(database, now=now + 2 * KEPT_S)
    assert await left("c") == [3]


async def test_failures_of_all_workers_count(database: Database) -> None:
    """B25: what one worker saw spends the budget at the others too."""
    first, second = FailureBudget(per_client=3, per_address=0), FailureBudget(per_client=3, per_address=0)
    for _ in range(2):
        assert first.spend(client_id="c", address="192.0.2.1", by_header=False, now=TODAY) is None
    second.spend(client_id="c", address="192.0.2.2", by_header=False, now=TODAY)
    await first.share(database, now=TODAY)
    await second.share(database, now=TODAY)
    assert second.spend(client_id="c", address="192.0.2.3", by_header=False, now=TODAY + 1) == 59
    await first.share(database, now=TODAY + 1)
    assert first.spend(client_id="c", address="192.0.2.3", by_header=False, now=TODAY + 1) == 59


async def test_failures_that_could_not_be_shared_are_kept(database: Database, store: Store) -> None:
    """They count here all the same, and are told later."""
    budget = FailureBudget(per_client=1, per_address=0)
    budget.spend(client_id="c", address="192.0.2.1", by_header=False, now=TODAY)
    with store.locked(), pytest.raises(DatabaseUnavailable):
        await budget.share(database, now=TODAY)
    assert budget.spend(client_id="c", address="192.0.2.1", by_header=False, now=TODAY) is not None
    await budget.share(database, now=TODAY)
    async with database.transaction() as tx:
        assert sorted((await failures.of_minute(tx, TODAY)).values()) == [2, 2]


async def test_minutes_that_are_over_are_forgotten(database: Database, store: Store) -> None:
    """The table stays as small as ten minutes of failures."""
    budget = FailureBudget(per_client=1, per_address=1)
    for now in (TODAY, TODAY + 3600):
        budget.spend(client_id="c", address="192.0.2.1", by_header=False, now=now)
        await budget.share(database, now=now)
    assert store.query("select distinct minute_s from failures") == [(TODAY + 3600,)]
