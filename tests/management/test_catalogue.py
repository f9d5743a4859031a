"""The catalogue: which permissions there are, in which words."""

from dataclasses import replace

import pytest

from keygrove.management import integrations
from keygrove.management.catalogue import SAMPLE, Catalogue, Dropped, dropped
from keygrove.management.companies import Company
from keygrove.management.context import Management
from management.conftest import ANA
from management.keys import make


def test_the_sample_has_the_scopes_of_the_reference() -> None:
    """In the order in which they are shown, each once."""
    assert SAMPLE.scopes() == (
        "booking.read",
        "booking.write",
        "event.read",
        "experience.read",
        "marketing.read",
        "order.read",
        "webhook.read",
        "webhook.write",
    )


def test_a_scope_has_an_api_and_words() -> None:
    """One that is not offered any more stands for itself."""
    api = SAMPLE.api_of("marketing.read")
    assert api is not None
    assert api.audience == "https://api.understory.io"
    assert SAMPLE.api_of("openid") is None
    assert SAMPLE.label("marketing.read") == "Read marketing consents"
    assert SAMPLE.label("booking.write") == "Read and write bookings"
    assert SAMPLE.label("gone.read") == "gone.read"


def test_writing_brings_reading_along() -> None:
    """In the order shown, whatever the order chosen."""
    (api,) = SAMPLE.apis
    assert api.complete(["webhook.write", "event.read"]) == ("event.read", "webhook.read", "webhook.write")
    assert api.complete([]) == ()
    assert api.as_api().scopes == frozenset(SAMPLE.scopes())


def test_a_sensitive_permission_is_so_at_every_level() -> None:
    """As the protocol knows it: by scope."""
    (api,) = SAMPLE.apis
    assert api.as_api().sensitive == {"order.read"}
    webhooks = replace(api.permissions[-1], sensitive=True)
    changed = replace(api, permissions=(webhooks,))
    assert changed.as_api().sensitive == {"webhook.read", "webhook.write"}


def test_rs256_is_always_among_the_algorithms() -> None:
    """OpenID Connect Discovery §3 demands it, whatever the APIs choose."""
    (api,) = SAMPLE.apis
    elliptic = replace(api, signing_algorithm="ES256")
    assert elliptic.as_api().signing_algorithm == "ES256"
    assert SAMPLE.signing_algorithms() == ("RS256",)
    assert Catalogue((elliptic,)).signing_algorithms() == ("ES256", "RS256")


@pytest.mark.anyio
async def test_what_keys_hold_and_nobody_offers_is_counted(m: Management, acme: Company) -> None:
    """Per permission and API; removed keys and what is still offered do not count."""
    await make(m, acme, "First", "booking.read", "event.read")
    await make(m, acme, "Second", "booking.write")
    gone = await make(m, acme, "Third", "event.read")
    await integrations.remove_key(m, ANA, acme.id, gone.key.client_id)
    assert await dropped(m.database, SAMPLE) == ()
    (api,) = SAMPLE.apis
    fewer = replace(api, permissions=tuple(row for row in api.permissions if row.resource == "Bookings"))
    assert await dropped(m.database, Catalogue((fewer,))) == (Dropped("event.read", api.audience, 1),)
    elsewhere = await dropped(m.database, Catalogue((replace(api, audience="https://other.example"),)))
    assert {each.scope: each.keys for each in elsewhere} == {
        "booking.read": 2,
        "booking.write": 1,
        "event.read": 1,
    }
