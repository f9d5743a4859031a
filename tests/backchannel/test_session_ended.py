"""No code is given for a session that ended a moment ago: its app would never hear of the end."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from clocks import NOW
from keygrove.endpoints.authorization import Answered, Attempt, authorize
from keygrove.house import House
from keygrove.protocol.consent import Consent, Interaction, SignedIn
from keygrove.protocol.message import Request
from keygrove.protocol.response_mode import Redirection
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, consents, journal, sessions
from running import AUDIENCE
from storage.granted import ACME, ANA, APP, add_companies_people_and_apps, add_session

pytestmark = pytest.mark.anyio
SCOPES = ("openid", "booking.read")
QUERY = {
    "client_id": APP.client_id,
    "redirect_uri": APP.redirect_uris[0],
    "response_type": "code",
    "scope": " ".join(SCOPES),
    "prompt": "none",
    "state": "s1",
}


def no_note(client_id: str, consent: Consent) -> journal.Event:
    """Nothing new is allowed here."""
    raise AssertionError


async def answer(house: House, number: int) -> str:
    """Where Ana's browser is sent, whose session was open when her request came."""
    attempt = Attempt(
        request=Request(method="GET", path="/oauth2/auth", headers=(), query=urlencode(QUERY).encode()),
        interaction_id=f"i{number}",
        signed_in=SignedIn(
            subject=ANA.id,
            auth_time=int(NOW),
            proved_at=int(NOW),
            amr=("pwd",),
            acr=None,
            session_id="sid1",
        ),
        done=Interaction(),
        note=no_note,
    )
    outcome = await authorize(house.server, attempt)
    assert isinstance(outcome, Answered)
    assert isinstance(outcome.answer, Redirection)
    return outcome.answer.location


async def test_no_code_is_given_for_a_session_that_has_just_ended(house: House) -> None:
    """It is as if nobody were signed in."""
    await add_companies_people_and_apps(house.database)
    digest = await add_session(house.database, "sid1", at_s=int(NOW))
    async with house.database.transaction() as tx:
        app = replace(APP, audience=AUDIENCE, scope=Scope(("booking.read",)), optional_scope=Scope())
        assert await apps.update(tx, app, name_key="m")
        await consents.give(tx, Consent(ANA.id, ACME.id, frozenset(SCOPES)), APP.client_id, at_s=1)
    assert "?code=" in await answer(house, 1)
    async with house.database.transaction() as tx:
        assert await sessions.end(tx, digest, at_s=int(NOW))
    assert "?error=login_required" in await answer(house, 2)
    async with house.database.transaction() as tx:
        assert len(await tx.all("select 1 as one from grants")) == 1
