"""A connection of an app: renewed, ended, and kept."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from keygrove.sdk import http
from keygrove.sdk.authorization_code import AuthorizationCodeFlow, GrantEnded
from keygrove.sdk.connection import Connection
from keygrove.sdk.errand import REMEMBERED_S, Errand, Errands
from keygrove.sdk.pending import Pending
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Pause, Steps
from keygrove.sdk.token_endpoint import TokenError
from sdk.app_issuer import (
    SECRET,
    AppIssuer,
    Refusal,
    connect,
    flow_at,
)
from sdk.issuer import Clock

# Renewing: RFC 6749 §6, RFC 9700 §4.14.2


def test_a_refresh_keeps_the_newest_token(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """Each serves once; where they do not rotate, the old one stays."""
    first = connect(flow, issuer)
    second = flow.refresh(first)
    third = flow.refresh(second)
    assert [each.refresh_token for each in (first, second, third)] == ["refresh-1", "refresh-2", "refresh-3"]
    assert issuer.forms[-1]["grant_type"] == "refresh_token"
    assert third.access_token == "access-3"
    assert third.person is not None
    issuer.members, issuer.without_id_token = {"refresh_token": None}, True
    fourth = flow.refresh(third)
    assert (fourth.refresh_token, fourth.id_token) == ("refresh-3", third.id_token)
    assert fourth.person == third.person


def test_r02_many_threads_cause_one_refresh(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """All get its outcome; and so does one that comes a little later with the old token."""
    connection = connect(flow, issuer)
    issuer.pause_s = 0.2
    with ThreadPoolExecutor(30) as pool:
        renewed = list(pool.map(lambda _: flow.refresh(connection), range(30)))
    assert {each.refresh_token for each in renewed} == {"refresh-2"}
    assert flow.refresh(connection).refresh_token == "refresh-2"
    assert len(issuer.forms) == 2


def test_r02_many_tasks_cause_one_refresh(issuer: AppIssuer) -> None:
    """With a fetch that is awaited, too; then nothing blocks."""

    async def fetch(request: HttpRequest) -> HttpAnswer:
        return await asyncio.to_thread(http.fetch, request)

    flow = flow_at(issuer, fetch=fetch)

    async def run() -> list[Connection]:
        started = await flow.start_async()
        connection = await flow.callback_async(issuer.allow(started.url), started.pending)
        renewed = await asyncio.gather(*(flow.refresh_async(connection) for _ in range(30)))
        await flow.revoke_async(renewed[0])
        return renewed

    assert {each.refresh_token for each in asyncio.run(run())} == {"refresh-2"}
    assert len(issuer.forms) == 3
    with pytest.raises(TypeError):
        flow.start()


def test_two_connections_are_renewed_apart(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """One refresh at a time for each."""
    one, other = connect(flow, issuer), connect(flow, issuer)
    assert flow.refresh(one).refresh_token != flow.refresh(other).refresh_token


def test_a_connection_that_is_gone_is_told_apart(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """Only `invalid_grant` means so; an issuer in trouble is asked again another time."""
    connection = connect(flow, issuer)
    issuer.queue = [Refusal(400, {"error": "invalid_scope"})]
    with pytest.raises(TokenError) as caught:
        flow.refresh(connection)
    assert not isinstance(caught.value, GrantEnded)
    issuer.queue = [Refusal(503)] * 4
    with pytest.raises(TokenError, match="503"):
        flow.refresh(connection)
    connection = flow.refresh(connection)
    issuer.refresh_tokens.clear()
    for _ in range(2):
        with pytest.raises(GrantEnded, match="invalid_grant"):
            flow.refresh(connection)


def test_wrong_credentials_are_told_at_once(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """Whatever the status; the connection stays."""
    connection = connect(flow, issuer)
    issuer.queue = [Refusal(429, {"error": "invalid_client"}, {"Retry-After": "1"})] * 2
    for use in (flow.refresh, flow.revoke):
        with pytest.raises(TokenError, match="invalid_client"):
            use(connection)
    assert len(issuer.forms) == 3
    assert flow.refresh(connection).refresh_token == "refresh-4"


def test_an_issuer_that_does_not_say_how_gets_basic(issuer: AppIssuer) -> None:
    """RFC 8414 §2: at the token endpoint and at the one for revocation; blocking or not."""
    for name in ("token_endpoint", "revocation_endpoint"):
        del issuer.metadata[f"{name}_auth_methods_supported"]
    flow = flow_at(issuer)
    flow.revoke(flow.refresh(connect(flow, issuer)))

    async def use_async() -> None:
        started = await flow.start_async()
        connection = await flow.callback_async(issuer.allow(started.url), started.pending)
        await flow.revoke_async(await flow.refresh_async(connection))

    asyncio.run(use_async())
    assert len(issuer.authorizations) == 6
    assert all(issuer.authorizations)
    assert not [form for form in issuer.forms if "client_secret" in form]
    assert len(issuer.revoked) == 2


def test_without_offline_there_is_nothing_to_renew(issuer: AppIssuer) -> None:
    """OpenID Connect Core §11."""
    flow = flow_at(issuer, scopes=["openid", "marketing.read"])
    connection = connect(flow, issuer)
    assert connection.refresh_token == ""
    with pytest.raises(GrantEnded, match="offline"):
        flow.refresh(connection)


def test_an_errand_is_forgotten_after_a_while() -> None:
    """Memory is bounded; a failure is forgotten at once."""
    clock, done = Clock(), []

    def fetch(_: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=200)

    def steps() -> Steps[int]:
        yield HttpRequest(method="GET", url="https://auth.example.com")
        done.append(clock.at)
        if clock.at < 0:
            raise TokenError(description="not now")
        return len(done)

    errands: Errands[int] = Errands(fetch, patience_s=5, monotonic=clock)
    flight_wait = Errand(fetch, steps, patience_s=5)._flight.wait
    assert [flight_wait(errands.run("a", steps)) for _ in range(3)] == [1, 1, 1]
    clock.at += REMEMBERED_S
    assert flight_wait(errands.run("b", steps)) == 2
    assert list(errands._known) == ["b"]
    clock.at = -1
    with pytest.raises(TokenError):
        flight_wait(errands.run("c", steps))
    assert list(errands._known) == ["b"]


def test_an_errand_that_has_just_landed_is_not_run_again() -> None:
    """Whoever looked a moment before it did joins a run that does nothing."""
    done = []

    def steps() -> Steps[str]:
        yield Pause(0)
        done.append("once")
        return "outcome"

    errand = Errand(http.fetch, steps, patience_s=5)
    for _ in range(2):
        errand._flight.join(errand._steps).result(5)
    assert errand._flight.wait(errand.outcome()) == "outcome"
    assert done == ["once"]


# Ending: RFC 7009


def test_a_connection_can_be_ended(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """By its refresh token, else its access token (§2.1); ended already is ended (§2.2)."""
    connection = connect(flow, issuer)
    flow.revoke(connection)
    flow.revoke(connection)
    assert issuer.revoked == ["refresh-1", "refresh-1"]
    with pytest.raises(GrantEnded):
        flow.refresh(connection)
    flow.revoke(connect(flow_at(issuer, scopes=["openid"]), issuer))
    assert issuer.revoked[-1].startswith("access-")
    assert issuer.forms[-1]["token_type_hint"] == "access_token"


def test_an_end_that_did_not_happen_is_told(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """RFC 7009 §2.2.1; or there is nowhere to ask."""
    connection = connect(flow, issuer)
    issuer.queue = [Refusal(400, {"error": "unsupported_token_type"})]
    with pytest.raises(TokenError, match="unsupported_token_type"):
        flow.revoke(connection)
    del issuer.metadata["revocation_endpoint"]
    with pytest.raises(TokenError, match="no usable revocation_endpoint"):
        flow_at(issuer).revoke(connection)


# What an app keeps


def test_a_connection_is_kept_as_text(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """And comes back as it was; other texts are no connections."""
    connection = connect(flow, issuer)
    assert Connection.load(connection.dump()) == connection
    bare = connect(flow_at(issuer, scopes=["marketing.read"]), issuer)
    assert Connection.load(bare.dump()) == bare
    for wrong in ("", "[]", "{}", '{"person": 1, "scopes": 2}', json.dumps({"person": None, "scopes": []})):
        with pytest.raises(ValueError, match=r"."):
            Connection.load(wrong)


def test_secrets_are_never_printed(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """By nothing that an app holds in its hands."""
    started = flow.start()
    pending = Pending.load(started.pending)
    connection = flow.callback(issuer.allow(started.url), started.pending)
    printed = f"{flow!r} {started!r} {pending!r} {connection!r} {vars(flow)!r}"
    for secret in (SECRET, pending.state, pending.code_verifier, connection.access_token, "refresh-1"):
        assert secret not in printed.replace(started.url, "")
    assert connection.id_token not in printed
