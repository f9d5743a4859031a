"""protocol/client.py: what a client may ask for."""

from dataclasses import replace

import pytest

from keygrove.protocol.errors import InvalidScope
from keygrove.protocol.scope import Scope
from keygrove.protocol.token import choose_scope
from protocol.asking import APP, AUDIENCE, POLICY

API = POLICY.apis[AUDIENCE]
CLIENT = replace(APP, scope=Scope(("booking.read",)), optional_scope=Scope(("event.read", "gone.read")))


def test_what_is_optional_may_be_asked_for() -> None:
    """As far as the API offers it."""
    assert CLIENT.granted(API.scopes) == {"booking.read", "event.read", "openid"}
    asked = Scope(("event.read",))
    assert choose_scope(asked, CLIENT, API, CLIENT.granted(API.scopes)) == asked


def test_what_is_optional_is_not_given_unasked() -> None:
    """Who names no scope gets what the client cannot do without."""
    assert choose_scope(Scope(), CLIENT, API, CLIENT.granted(API.scopes)) == Scope(("booking.read",))


def test_nothing_else_may_be_asked_for() -> None:
    """Neither what the API offers to others, nor what it does not offer any more."""
    for token in ("booking.write", "gone.read"):
        with pytest.raises(InvalidScope):
            choose_scope(Scope((token,)), CLIENT, API, CLIENT.granted(API.scopes))
