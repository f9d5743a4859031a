"""Credentials of APIs: shown once, stored as digests, removed for good."""

import pytest

from keygrove.management import api_credentials
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import NotFound
from management.keys import refused
from recorded import Journal

pytestmark = pytest.mark.anyio
AUDIENCE = "https://api.understory.io"


async def test_a_credential_is_made_listed_and_removed(m: Management, journal: Journal) -> None:
    """Each with its line in the journal; the secret is nowhere."""
    new = await api_credentials.create(m, OPERATOR, audience=AUDIENCE, name="Booking API")
    secret = new.client_secret.reveal()
    assert new.credential.secret_digest == m.digests.of("client_secret", secret)
    assert secret not in journal.everything_stored()
    assert (secret in repr(new), new.credential.secret_digest in repr(new)) == (False, False)
    assert await api_credentials.every(m) == (new.credential,)
    await api_credentials.remove(m, OPERATOR, new.credential.client_id)
    assert await api_credentials.every(m) == ()
    with pytest.raises(NotFound):
        await api_credentials.remove(m, OPERATOR, new.credential.client_id)
    lines = [(line["action"], line["target_id"]) for line in journal.lines()]
    assert lines == [
        ("api_credential.created", new.credential.client_id),
        ("api_credential.removed", new.credential.client_id),
    ]


async def test_a_credential_is_for_an_api_there_is(m: Management) -> None:
    """And has a name."""
    other = api_credentials.create(m, OPERATOR, audience="https://other.example", name="x")
    assert AUDIENCE in str(await refused("audience", doing=other))
    await refused("name", doing=api_credentials.create(m, OPERATOR, audience=AUDIENCE, name=" "))
