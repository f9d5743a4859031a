"""Every request of `ask` goes to a running server, and is held to the four rules of the hostile cases."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from endpoints.asking import Asker
from hostile_rules import Rules, holding
from keygrove.storage.database import Database
from keygrove.storage.sqlite import SqliteDatabase
from running import Key, RunningServer


@pytest.fixture
def rules(server: RunningServer, key: Key) -> Iterator[Rules]:
    """The four rules, for the server that the whole suite shares."""
    with holding(server, key) as rules:
        rules.secrets.add(key.client_secret)
        yield rules


@pytest.fixture
def ask(rules: Rules, key: Key) -> Asker:
    """The customer's program, asking for tokens."""
    return Asker(rules, key)


@pytest.fixture
def own_key(server: RunningServer, rules: Rules) -> Key:
    """A key that a test may change or remove."""
    own = server.new_key("marketing.read", "booking.write")
    rules.secrets.add(own.client_secret)
    return own


@pytest.fixture
def seen(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first word of every statement that reaches the database during the test."""
    words: list[str] = []

    def note(sql: str) -> None:
        words.append(sql.split()[0])

    def noting(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        def noted(connection: object, sql: str, *values: object, **options: object) -> Awaitable[Any]:
            note(sql)
            return execute(connection, sql, *values, **options)

        return noted

    if isinstance(database, SqliteDatabase):
        for connection in (database._reader, database._writer._connection):
            connection.set_trace_callback(note)
    else:
        for way in ("execute", "fetch", "fetchrow"):
            monkeypatch.setattr(asyncpg.Connection, way, noting(getattr(asyncpg.Connection, way)))
    return words
