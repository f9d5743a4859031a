"""RP-initiated logout: OpenID Connect RP-Initiated Logout 1.0 §2, §3."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization import MAX_STATE_BYTES
from keygrove.protocol.claims import HintedPerson
from keygrove.protocol.errors import InvalidRequest
from keygrove.protocol.logout import (
    AskWhether,
    EndSession,
    LogoutFacts,
    LogoutRequest,
    decide_logout,
    read_logout_request,
)
from keygrove.protocol.message import FORM, Request
from protocol.asking import APP

BYE = "https://app.example/bye"
CLIENT = replace(APP, post_logout_redirect_uris=(BYE, "https://app.example/bye?x=1"))
ASKED = LogoutRequest(id_token_hint="x", client_id=None, post_logout_redirect_uri=BYE, state="s 1")
HINT = HintedPerson("ana", "app", "acme", "sid1")
FACTS = LogoutFacts(subject="ana", session_id="sid1", hint=HINT, client=CLIENT)
BACK = f"{BYE}?state=s%201"


def led_to(decision: AskWhether | EndSession) -> str | None:
    """Where somebody whose session ends is led."""
    assert isinstance(decision, EndSession)
    return decision.location


def test_the_client_of_this_session_signs_the_person_out() -> None:
    """Without a question, back to its own page, with its state (§2, §3)."""
    assert decide_logout(ASKED, FACTS) == EndSession(BACK, HINT)
    assert decide_logout(replace(ASKED, client_id="app"), FACTS) == EndSession(BACK, HINT)
    assert decide_logout(replace(ASKED, state=None), FACTS) == EndSession(BYE, HINT)
    assert decide_logout(replace(ASKED, post_logout_redirect_uri=None), FACTS) == EndSession(None, HINT)


def test_a50_everybody_else_makes_us_ask() -> None:
    """No hint, one of another session, person or client; a client that is gone."""
    for facts in (
        replace(FACTS, hint=None),
        replace(FACTS, hint=replace(HINT, subject="bob")),
        replace(FACTS, hint=replace(HINT, session_id="sid0")),
        replace(FACTS, hint=replace(HINT, client_id="other")),
        replace(FACTS, client=None),
    ):
        assert isinstance(decide_logout(ASKED, facts), AskWhether)
        assert isinstance(decide_logout(ASKED, replace(facts, confirmed=True)), EndSession)


def test_a49_what_is_wrong_is_told_first() -> None:
    """Whoever says yes then is signed out, and led nowhere."""
    none, other_client = replace(FACTS, hint=None, client=None), replace(HINT, client_id="other")
    elsewhere = replace(ASKED, post_logout_redirect_uri="https://evil.example")
    for asked, facts, flaw in (
        (ASKED, none, "hint"),
        (replace(ASKED, post_logout_redirect_uri=None), none, "hint"),
        (ASKED, replace(FACTS, hint=other_client), "hint"),
        (replace(ASKED, client_id="other"), FACTS, "hint"),
        (elsewhere, FACTS, "uri"),
        (elsewhere, replace(FACTS, hint=replace(HINT, subject="bob")), "uri"),
        (replace(ASKED, id_token_hint=None), none, None),
        (ASKED, replace(FACTS, hint=replace(HINT, subject="bob")), None),
    ):
        assert decide_logout(asked, facts) == AskWhether(None, flaw)  # type: ignore[arg-type]
        assert led_to(decide_logout(asked, replace(facts, confirmed=True))) is None
        nobody = replace(facts, subject=None, session_id=None)
        assert isinstance(decide_logout(asked, nobody), EndSession)


def test_an_older_session_of_the_same_person_is_asked_and_led_back() -> None:
    """The hint says who they are, not that they want to leave."""
    facts = replace(FACTS, session_id="sid2")
    assert decide_logout(ASKED, facts) == AskWhether(BACK)
    assert decide_logout(ASKED, replace(facts, confirmed=True)) == EndSession(BACK, HINT)


def test_nobody_signed_in_is_led_back_at_once() -> None:
    """Signed out elsewhere, or long ago."""
    facts = replace(FACTS, subject=None, session_id=None)
    assert decide_logout(ASKED, facts) == EndSession(BACK, HINT)
    assert decide_logout(ASKED, replace(facts, hint=None)) == EndSession(None, None)


def test_the_session_of_the_hint_may_have_grown_old() -> None:
    """Where nobody is signed in any more, or has signed in anew: only the client of the hint ends it (§2)."""
    nobody = replace(FACTS, subject=None, session_id=None)
    for facts in (nobody, replace(FACTS, session_id="sid2", confirmed=True)):
        assert decide_logout(ASKED, facts) == EndSession(BACK, HINT)
        elsewhere = replace(ASKED, post_logout_redirect_uri="https://evil.example")
        assert decide_logout(elsewhere, facts) == EndSession(None, HINT)
        assert decide_logout(replace(ASKED, client_id="other"), facts) == EndSession(None, None)
        for unproved in (replace(facts, client=None), replace(facts, hint=replace(HINT, client_id="other"))):
            assert decide_logout(ASKED, unproved) == EndSession(None, None)


def test_an_app_that_nobody_reviewed_leads_no_stranger_anywhere() -> None:
    """Only the person whose session it is (RFC 9700 §4.11.2)."""
    draft = replace(CLIENT, restricted_to="acme")
    facts = replace(FACTS, client=draft)
    assert decide_logout(ASKED, facts) == EndSession(BACK, HINT)
    assert decide_logout(ASKED, replace(facts, subject=None, session_id=None)) == EndSession(None, HINT)


def test_a49_nobody_is_led_to_what_is_not_proved_to_be_the_clients() -> None:
    """URI unregistered or changed; no hint or none of ours, another person's, another client's."""
    for uri in ("https://evil.example", f"{BYE}/", f"{BYE}?", f"{BYE}?x=2", f"{BYE}#", BYE.upper()):
        elsewhere = replace(ASKED, post_logout_redirect_uri=uri)
        assert decide_logout(elsewhere, FACTS) == AskWhether(None, "uri")
        assert decide_logout(elsewhere, replace(FACTS, confirmed=True)) == EndSession(None, HINT)
    for facts in (
        replace(FACTS, hint=None),
        replace(FACTS, hint=replace(HINT, subject="bob")),
        replace(FACTS, hint=replace(HINT, client_id="other")),
        replace(FACTS, client=None),
    ):
        decided = decide_logout(ASKED, facts)
        assert isinstance(decided, AskWhether)
        assert decided.location is None
        assert led_to(decide_logout(ASKED, replace(facts, confirmed=True))) is None
    assert decide_logout(ASKED, replace(FACTS, client=replace(CLIENT, enabled=False))) == EndSession(
        None, HINT
    )


def test_what_should_never_have_been_registered_is_not_gone_to() -> None:
    """As with redirect URIs."""
    uri = "javascript:alert(1)"
    facts = replace(FACTS, client=replace(CLIENT, post_logout_redirect_uris=(uri,)))
    assert decide_logout(replace(ASKED, post_logout_redirect_uri=uri), facts) == EndSession(None, HINT)


def test_state_goes_back_encoded_within_its_limit() -> None:
    """After the query that is there already."""
    asked = replace(ASKED, post_logout_redirect_uri="https://app.example/bye?x=1", state="<\r\n>&")
    assert decide_logout(asked, FACTS) == EndSession(
        "https://app.example/bye?x=1&state=%3C%0D%0A%3E%26", HINT
    )
    for length, location in [
        (MAX_STATE_BYTES, f"{BYE}?state={'x' * MAX_STATE_BYTES}"),
        (MAX_STATE_BYTES + 1, BYE),
    ]:
        assert decide_logout(replace(ASKED, state="x" * length), FACTS) == EndSession(location, HINT)


def test_a_request_is_read_from_query_or_form() -> None:
    """Each parameter once (§2)."""
    text = b"id_token_hint=x&post_logout_redirect_uri=https://app.example/bye&state=s+1&logout_hint=ana"
    get = Request(method="GET", path="/oauth2/sessions/logout", headers=(), query=text)
    post = Request(method="POST", path="/", headers=(("content-type", FORM),), body=text)
    assert read_logout_request(get) == read_logout_request(post) == ASKED
    with pytest.raises(InvalidRequest):
        read_logout_request(replace(get, query=b"logout_hint=a&logout_hint=b"))
