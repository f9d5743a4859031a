"""The SDK's app against a Keygrove that really runs, and a person without script who connects it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hostile_rules import Rules, holding
from keygrove.management import apps, connected_apps, people
from keygrove.management.context import OPERATOR
from keygrove.sdk.authorization_code import AuthorizationCodeFlow, GrantEnded
from keygrove.sdk.connection import Connection
from keygrove.sdk.pending import AuthorizationFailed, AuthorizationRefused
from keygrove.sdk.resource_server import ResourceServer
from keygrove.sdk.token_endpoint import TokenError
from running import AUDIENCE, PASSWORD, Key, RunningServer
from web.apps import CODES, Connecting, go_on, new_app
from web.people import Member, join
from yardstick import here

SCOPES = ("openid", "offline", "booking.read")


@pytest.fixture
def rules(server: RunningServer, key: Key) -> Iterator[Rules]:
    """The four rules of the hostile cases hold here too."""
    with holding(server, key) as rules:
        yield rules


@pytest.fixture
def ana(server: RunningServer, rules: Rules) -> Member:
    """An admin of a company of her own, signed in."""
    return join(server, rules)


@pytest.fixture
def app(server: RunningServer) -> Connecting:
    """An app that nobody has connected."""
    return new_app(server)


def flow_of(app: Connecting, *, secret: str | None = None) -> AuthorizationCodeFlow:
    """The app's program, as one process of it."""
    return AuthorizationCodeFlow(
        issuer=app.server.url,
        client_id=app.app.client_id,
        client_secret=app.client_secret if secret is None else secret,
        redirect_uri=app.app.redirect_uris[0],
        scopes=SCOPES,
        audience=AUDIENCE,
    )


def answer_to(url: str, app: Connecting, person: Member, step: str = "allow") -> str:
    """Send the person to `url`; where the browser comes back to."""
    page = person.browser.send("GET", url.removeprefix(app.server.url), headers={}, shows=CODES)
    if page.status_code == 200:
        page = go_on(person.browser, page, step)
    assert page.status_code == 303, page.text
    return page.headers["location"]


def connect(flow: AuthorizationCodeFlow, app: Connecting, person: Member) -> Connection:
    """From start to connection."""
    started = flow.start()
    return flow.callback(answer_to(started.url, app, person), started.pending)


def test_a_company_is_connected_and_its_token_opens_the_api(app: Connecting, ana: Member) -> None:
    """The ID token says who and for whom, and so does the access token."""
    connection = connect(flow_of(app), app, ana)
    assert connection.person is not None
    assert (connection.person.subject, connection.company_id) == (ana.person.id, ana.company.id)
    assert set(connection.scopes) == set(SCOPES)
    principal = ResourceServer(issuer=app.server.url, audience=AUDIENCE).verify(connection.access_token)
    assert (principal.subject, principal.company_id) == (ana.person.id, ana.company.id)
    assert principal.client_id == app.app.client_id
    assert abs(connection.expires_at_s - principal.expires_at_s) <= here(2)


def test_r03_processes_that_refresh_at_once_get_the_same(app: Connecting, ana: Member) -> None:
    """Within the grace; the family lives on."""
    processes = [flow_of(app) for _ in range(4)]
    connection = connect(processes[0], app, ana)
    with ThreadPoolExecutor(12) as pool:
        renewed = list(pool.map(lambda n: processes[n % 4].refresh(connection), range(12)))
    assert len({each.refresh_token for each in renewed} - {connection.refresh_token}) == 1
    assert {each.company_id for each in renewed} == {ana.company.id}
    again = processes[1].refresh(renewed[0])
    assert again.refresh_token not in ("", renewed[0].refresh_token, connection.refresh_token)


def test_a_connection_ends_when_it_is_revoked_or_disconnected(app: Connecting, ana: Member) -> None:
    """By the app, or by the company."""
    flow = flow_of(app)
    connection = connect(flow, app, ana)
    flow.revoke(connection)
    with pytest.raises(GrantEnded):
        flow.refresh(connection)
    connection = flow.refresh(connect(flow, app, ana))
    app.server.manage(lambda m: connected_apps.disconnect(m, OPERATOR, ana.company.id, app.app.client_id))
    with pytest.raises(GrantEnded):
        flow.refresh(connection)


def test_r07_a_connection_ends_with_its_person(app: Connecting, ana: Member) -> None:
    """Who left gives nothing any more."""
    flow = flow_of(app)
    connection = connect(flow, app, ana)
    app.server.manage(lambda m: people.disable(m, OPERATOR, ana.person.id))
    with pytest.raises(GrantEnded):
        flow.refresh(connection)


def test_an_app_without_its_secret_keeps_its_connection(app: Connecting, ana: Member) -> None:
    """A new secret is the operator's matter: nothing is over."""
    flow = flow_of(app)
    connection = connect(flow, app, ana)
    new = app.server.manage(lambda m: apps.renew_secret(m, OPERATOR, app.app.company_id, app.app.client_id))
    with pytest.raises(TokenError) as caught:
        flow.refresh(connection)
    assert not isinstance(caught.value, GrantEnded)
    assert caught.value.error == "invalid_client"
    assert new.client_secret is not None
    renewed = flow_of(app, secret=new.client_secret.reveal()).refresh(connection)
    assert renewed.company_id == ana.company.id


def test_who_says_no_is_believed(app: Connecting, ana: Member) -> None:
    """`access_denied`, with the issuer's name on it."""
    flow = flow_of(app)
    started = flow.start()
    with pytest.raises(AuthorizationRefused) as caught:
        flow.callback(answer_to(started.url, app, ana, "cancel"), started.pending)
    assert caught.value.error == "access_denied"


def test_p01_p18_a_code_serves_once_and_one_browser(app: Connecting, ana: Member) -> None:
    """A code that comes twice ends what it gave; one of another sign-in is of no use."""
    flow = flow_of(app)
    started = flow.start()
    answer = answer_to(started.url, app, ana)
    connection = flow.callback(answer, started.pending)
    with pytest.raises(TokenError, match="invalid_grant"):
        flow.callback(answer, started.pending)
    with pytest.raises(GrantEnded):
        flow.refresh(connection)
    other = flow.start()
    with pytest.raises(AuthorizationFailed, match="state"):
        flow.callback(answer_to(started.url, app, ana), other.pending)


def test_a_recent_sign_in_can_be_demanded(app: Connecting, ana: Member) -> None:
    """`max_age` of nothing at all: the password is asked for again, and the ID token tells when."""
    flow = flow_of(app)
    connect(flow, app, ana)
    before = int(time.time())
    started = flow.start(max_age_s=0)
    page = ana.browser.get(started.url.removeprefix(app.server.url))
    page = go_on(ana.browser, page, "sign-in", email=ana.person.email, password=PASSWORD)
    connection = flow.callback(page.headers["location"], started.pending)
    assert connection.person is not None
    assert connection.person.auth_time_s is not None
    assert connection.person.auth_time_s >= before


def test_a_public_app_needs_no_secret(server: RunningServer, ana: Member) -> None:
    """Its code is bound to it by PKCE, its refresh tokens by rotation."""
    app = new_app(server, public=True, application_type="native", redirect_uris=("http://127.0.0.1/cb",))
    flow = flow_of(app, secret="")
    renewed = flow.refresh(connect(flow, app, ana))
    assert renewed.company_id == ana.company.id
    flow.revoke(renewed)
    with pytest.raises(GrantEnded):
        flow.refresh(renewed)
