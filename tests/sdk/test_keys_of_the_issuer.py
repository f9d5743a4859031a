"""Table J of the reference, the keys: how an API behaves while its issuer is slow, broken, gone or lying."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from keygrove.crypto.jose import InvalidToken, UnknownKey
from keygrove.sdk.bearer import Refusal
from keygrove.sdk.http import fetch
from keygrove.sdk.key_cache import FRESH_S, LOST_S, OLD_S, RETRY_S, KeysUnavailable
from keygrove.sdk.resource_server import ResourceServer
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Unreachable
from sdk.issuer import AUDIENCE, CLIENT, DISCOVERY, JWKS, Clock, Issuer, ring, settle, signed, signing_key
from yardstick import in_time

Break = Callable[[Issuer], None]


def rotate(issuer: Issuer) -> None:
    """The issuer signs with a new key and withdraws the old one."""
    issuer.keyring = ring("next")


def test_nothing_is_fetched_before_a_token_comes(issuer: Issuer, api: ResourceServer) -> None:
    """Neither on construction nor for a request without a token."""
    with pytest.raises(Refusal):
        api.authenticate(None)
    assert issuer.asked == []


def test_keys_are_fetched_once_for_many_threads(issuer: Issuer, api: ResourceServer) -> None:
    """Thirty threads start together on an empty cache."""
    issuer.delay_s = 0.05
    token = issuer.token()
    with ThreadPoolExecutor(30) as pool:
        principals = list(pool.map(api.verify, [token] * 30))
    assert {principal.client_id for principal in principals} == {CLIENT}
    assert issuer.jwks_fetches() == 1


def test_keys_are_fetched_once_for_many_tasks(issuer: Issuer, api: ResourceServer) -> None:
    """Thirty tasks start together on an empty cache, and the loop is not blocked meanwhile."""
    issuer.delay_s = 0.3
    token = issuer.token()

    async def verify_many() -> float:
        ticks = asyncio.create_task(count_ticks())
        await asyncio.gather(*(api.verify_async(token) for _ in range(30)))
        ticks.cancel()
        return ticker[0]

    ticker = [0]

    async def count_ticks() -> None:
        while True:
            ticker[0] += 1
            await asyncio.sleep(0.01)

    assert asyncio.run(verify_many()) > 5
    assert issuer.jwks_fetches() == 1


def test_a_task_that_gives_up_does_not_stop_the_fetch(issuer: Issuer, api: ResourceServer) -> None:
    """Cancelling one request leaves the others their keys."""
    issuer.delay_s = 0.1

    async def cancel_one() -> str:
        first = asyncio.create_task(api.verify_async(issuer.token()))
        second = asyncio.create_task(api.verify_async(issuer.token()))
        await asyncio.sleep(0.02)
        first.cancel()
        return (await second).client_id

    assert asyncio.run(cancel_one()) == CLIENT
    assert issuer.jwks_fetches() == 1


def test_j05_unknown_kids_cause_one_fetch_per_interval(
    issuer: Issuer, api: ResourceServer, clock: Clock
) -> None:
    """A flood of them is refused, and the issuer hears of it once in thirty seconds."""
    api.verify(issuer.token())
    flood = [issuer.forge(issuer.header(kid=f"kid-{number}")) for number in range(200)]

    def refused() -> int:
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(lambda token: not is_accepted(api, token), flood))

    assert (refused(), issuer.jwks_fetches()) == (200, 1)
    clock.at += RETRY_S - 1
    assert (refused(), issuer.jwks_fetches()) == (200, 1)
    clock.at += 2
    assert (refused(), issuer.jwks_fetches()) == (200, 2)


def is_accepted(api: ResourceServer, token: str) -> bool:
    """Whether the API lets a token in."""
    try:
        api.verify(token)
    except InvalidToken:
        return False
    return True


def test_a_new_key_is_found_when_its_first_token_comes(
    issuer: Issuer, api: ResourceServer, clock: Clock
) -> None:
    """Even one that was not published ahead of time, thirty seconds after the last fetch."""
    api.verify(issuer.token())
    issuer.keyring = ring("next", "current")
    clock.at += RETRY_S + 1
    assert api.verify(issuer.token()).client_id == CLIENT


def test_keys_are_renewed_behind_the_scenes(issuer: Issuer, api: ResourceServer, clock: Clock) -> None:
    """A request that finds them no longer fresh does not wait for the issuer."""
    token = issuer.token()
    api.verify(token)
    issuer.delay_s = 2.0
    clock.at += FRESH_S + 1
    began = time.perf_counter()
    assert api.verify(token).client_id == CLIENT
    assert time.perf_counter() - began < issuer.delay_s
    settle()
    assert issuer.jwks_fetches() == 2


def test_j29_a_withdrawn_key_is_refused_within_the_bound(
    issuer: Issuer, api: ResourceServer, clock: Clock
) -> None:
    """At the latest OLD_S after the API last heard of it, even if it was idle since."""
    stolen = issuer.token()
    api.verify(stolen)
    rotate(issuer)
    clock.at += OLD_S + 1
    with pytest.raises(UnknownKey):
        api.verify(stolen)
    assert api.verify(issuer.token()).client_id == CLIENT


def serves(body: object) -> Break:
    """The key set is this."""
    return lambda issuer: issuer.documents.update({JWKS: body})


def answers(status: int) -> Break:
    """Every document comes with this status."""
    return lambda issuer: setattr(issuer, "status", status)


def renames(**changes: object) -> Break:
    """The metadata says something else."""

    def change(issuer: Issuer) -> None:
        issuer.documents[DISCOVERY] = {"issuer": issuer.url, "jwks_uri": issuer.url + JWKS} | changes

    return change


def redirects(issuer: Issuer) -> None:
    """The key set is elsewhere, whole and well, but nobody configured that place."""
    issuer.documents["/moved.json"] = issuer.keyring.jwks(0)
    issuer.moved_to = issuer.url + "/moved.json"


def swells(issuer: Issuer) -> None:
    """The key set is fine but for its size."""
    issuer.documents[JWKS] = json.dumps(issuer.keyring.jwks(0)).encode() + b" " * 10_000_000


FAULTS: dict[str, Break] = {
    "J42-status-500": answers(500),
    "J42-status-404": answers(404),
    "J42-redirect": redirects,
    "J42-no-key-set": serves(None),
    "J43-html": serves(b"<!doctype html><title>Sign in</title>"),
    "J43-100-mb": swells,
    "J43-empty-body": serves(b""),
    "J43-no-keys": serves({"keys": []}),
    "J43-keys-object": serves({"keys": {"a": 1}}),
    "J43-array": serves([1]),
    "J43-nested": serves(b'{"keys":' + b"[" * 100_000),
    "J43-thousand-keys": serves({"keys": [{}] * 1000}),
    "J43-not-utf8": serves(b"\xff\xfe\x00"),
    "J43-only-bad-keys": serves({"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}, 5, None, {"kty": "RSA"}]}),
    "metadata-of-another-issuer": renames(issuer="https://evil.example.com"),
    "metadata-without-keys": renames(jwks_uri=None),
    "metadata-plain-http": renames(jwks_uri="http://keys.example.com/jwks.json"),
    "metadata-file": renames(jwks_uri="file:///etc/passwd"),
    "metadata-with-user": renames(jwks_uri="https://user@example.com/"),
}


@pytest.mark.parametrize("break_it", FAULTS.values(), ids=FAULTS.keys())
def test_the_last_good_keys_serve_on(
    break_it: Break, issuer: Issuer, api: ResourceServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the issuer serves: known keys stay, unknown ones are refused, the log tells, and it heals."""
    token, unknown = issuer.token(), issuer.forge(issuer.header(kid="unknown"))
    api.verify(token)
    documents = dict(issuer.documents)
    break_it(issuer)
    clock.at += OLD_S + 1
    with caplog.at_level(logging.WARNING, "keygrove.sdk"):
        assert api.verify(token).client_id == CLIENT
    assert "could not be fetched" in caplog.text
    with pytest.raises(UnknownKey):
        api.verify(unknown)
    issuer.documents, issuer.status, issuer.moved_to = documents, 200, ""
    rotate(issuer)
    clock.at += RETRY_S
    assert api.verify(issuer.token()).client_id == CLIENT


@pytest.mark.parametrize("break_it", FAULTS.values(), ids=FAULTS.keys())
def test_without_any_keys_nothing_is_accepted(break_it: Break, issuer: Issuer, api: ResourceServer) -> None:
    """An API that never got keys says that it cannot check, not that the token is bad."""
    break_it(issuer)
    with pytest.raises(Refusal) as caught:
        api.authenticate(f"Bearer {issuer.token()}")
    assert (caught.value.status, caught.value.headers()) == (503, {"Retry-After": "5"})


def test_j42_a_slow_issuer_is_not_waited_for_forever(issuer: Issuer, clock: Clock) -> None:
    """Neither one that is silent nor one that sends byte by byte; known keys serve on."""
    timeout_s = 5.0
    api = ResourceServer(
        issuer=issuer.url,
        audience=AUDIENCE,
        monotonic=clock,
        fetch=lambda request: fetch(request, timeout_s=timeout_s),
    )
    token = issuer.token()
    api.verify(token)
    timeout_s = 0.2
    for delay_s, drip in ((3.0, False), (0.0, True)):
        issuer.delay_s, issuer.drip = delay_s, drip
        clock.at += OLD_S + RETRY_S
        began = time.perf_counter()
        assert api.verify(token).client_id == CLIENT
        assert in_time(time.perf_counter() - began, 0.9)


def test_j42_an_issuer_that_hangs_is_waited_for_once(issuer: Issuer, clock: Clock) -> None:
    """Not anew every half minute: requests go on, and attempts beside them. After a rest once more."""
    release, ended = threading.Event(), threading.Event()
    hangs_s = 0.0

    def hang(request: HttpRequest) -> HttpAnswer:
        if not hangs_s:
            return fetch(request)
        release.wait(hangs_s)
        ended.set()
        raise Unreachable("timed out")

    api = ResourceServer(issuer=issuer.url, audience=AUDIENCE, monotonic=clock, fetch=hang)
    token = issuer.token()
    api.verify(token)
    for rest_s, waits in ((OLD_S + 1, True), (RETRY_S, False), (RETRY_S, False), (2 * RETRY_S, True)):
        hangs_s = 0.1 if waits else 5.0  # who waits does so to the end; who does not is away long before
        release.clear()
        ended.clear()
        clock.at += rest_s
        assert api.verify(token).client_id == CLIENT
        assert ended.is_set() == waits
        release.set()
        settle()
        assert ended.is_set()
    rotate(issuer)
    hangs_s = 0.0
    clock.at += RETRY_S
    assert api.verify(issuer.token()).client_id == CLIENT
    with pytest.raises(UnknownKey):
        api.verify(token)


def test_j42_an_issuer_that_is_gone_is_outlived_for_a_day(
    api: ResourceServer, issuer: Issuer, clock: Clock
) -> None:
    """Then the API fails closed, until the issuer is back: the first request waits for its keys."""
    token = issuer.token()
    api.verify(token)
    issuer.status = 500
    clock.at += LOST_S - 1
    assert api.verify(token).client_id == CLIENT
    clock.at += RETRY_S
    with pytest.raises(KeysUnavailable):
        api.verify(token)
    settle()
    issuer.status, issuer.delay_s = 200, 0.05
    clock.at += RETRY_S
    assert api.verify(token).client_id == CLIENT


def test_an_api_that_starts_first_waits_for_its_issuer(
    issuer: Issuer, api: ResourceServer, clock: Clock
) -> None:
    """It tries again after one second, then two, and so on; not at every request."""
    issuer.status = 500
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            api.verify(issuer.token())
    assert issuer.asked == [DISCOVERY]
    issuer.status = 200
    clock.at += 1
    assert api.verify(issuer.token()).client_id == CLIENT


def test_j43_bad_keys_beside_good_ones_are_skipped(issuer: Issuer, api: ResourceServer) -> None:
    """Their tokens are refused; the good keys work. Each kind of bad key has its test beside `PublicKeys`."""
    good, stranger = issuer.current.public_jwk(), signing_key("stranger")
    encrypts = stranger.public_jwk() | {"use": "enc"}
    issuer.documents[JWKS] = {"keys": [None, {"kty": "oct", "k": "AAAA", "kid": "a"}, encrypts, good, {}]}
    assert api.verify(issuer.token()).client_id == CLIENT
    with pytest.raises(UnknownKey):
        api.verify(signed(stranger, issuer.claims()))


def test_j45_a_disputed_kid_is_refused(issuer: Issuer, api: ResourceServer) -> None:
    """Two different keys under one name: neither is believed; the same key twice is no dispute."""
    ours, theirs = issuer.current.public_jwk(), signing_key("stranger").public_jwk()
    bystander = signing_key("next")
    disputed = [ours, theirs | {"kid": ours["kid"]}, bystander.public_jwk(), bystander.public_jwk()]
    issuer.documents[JWKS] = {"keys": disputed}
    with pytest.raises(UnknownKey):
        api.verify(issuer.token())
    with pytest.raises(UnknownKey):
        api.verify(issuer.forge(issuer.header(), key=signing_key("stranger").key))
    assert api.verify(signed(bystander, issuer.claims())).client_id == CLIENT


def test_metadata_is_also_found_where_rfc_8414_has_it(issuer: Issuer) -> None:
    """For an issuer with a path, between host and path."""
    url = issuer.url + "/tenants/a"
    issuer.documents = {
        DISCOVERY: None,
        "/.well-known/oauth-authorization-server/tenants/a": {"issuer": url, "jwks_uri": issuer.url + JWKS},
    }
    api = ResourceServer(issuer=url, audience=AUDIENCE)
    assert api.verify(issuer.token(iss=url)).client_id == CLIENT


def test_the_callers_own_asynchronous_fetch_is_awaited(issuer: Issuer) -> None:
    """On the loop, without a thread; the blocking methods then refuse to work."""
    threads = set()

    async def own_fetch(request: HttpRequest) -> HttpAnswer:
        threads.add(threading.current_thread())
        await asyncio.sleep(0)
        return HttpAnswer(status=200, body=issuer.document(request.url.removeprefix(issuer.url)) or b"")

    api = ResourceServer(issuer=issuer.url, audience=AUDIENCE, fetch=own_fetch)
    assert asyncio.run(api.verify_async(issuer.token())).client_id == CLIENT
    assert (threads, issuer.asked) == ({threading.main_thread()}, [])
    with pytest.raises(TypeError):
        api.verify(issuer.token())


UNTRUSTED = """
http://example.com  ftp://example.com  https://  https://a@b.example  https://example.com/#a  https://example.com?a=b
http://127.0.0.1.example.com  http://localhost.example.com  https://a.example:x  https://example.com\\@evil.example
"""


@pytest.mark.parametrize("url", ["", "https://exa mple.com", *UNTRUSTED.split()])
def test_an_issuer_that_cannot_be_trusted_is_a_mistake(url: str) -> None:
    """Said at construction."""
    with pytest.raises(ValueError, match="issuer"):
        ResourceServer(issuer=url, audience=AUDIENCE)


UNSAFE = [
    {"algorithms": []},
    {"algorithms": ["none"]},
    {"algorithms": ["HS256"]},
    {"audience": ""},
    {"token_types": []},
    {"token_types": [""]},
]


@pytest.mark.parametrize("wrong", UNSAFE, ids=json.dumps)
def test_unsafe_settings_are_a_mistake(wrong: dict[str, Any]) -> None:
    """Said at construction, not at the first token."""
    settings: dict[str, Any] = {"issuer": "https://auth.example.com", "audience": AUDIENCE} | wrong
    with pytest.raises(ValueError, match=r"needed|among"):
        ResourceServer(**settings)
