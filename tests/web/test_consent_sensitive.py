"""Permissions that the catalogue calls sensitive: allowed by somebody who proved just now who they are."""

import pytest

from keygrove.protocol.scope import Scope
from running import PASSWORD, RunningServer
from stores import store_at
from web.apps import Connecting, allowed_for, answer_of, consent_of, go_on, new_app, refused_at_the_app
from web.people import Member
from web.visitor import Visitor

ORDERS = "openid booking.read order.read"
WHY = "asks for something sensitive, so we make sure that it is you."


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app that may ask for orders, which are sensitive."""
    return new_app(server, scope=Scope(("booking.read", "event.read", "order.read")))


def age(server: RunningServer, member: Member, seconds: int = 301) -> None:
    """Let time pass since this person signed in."""
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        store.execute(
            f"update sessions set created_at_s = created_at_s - {seconds}, "  # noqa: S608 - of ours
            f"confirmed_at_s = confirmed_at_s - {seconds} where person_id = '{member.person.id}'"
        )


def test_it_is_marked_in_words_and_the_rest_is_not(app: Connecting, ana: Member, visitor: Visitor) -> None:
    """Who comes without a session signs in once, like everybody."""
    page = app.send(visitor, scope=ORDERS)
    assert WHY not in page.text
    page = consent_of(go_on(visitor, page, "sign-in", email=ana.person.email, password=PASSWORD))
    assert page.text.count(">Sensitive</span>") == 1
    assert page.text.index("Read orders") < page.text.index(">Sensitive</span>")
    assert "code" in answer_of(go_on(visitor, page, "allow"))


def test_whose_sign_in_is_old_signs_in_again_and_goes_on(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """Told why, asked for the password of the same account, and never twice."""
    age(server, ana)
    consent_of(app.send(ana.browser))
    page = app.send(ana.browser, scope=ORDERS)
    assert WHY in page.text
    assert f'value="{ana.person.email}"' in page.text
    wrong = go_on(ana.browser, page, "sign-in", email=ana.person.email, password="wrong")
    assert (wrong.status_code, "location" in wrong.headers) == (422, False)
    assert WHY in wrong.text
    page = consent_of(go_on(ana.browser, wrong, "sign-in", email=ana.person.email, password=PASSWORD))
    age(server, ana)
    assert "code" in answer_of(go_on(ana.browser, page, "allow"))
    age(server, ana)
    assert "code" in answer_of(app.send(ana.browser, scope=ORDERS))
    assert allowed_for(server, app, ana.person.id) == {ana.company.id: frozenset(ORDERS.split())}


def test_who_must_wait_is_told_why_all_the_same(server: RunningServer, app: Connecting, ana: Member) -> None:
    """After too many wrong passwords."""
    age(server, ana)
    page = app.send(ana.browser, scope=ORDERS)
    page = go_on(ana.browser, page, "sign-in", email=ana.person.email, password="wrong")
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        for number in range(7):
            store.execute(
                "insert into sign_in_attempts (attempt_id, account, address, at_s) "  # noqa: S608 - of ours
                f"select '{number} of ' || attempt_id, account, '192.0.2.9', at_s from sign_in_attempts "
                f"where address = '{ana.browser.address}' and succeeded_at_s is null"
            )
    page = go_on(ana.browser, page, "sign-in", email=ana.person.email, password=PASSWORD)
    assert page.status_code == 429
    assert WHY in page.text


def test_a_session_confirmed_in_backoffice_is_recent(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """When one signed in does not matter then."""
    age(server, ana)
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        store.execute(
            f"update sessions set confirmed_at_s = confirmed_at_s + 200 where person_id = '{ana.person.id}'"  # noqa: S608 - of ours
        )
    consent_of(app.send(ana.browser, scope=ORDERS))


def test_with_prompt_none_the_app_is_told_that_consent_is_missing(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """OpenID Connect Core §3.1.2.6: not that they are signed out, for they are not."""
    refused_at_the_app(app.send(ana.browser, scope=ORDERS, prompt="none"), "consent_required")
    age(server, ana)
    refused_at_the_app(app.send(ana.browser, scope=ORDERS, prompt="none"), "consent_required")
    refused_at_the_app(app.send(ana.browser, prompt="none"), "consent_required")


def test_a_yes_that_comes_late_counts_after_the_sign_in(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """The page was open for longer than the sign-in is recent; nothing is asked twice."""
    page = consent_of(app.send(ana.browser, scope=ORDERS))
    age(server, ana)
    again = go_on(ana.browser, page, "allow")
    assert WHY in again.text
    assert allowed_for(server, app, ana.person.id) == {}
    back = go_on(ana.browser, again, "sign-in", email=ana.person.email, password=PASSWORD)
    assert "code" in answer_of(back)
    assert allowed_for(server, app, ana.person.id) == {ana.company.id: frozenset(ORDERS.split())}


def test_who_leaves_instead_of_signing_in_denies(server: RunningServer, app: Connecting, ana: Member) -> None:
    """The session stays as it was."""
    age(server, ana)
    page = app.send(ana.browser, scope=ORDERS)
    before = ana.browser.session
    refused_at_the_app(go_on(ana.browser, page, "cancel"), "access_denied")
    assert ana.browser.session == before


def test_another_person_who_signs_in_is_asked_themselves(
    server: RunningServer, app: Connecting, ana: Member, bob: Member
) -> None:
    """What the first one allowed does not count for them."""
    page = consent_of(app.send(ana.browser, scope=ORDERS))
    age(server, ana)
    again = go_on(ana.browser, page, "allow")
    page = consent_of(go_on(ana.browser, again, "sign-in", email=bob.person.email, password=PASSWORD))
    assert bob.company.name in page.text
    assert allowed_for(server, app, ana.person.id) == allowed_for(server, app, bob.person.id) == {}
