"""Every request of `ask` goes to a running server, and is held to the four rules of the hostile cases."""

from collections.abc import Iterator

import pytest

from endpoints.asking import Asker
from hostile_rules import Rules, holding
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
