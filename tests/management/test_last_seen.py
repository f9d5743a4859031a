"""When a session was last used is noted where that can be done; the page comes either way."""

import asyncio
import logging
import time

import pytest

from clocks import Clock
from keygrove.management import last_seen, people, sign_in
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.sign_in import NewSession
from keygrove.storage import sessions
from keygrove.storage.database import DatabaseUnavailable
from stores import Store
from yardstick import in_time

EMAIL, PASSWORD = "ana@acme.example", "a clearing in a forest"
SEEN = "select seen_at_s from sessions"
pytestmark = pytest.mark.anyio


@pytest.fixture
async def new(m: Management, acme: Company, clock: Clock) -> NewSession:
    """Ana's session, a minute after she signed in."""
    await people.create(m, OPERATOR, company_id=acme.id, email=EMAIL, password=PASSWORD)
    session = await sign_in.sign_in(m, email=EMAIL, password=PASSWORD, address="192.0.2.1")
    clock.pass_by(60)
    return session


async def test_f09_a_session_is_found_while_nobody_can_write(
    m: Management, new: NewSession, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once or nearly so, and one note waits; it is made when somebody can."""
    monkeypatch.setattr(last_seen, "PATIENCE_S", 0.2)
    before = store.query(SEEN)
    with store.locked():
        started = time.monotonic()
        for _ in range(20):
            assert await sign_in.find_session(m, new.token.reveal()) == new.session
        assert in_time(time.monotonic() - started, 1)
        assert len(last_seen._under_way) == 1
    await asyncio.wait(set(last_seen._under_way.values()))
    assert store.query(SEEN) == [(m.now(),)] != before
    clock.pass_by(60)
    assert await sign_in.find_session(m, new.token.reveal()) == new.session
    assert last_seen._under_way == {}


async def test_f07_a_session_is_found_where_nothing_can_be_written(
    m: Management,
    new: NewSession,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a disk that is full, or a database that is only read; whoever looks into it is told."""

    async def fail(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the disk is full")

    before = store.query(SEEN)
    caplog.set_level(logging.DEBUG, "keygrove.sessions")
    with monkeypatch.context() as full:
        full.setattr(sessions, "touch", fail)
        assert await sign_in.find_session(m, new.token.reveal()) == new.session
    assert [getattr(line, "reason", "") for line in caplog.records] == ["the disk is full"]
    assert store.query(SEEN) == before
    assert await sign_in.find_session(m, new.token.reveal()) == new.session
    assert store.query(SEEN) != before
