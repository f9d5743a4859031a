"""Requests to addresses of others: web/outgoing.py against real servers on this machine."""

import asyncio
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from backchannel.receiver import PATH, Receiver, receiving
from clients.tls_front import Certificate, make_certificate
from keygrove.endpoints.backchannel_logout import NotReached
from keygrove.web import outgoing
from keygrove.web.outgoing import Outgoing
from ports import free_port
from yardstick import in_time

pytestmark = pytest.mark.anyio
BODY = b"logout_token=abc"
NAME = "app.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For localhost and 127.0.0.1, by an authority that nobody knows."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An app."""
    with receiving(Receiver()) as running:
        yield running


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were looked up; NAME has the addresses of `answers`, another set each time."""
    names: list[str] = []
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        names.append(host)
        if host != NAME:
            return original(host, port, *more, **options)
        found = answers.pop(0) if answers else ["10.0.0.1"]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    answers.clear()
    return names


answers: list[list[str]] = []


@contextmanager
def saying(begin: bytes, then: bytes, *, every_s: float = 0.0) -> Iterator[str]:
    """A server that says something, then the same again and again until nobody listens; its URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Say it."""
            self.request.recv(4096)
            with suppress(OSError):
                self.request.sendall(begin)
                while then:
                    self.request.sendall(then)
                    time.sleep(every_s)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def named(receiver: Receiver) -> str:
    """The receiver's address by NAME."""
    return receiver.url.replace("127.0.0.1", NAME)


async def test_a_form_is_posted_and_its_status_told(receiver: Receiver) -> None:
    """Nothing but the form: no cookie, no credential, no connection that stays."""
    receiver.statuses, receiver.headers = [204, 400], {"set-cookie": "a=b"}
    sender = Outgoing(loopback=True)
    assert [await sender.post_form(f"{receiver.url}?x=1", BODY) for _ in range(2)] == [204, 400]
    for line, headers, body in receiver.requests:
        assert (line, body) == (f"POST {PATH}?x=1", BODY)
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower["content-type"] == "application/x-www-form-urlencoded"
        assert (lower["host"], lower["connection"]) == (receiver.url.split("/")[2], "close")
        assert not lower.keys() & {"cookie", "authorization", "referer"}


async def test_localhost_is_this_machine_by_every_address_it_has(receiver: Receiver) -> None:
    """The app listens at one of them only."""
    uri = receiver.url.replace("127.0.0.1", "localhost")
    assert await Outgoing(loopback=True).post_form(uri, BODY) == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_is_told_of_nothing_otherwise(receiver: Receiver, host: str) -> None:
    """Unless Keygrove itself is only on this machine, or the operator says so."""
    uri = receiver.url.replace("127.0.0.1", host)
    with pytest.raises(NotReached, match="internal address"):
        await Outgoing().post_form(uri, BODY)
    assert receiver.requests == []
    assert await Outgoing(internal=True).post_form(uri, BODY) == 200


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1", "::1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]]
)
@pytest.mark.parametrize("loopback", [False, True])
async def test_a_name_that_leads_inside_is_refused(
    receiver: Receiver, asked: list[str], addresses: list[str], loopback: bool
) -> None:
    """Loopback is for who says loopback."""
    answers.append(addresses)
    with pytest.raises(NotReached, match="internal address"):
        await Outgoing(loopback=loopback).post_form(named(receiver), BODY)
    assert receiver.requests == []


async def test_the_address_that_was_judged_is_the_one_that_is_gone_to(
    receiver: Receiver, asked: list[str]
) -> None:
    """A name is looked up once: what it would answer the second time is never heard (DNS rebinding)."""
    answers.extend([["127.0.0.1"], ["169.254.169.254"]])
    assert await Outgoing(internal=True).post_form(named(receiver), BODY) == 200
    assert asked == [NAME]
    ((_, headers, _),) = receiver.requests
    assert headers["Host"] == named(receiver).split("/")[2]


async def test_of_several_addresses_only_allowed_ones_are_tried(receiver: Receiver, asked: list[str]) -> None:
    """And the next one when nobody listens at the first."""
    answers.append(["169.254.169.254", "127.0.0.9", "127.0.0.1"])
    assert await Outgoing(internal=True).post_form(named(receiver), BODY) == 200


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever looks up NAME waits until the test is over."""
    original, over = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: Any, *more: Any, **options: Any) -> Any:
        if host == NAME:
            over.wait(20)
        return original("127.0.0.1" if host == NAME else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(outgoing, "LIMIT_S", 2)
    yield
    over.set()


@pytest.mark.usefixtures("hanging")
async def test_names_that_nobody_answers_hold_up_nothing_else(receiver: Receiver) -> None:
    """The event loop's threads stay free, and other names are looked up; there is a limit all the same."""
    sender = Outgoing(internal=True)
    assert await sender.post_form(receiver.url, BODY) == 200
    hung = [asyncio.create_task(sender.post_form(named(receiver), BODY)) for _ in range(31)]
    await asyncio.sleep(0.1)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 5) == 1
    assert await sender.post_form(receiver.url, BODY) == 200
    hung.append(asyncio.create_task(sender.post_form(named(receiver), BODY)))
    await asyncio.sleep(0.1)
    for uri in (named(receiver), receiver.url):
        with pytest.raises(NotReached, match="too many"):
            await sender.post_form(uri, BODY)
    for each in hung:
        with pytest.raises(NotReached, match="within 2 seconds"):
            await each


@pytest.mark.usefixtures("hanging")
def test_who_stops_waits_for_no_look_up(receiver: Receiver) -> None:
    """The thread is left behind."""

    async def post() -> None:
        with pytest.raises(NotReached):
            await Outgoing(internal=True).post_form(named(receiver), BODY)

    began = time.monotonic()
    asyncio.run(post())
    assert in_time(time.monotonic() - began, 5)


async def test_getting_ready_is_within_the_limit(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds in all are five seconds in all."""
    monkeypatch.setattr(outgoing, "LIMIT_S", 0.2)
    monkeypatch.setattr(outgoing, "_get_ready", lambda: time.sleep(2))
    began = time.monotonic()
    with pytest.raises(NotReached, match=r"within 0\.2 seconds"):
        await Outgoing(loopback=True).post_form(receiver.url, BODY)
    assert in_time(time.monotonic() - began, 1)


async def test_a_redirection_is_not_followed(receiver: Receiver) -> None:
    """Its status is all that is told."""
    with receiving(Receiver()) as other:
        receiver.statuses, receiver.headers = [307], {"location": other.url}
        assert await Outgoing(loopback=True).post_form(receiver.url, BODY) == 307
        assert other.requests == []


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its operator may have one for other programs."""
    with receiving(Receiver()) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix(PATH))
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert await Outgoing(loopback=True).post_form(receiver.url, BODY) == 200
        assert (len(receiver.requests), proxy.requests) == (1, [])


async def test_who_does_not_answer_in_time_is_left(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it goes about that: the limit is on the whole."""
    monkeypatch.setattr(outgoing, "LIMIT_S", 0.5)
    receiver.pause_s = 3
    began = time.monotonic()
    with pytest.raises(NotReached, match=r"within 0\.5 seconds"):
        await Outgoing(loopback=True).post_form(receiver.url, BODY)
    assert in_time(time.monotonic() - began, 2)


async def test_who_drips_its_head_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no answer."""
    monkeypatch.setattr(outgoing, "LIMIT_S", 0.5)
    with saying(b"HTTP/1.1 200 OK\r\nx: ", b"y", every_s=0.05) as uri, pytest.raises(NotReached):
        await Outgoing(loopback=True).post_form(uri, BODY)


async def test_a_body_is_not_waited_for() -> None:
    """The status is enough, whatever follows and for however long."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    began = time.monotonic()
    with saying(head, b"4000\r\n" + b"x" * 0x4000 + b"\r\n") as uri:
        assert await Outgoing(loopback=True).post_form(uri, BODY) == 200
    assert in_time(time.monotonic() - began, 2)


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:{}/", "http://localhost:{}/", "https://127.0.0.1:{}/", "http://no-such-name.invalid/",
     f"https://{'a' * 70}.example/", "https://a..example/"],
)  # fmt: skip
async def test_whom_nobody_can_reach_is_said(uri: str) -> None:
    """In words for the log, never as another error."""
    with pytest.raises(NotReached):
        await Outgoing(loopback=True, internal=True).post_form(uri.format(free_port()), BODY)


async def test_who_speaks_no_http_is_said() -> None:
    """A server of something else, and a head without end."""
    for begin, then in (
        (b"220 mail.example ESMTP\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 999),
    ):
        with saying(begin, then) as uri, pytest.raises(NotReached, match="ProtocolError"):
            await Outgoing(loopback=True).post_form(uri, BODY)


class TestTls:
    """The certificate must be the name's, though the connection goes to an address."""

    @pytest.fixture
    def secured(self, certificate: Certificate) -> Iterator[Receiver]:
        """An app over TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain)
        with receiving(Receiver(), context) as running:
            yield running

    async def test_a_certificate_of_the_name_is_believed(
        self, secured: Receiver, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By an authority that the operator trusts."""
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        for host in ("localhost", "127.0.0.1"):
            uri = secured.url.replace("127.0.0.1", host)
            assert await Outgoing(loopback=True).post_form(uri, BODY) == 200

    @pytest.mark.usefixtures("asked")
    async def test_the_certificate_of_another_name_is_not(
        self, secured: Receiver, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Though it is good for the very address that is connected to."""
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        answers.append(["127.0.0.1"])
        with pytest.raises(NotReached, match="Hostname mismatch"):
            await Outgoing(internal=True).post_form(named(secured), BODY)
        assert secured.requests == []

    async def test_an_unknown_authority_is_not(self, secured: Receiver) -> None:
        """There is no switch for that."""
        with pytest.raises(NotReached, match="certificate verify failed"):
            await Outgoing(loopback=True, internal=True).post_form(secured.url, BODY)
        assert secured.requests == []
