"""The token source, against a token endpoint on a real socket."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from keygrove.crypto.secrets import Secret
from keygrove.sdk import http
from keygrove.sdk.client import TokenSource
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Pause, drive
from keygrove.sdk.token_endpoint import TokenError
from keygrove.sdk.token_request import Order, request_token
from sdk.issuer import CLIENT, Clock, settle
from sdk.token_server import SECRET, Answer, TokenServer, running_token_server
from waiting import wait_for


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """A token endpoint of the test's own."""
    with running_token_server() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """The clock of the token source."""
    return Clock()


@pytest.fixture
def tokens(server: TokenServer, clock: Clock) -> TokenSource:
    """A token source whose renewals happen at exactly four fifths."""
    return TokenSource(
        issuer=server.url,
        client_id=CLIENT,
        client_secret=SECRET,
        scopes=["openid", "marketing.read"],
        audience="https://api.understory.io",
        monotonic=clock,
        chance=lambda: 0.5,
    )


def test_a_token_is_fetched_once_and_kept(server: TokenServer, tokens: TokenSource, clock: Clock) -> None:
    """By the request of the reference: credentials, scope and audience in the body."""
    assert [tokens.get() for _ in range(3)] == ["token-1"] * 3
    clock.at += 2800
    assert tokens.get() == "token-1"
    assert server.authorizations == [None]
    assert server.forms == [
        {
            "grant_type": ["client_credentials"],
            "scope": ["openid marketing.read"],
            "audience": ["https://api.understory.io"],
            "client_id": [CLIENT],
            "client_secret": [SECRET],
        }
    ]


def test_a_token_is_renewed_behind_the_scenes(server: TokenServer, tokens: TokenSource, clock: Clock) -> None:
    """At four fifths of its life the old one still serves while the new one is fetched."""
    tokens.get()
    server.delay_s = 3.0
    clock.at += 2881
    began = time.perf_counter()
    assert [tokens.get() for _ in range(5)] == ["token-1"] * 5
    assert time.perf_counter() - began < server.delay_s
    wait_for(lambda: tokens.get() == "token-2")
    assert server.issued == 2


@pytest.mark.parametrize(("chance", "quiet_until"), [(0.0, 2700), (1.0, 3060)])
def test_renewals_are_spread_by_chance(server: TokenServer, chance: float, quiet_until: int) -> None:
    """Many programs that started together do not come together."""
    clock = Clock()
    tokens = TokenSource(
        issuer=server.url,
        client_id=CLIENT,
        client_secret=SECRET,
        monotonic=clock,
        chance=lambda: chance,
    )
    tokens.get()
    clock.at += quiet_until - 1
    tokens.get()
    assert server.issued == 1
    clock.at += 2
    tokens.get()
    wait_for(lambda: server.issued == 2)


def test_an_expired_token_is_waited_for(server: TokenServer, tokens: TokenSource, clock: Clock) -> None:
    """And one that is about to expire is never given out."""
    tokens.get()
    clock.at += 3591
    assert tokens.get() == "token-2"


def test_a_failed_renewal_is_survived(server: TokenServer, tokens: TokenSource, clock: Clock) -> None:
    """While the old token lives, and without asking at every call."""
    tokens.get()
    server.always = Answer(400, {"error": "invalid_scope"})
    clock.at += 3000
    assert [tokens.get() for _ in range(3)] == ["token-1"] * 3
    wait_for(lambda: len(server.forms) == 2)
    settle()
    assert [tokens.get() for _ in range(20)] == ["token-1"] * 20
    assert len(server.forms) == 2
    clock.at += 6
    server.always = Answer()
    wait_for(lambda: tokens.get() == "token-2")


def test_many_threads_cause_one_request(server: TokenServer, tokens: TokenSource) -> None:
    """All wait for the same one."""
    server.delay_s = 0.1
    with ThreadPoolExecutor(30) as pool:
        assert set(pool.map(lambda _: tokens.get(), range(30))) == {"token-1"}
    assert len(server.forms) == 1


def test_many_tasks_cause_one_request(server: TokenServer, tokens: TokenSource) -> None:
    """Threads and tasks share it, too."""
    server.delay_s = 0.1

    async def ask() -> set[str]:
        thread = asyncio.to_thread(tokens.get)
        return set(await asyncio.gather(thread, *(tokens.get_async() for _ in range(30))))

    assert asyncio.run(ask()) == {"token-1"}
    assert len(server.forms) == 1


def test_the_callers_own_asynchronous_fetch_is_awaited() -> None:
    """Without threads and sockets."""

    async def own_fetch(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=200, body=b'{"access_token":"own","token_type":"Bearer","expires_in":"60"}')

    tokens = TokenSource(
        token_url="https://auth.example.com/token", client_id="a", client_secret="b", fetch=own_fetch
    )
    assert asyncio.run(tokens.get_async()) == "own"
    with pytest.raises(TypeError):
        TokenSource(
            token_url="https://auth.example.com/token", client_id="a", client_secret="b", fetch=own_fetch
        ).get()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_busy_server_is_asked_again(server: TokenServer, tokens: TokenSource, status: int) -> None:
    """After a short pause."""
    server.queue = [Answer(status, b"<html>busy</html>")]
    assert tokens.get() == "token-1"
    assert len(server.forms) == 2


ORDER = Order(client_id=CLIENT, client_secret=Secret(SECRET), token_url="https://auth.example.com/token")


def pauses(*answers: HttpAnswer, chance: float = 1.0) -> tuple[list[float], str]:
    """The pauses a request makes between these answers, and how it ends."""
    made, queue = [], list(answers)

    def perform(need: HttpRequest | Pause) -> HttpAnswer | None:
        if isinstance(need, Pause):
            made.append(need.seconds)
            return None
        return queue.pop(0)

    try:
        return made, drive(request_token(ORDER, lambda: chance), perform).access_token
    except TokenError as error:
        return made, str(error)


def retry_after(value: str) -> HttpAnswer:
    """A busy server that says when to come again."""
    return HttpAnswer(status=429, headers={"retry-after": value})


GOOD = HttpAnswer(status=200, body=b'{"access_token":"t","token_type":"bearer","expires_in":1}')
BROKEN = HttpAnswer(status=500)


def test_pauses_grow_and_then_it_gives_up() -> None:
    """Half a second, one, two; four attempts in all."""
    assert pauses(BROKEN, BROKEN, BROKEN, BROKEN) == ([0.5, 1.0, 2.0], "the token endpoint answered 500")
    assert pauses(BROKEN, BROKEN, GOOD, chance=0.0) == ([0.25, 0.5], "t")


def test_retry_after_is_honored() -> None:
    """In seconds or as a date; not beyond a minute, and nonsense is ignored."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert pauses(retry_after("7"), GOOD) == ([7.0], "t")
    assert 28 < pauses(retry_after(soon), GOOD)[0][0] <= 30
    assert pauses(retry_after("61"), GOOD) == ([], "the token endpoint answered 429")
    for nonsense in ("", "soon", "-5", "1e3", "Thu, 01 Jan 1970 00:00:00 GMT", "٣"):
        assert pauses(retry_after(nonsense), GOOD)[0][0] <= 3.0


def test_a_refusal_is_raised_at_once(server: TokenServer, tokens: TokenSource) -> None:
    """With the server's words, and what RFC 6749 calls it; never asked again by itself."""
    body = {"error": "invalid_client", "error_description": "Client authentication failed.\n\x1b[31m"}
    server.always = Answer(401, body)
    with pytest.raises(TokenError) as caught:
        tokens.get()
    assert (caught.value.error, caught.value.status) == ("invalid_client", 401)
    assert str(caught.value) == "invalid_client: Client authentication failed.??[31m"
    assert SECRET not in repr(caught.value)
    assert len(server.forms) == 1


UNUSABLE_LIVES: list[object] = [0, -1, "x", True, [], "nan", "inf", ""]
UNUSABLE: dict[str, Any] = {
    "html": b"<html>",
    "array": [],
    "no-token": {"token_type": "bearer", "expires_in": 5},
    "empty-token": {"access_token": "", "token_type": "bearer"},
    "token-with-line-end": {"access_token": "a\r\nX: y", "token_type": "bearer"},
    "token-number": {"access_token": 5, "token_type": "bearer"},
    "dpop": {"access_token": "t", "token_type": "DPoP"},
    "no-type": {"access_token": "t"},
    **{
        f"expires-in-{value!r}": {"access_token": "t", "token_type": "bearer", "expires_in": value}
        for value in UNUSABLE_LIVES
    },
}


@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_answer_is_an_error(server: TokenServer, tokens: TokenSource, body: Any) -> None:
    """Not a token that fails later."""
    server.always = Answer(200, body)
    with pytest.raises(TokenError):
        tokens.get()


@pytest.mark.parametrize("expires_in", [None, "3600", 3600.5, 1])
def test_sloppy_lives_are_read(server: TokenServer, tokens: TokenSource, expires_in: object) -> None:
    """Absent, a string, a fraction, a second."""
    server.expires_in = expires_in
    assert tokens.get() == "token-1"


def test_a_redirect_is_not_followed(server: TokenServer, tokens: TokenSource) -> None:
    """The secret goes where it was meant to go."""
    server.always = Answer(307, {}, {"Location": f"{server.url}/elsewhere"})
    with pytest.raises(TokenError) as caught:
        tokens.get()
    assert (caught.value.status, server.api_calls) == (307, [])


def without_pauses(need: HttpRequest | Pause) -> HttpAnswer | None:
    """Fetch for real, but do not wait."""
    return None if isinstance(need, Pause) else http.fetch(need)


@pytest.mark.parametrize(
    "wrong", [{"issuer": "https://evil.example.com"}, {"token_endpoint": "http://example.com/token"}]
)
def test_metadata_that_cannot_be_trusted_gets_no_secret(
    server: TokenServer, wrong: dict[str, object]
) -> None:
    """Of another issuer, or with an endpoint in plain http elsewhere."""
    server.metadata |= wrong
    order = Order(client_id=CLIENT, client_secret=Secret(SECRET), issuer=server.url)
    with pytest.raises(TokenError, match="issuer's metadata"):
        drive(request_token(order, lambda: 0.0), without_pauses)
    assert server.forms == []


def test_a_server_that_is_gone_is_an_error() -> None:
    """After the attempts, with no status."""
    order = Order(client_id=CLIENT, client_secret=Secret(SECRET), token_url="http://127.0.0.1:1/token")
    with pytest.raises(TokenError, match="cannot be reached") as caught:
        drive(request_token(order, lambda: 0.0), without_pauses)
    assert caught.value.status == 0


def test_an_invalidated_token_is_replaced(server: TokenServer, tokens: TokenSource) -> None:
    """Only if it is the one held."""
    tokens.get()
    tokens.invalidate("another")
    assert tokens.get() == "token-1"
    tokens.invalidate("token-1")
    assert tokens.get() == "token-2"


def test_the_environment_is_enough() -> None:
    """The names that a downloaded .env file has; what is missing is named."""
    environment = {
        "KEYGROVE_CLIENT_ID": CLIENT,
        "KEYGROVE_CLIENT_SECRET": SECRET,
        "KEYGROVE_ISSUER": "https://auth.example.com",
    }
    assert CLIENT in repr(TokenSource.from_environment(environment=environment))
    with pytest.raises(ValueError, match="KEYGROVE_CLIENT_SECRET, KEYGROVE_ISSUER"):
        TokenSource.from_environment(environment={"KEYGROVE_CLIENT_ID": CLIENT, "KEYGROVE_ISSUER": ""})


def test_the_secret_is_never_printed(tokens: TokenSource) -> None:
    """Neither by the source nor by what it is made of."""
    request = next(request_token(ORDER, lambda: 0.0))
    printed = f"{tokens!r} {tokens._order!r} {request!r} {TokenError(description='x')!r}"
    assert SECRET not in printed
    assert "<secret>" in printed


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": ""},
        {"client_id": ""},
        {"issuer": ""},
        {"issuer": "http://auth.example.com"},
        {"token_url": "https://auth.example.com/token"},
        {"issuer": "", "token_url": "http://auth.example.com/token"},
    ],
)
def test_incomplete_or_unsafe_settings_are_a_mistake(wrong: dict[str, str]) -> None:
    """Said at construction."""
    settings = {"issuer": "https://auth.example.com", "client_id": CLIENT, "client_secret": SECRET} | wrong
    with pytest.raises(ValueError, match=r"needed|must be"):
        TokenSource(**settings)  # type: ignore[arg-type]
