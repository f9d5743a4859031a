"""Everything here is held to the four rules of the hostile cases."""

from collections.abc import Iterator

import pytest

from hostile_rules import Rules, holding
from running import Key, RunningServer
from web.people import Member, join
from web.visitor import Visitor


@pytest.fixture(autouse=True)
def rules(server: RunningServer, key: Key) -> Iterator[Rules]:
    """The four rules, for the server that the whole suite shares."""
    with holding(server, key) as rules:
        yield rules


@pytest.fixture
def visitor(server: RunningServer, rules: Rules) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(server, rules)


@pytest.fixture
def ana(server: RunningServer, rules: Rules) -> Member:
    """An admin of a company of her own, signed in."""
    return join(server, rules)


@pytest.fixture
def bob(server: RunningServer, rules: Rules) -> Member:
    """An admin of another company, signed in."""
    return join(server, rules)
