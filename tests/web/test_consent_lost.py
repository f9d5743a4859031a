"""What is lost while a consent page is open, or before its code is redeemed: it is gone at the next step."""

from collections.abc import Callable

import pytest

from keygrove.house import House
from keygrove.management import people
from keygrove.management.connected_apps import disconnect
from keygrove.management.context import OPERATOR, Actor
from keygrove.storage import apps
from running import RunningServer
from stores import store_at
from web.apps import Connecting, allowed_for, answer_of, consent_of, go_on, new_app, refused_on_a_page
from web.people import Member


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app that nobody has connected."""
    return new_app(server)


def _disable(server: RunningServer, ana: Member, _: Connecting) -> None:
    server.manage(lambda m: people.disable(m, OPERATOR, ana.person.id))


def _take_the_role(server: RunningServer, ana: Member, _: Connecting) -> None:
    _execute(server, f"update members set role = 'auditor' where person_id = '{ana.person.id}'")  # noqa: S608


def _take_out_of_the_company(server: RunningServer, ana: Member, _: Connecting) -> None:
    _execute(server, f"delete from members where person_id = '{ana.person.id}'")  # noqa: S608


def _suspend(server: RunningServer, _: Member, app: Connecting) -> None:
    _execute(server, f"update apps set state = 'suspended' where client_id = '{app.app.client_id}'")  # noqa: S608


def _execute(server: RunningServer, sql: str) -> None:
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        store.execute(sql)


LOSSES = [_disable, _take_the_role, _take_out_of_the_company, _suspend]


@pytest.mark.parametrize("lose", LOSSES)
def test_a42_what_is_lost_between_page_and_answer(
    server: RunningServer,
    app: Connecting,
    ana: Member,
    lose: Callable[[RunningServer, Member, Connecting], None],
) -> None:
    """The next step is refused."""
    page = consent_of(app.send(ana.browser))
    lose(server, ana, app)
    answer = go_on(ana.browser, page, "allow")
    assert answer.status_code in (200, 400)
    assert "location" not in answer.headers
    assert allowed_for(server, app, ana.person.id) == {}


@pytest.mark.parametrize("lose", LOSSES)
def test_a42_what_is_lost_between_code_and_token(
    server: RunningServer,
    app: Connecting,
    ana: Member,
    lose: Callable[[RunningServer, Member, Connecting], None],
) -> None:
    """The code gives nothing any more."""
    code = answer_of(go_on(ana.browser, app.send(ana.browser), "allow"))["code"]
    lose(server, ana, app)
    answer = app.redeem(code)
    assert answer.json()["error"] in ("invalid_grant", "invalid_client")


def test_what_a_disconnect_took_back_is_not_restored(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """The page of another tab gives what it asked for, and nothing that was allowed before."""
    earlier = "openid booking.read booking.write offline"
    go_on(ana.browser, app.send(ana.browser, scope=earlier), "allow")
    page = consent_of(app.send(ana.browser, scope="openid event.read"))
    server.manage(lambda m: disconnect(m, _as_admin(ana), ana.company.id, app.app.client_id))
    assert allowed_for(server, app, ana.person.id) == {}
    code = answer_of(go_on(ana.browser, page, "allow"))["code"]
    assert allowed_for(server, app, ana.person.id) == {ana.company.id: frozenset({"openid", "event.read"})}
    assert app.redeem(code).json()["scope"] == "openid event.read"


def _as_admin(member: Member) -> Actor:
    return Actor(
        kind="person", id=member.person.id, name=member.person.name, role="admin", address="", request_id=""
    )


def test_an_app_removed_meanwhile_is_an_error_page(
    server: RunningServer, app: Connecting, ana: Member
) -> None:
    """There is nobody to go back to."""

    async def remove(house: House) -> None:
        async with house.database.transaction() as tx:
            assert await apps.remove(tx, app.app.client_id, at_s=1)

    page = consent_of(app.send(ana.browser))
    server.in_house(remove)
    refused_on_a_page(go_on(ana.browser, page, "allow"))
