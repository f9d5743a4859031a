"""The SDK's words for the commonest mistakes: they name the mistake, and repeat nothing of a token."""

import asyncio
import json
import logging
import ssl
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from clients.tls_front import make_certificate
from keygrove.crypto.jose import InvalidToken, UnknownKey
from keygrove.sdk.authorization_code import AuthorizationCodeFlow, Started
from keygrove.sdk.bearer import Refusal
from keygrove.sdk.http import fetch
from keygrove.sdk.key_cache import RETRY_S, KeysUnavailable
from keygrove.sdk.resource_server import ResourceServer
from keygrove.sdk.steps import HttpAnswer, HttpRequest
from keygrove.sdk.token_endpoint import TokenError
from ports import free_port
from sdk.issuer import AUDIENCE, DISCOVERY, Clock, Issuer, sign_raw, signed, signing_key
from sdk.loopback import QuietHandler, listening

ELSEWHERE = "https://elsewhere.example.com"


class TestATokenOfAnotherIssuer:
    """Its key is unknown here, and that alone would send people looking for a rotation."""

    def test_is_called_so(self, issuer: Issuer, api: ResourceServer) -> None:
        """Nothing that the token says is repeated."""
        token = signed(signing_key("stranger"), issuer.claims(iss=ELSEWHERE))
        with pytest.raises(Refusal) as caught:
            api.authenticate(f"Bearer {token}")
        assert (caught.value.status, caught.value.description) == (401, "The token is from another issuer.")
        assert "elsewhere" not in str(caught.value.headers())

    def test_is_no_unknown_key(self, issuer: Issuer, api: ResourceServer) -> None:
        """Whoever looks for keys again when one is unknown has no reason to."""
        with pytest.raises(InvalidToken, match=r"^the token is from another issuer$") as caught:
            api.verify(signed(signing_key("stranger"), issuer.claims(iss=ELSEWHERE)))
        assert not isinstance(caught.value, UnknownKey)

    def test_makes_the_api_fetch_keys_as_often_as_any_unknown_key(
        self, issuer: Issuer, api: ResourceServer, clock: Clock
    ) -> None:
        """Once in thirty seconds: what it says of itself, not even that, is believed."""
        api.verify(issuer.token())
        token = signed(signing_key("stranger"), issuer.claims(iss=ELSEWHERE))
        for fetches in (1, 2, 3):
            for _ in range(5):
                with pytest.raises(InvalidToken):
                    api.verify(token)
            assert issuer.jwks_fetches() == fetches
            clock.at += RETRY_S

    def test_with_a_key_of_ours_is_called_the_same(self, issuer: Issuer, api: ResourceServer) -> None:
        """One key for two issuers."""
        with pytest.raises(InvalidToken, match=r"^the token is from another issuer$"):
            api.verify(issuer.token(iss=ELSEWHERE))


UNTOLD = {
    "ours": lambda issuer: json.dumps(issuer.claims()).encode(),
    "no-issuer": lambda issuer: json.dumps(issuer.claims(iss=None)).encode(),
    "issuer-array": lambda issuer: json.dumps(issuer.claims(iss=[ELSEWHERE])).encode(),
    "not-json": lambda _: b"{",
    "not-utf8": lambda _: b"\xff\xff\xff",
    "not-an-object": lambda _: b"[]",
    "nested": lambda _: b'{"iss":' + b"[" * 5000,
    "long-number": lambda _: b'{"iss":' + b"9" * 5000 + b"}",
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("payload", UNTOLD.values(), ids=UNTOLD.keys())
def test_any_other_token_of_an_unknown_key_is_called_that(
    payload: object, issuer: Issuer, api: ResourceServer
) -> None:
    """Of this issuer, as right after a rotation, or of nobody who can be told."""
    assert callable(payload)
    header = json.dumps(issuer.header(kid="unknown")).encode()
    with pytest.raises(UnknownKey, match=r"^the token is signed by an unknown key$"):
        api.verify(sign_raw(header, payload(issuer)))


def test_a_payload_that_is_not_base64_is_of_nobody(issuer: Issuer, api: ResourceServer) -> None:
    """Of any length: a padding that cannot be is not an error of its own."""
    header, _, signature = issuer.forge(issuer.header(kid="unknown")).split(".")
    for payload in ("A", "AAAAA", "!!!!", "e30", "====", ""):
        with pytest.raises(UnknownKey):
            api.verify(f"{header}.{payload}.{signature}")
    for parts in ((header,), (header, signature), (header, "", "", signature)):
        with pytest.raises(InvalidToken):
            api.verify(".".join(parts))


def why_no_keys(issuer: str, caplog: pytest.LogCaptureFixture, timeout_s: float = 5.0) -> str:
    """Why keys of an issuer cannot be had: the exception says it, the log says it too."""
    api = ResourceServer(issuer=issuer, audience=AUDIENCE, fetch=partial(fetch, timeout_s=timeout_s))
    with caplog.at_level(logging.WARNING, "keygrove.sdk"), pytest.raises(KeysUnavailable) as caught:
        api.verify("a.b.c")
    about, _, why = str(caught.value).partition(f"{issuer}: ")
    assert about == "no keys of "
    assert caplog.messages == [f"keys of {issuer} could not be fetched: {why}"]
    return why


class TestKeysThatCannotBeFetched:
    """The log and the exception say what the system said, not only what Python calls it."""

    def test_because_nobody_listens(self, caplog: pytest.LogCaptureFixture) -> None:
        """As when the server was not started, or the port is another."""
        assert why_no_keys(f"http://127.0.0.1:{free_port()}", caplog) == "127.0.0.1: Connection refused"

    def test_because_the_issuer_is_silent(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        """For longer than the SDK waits."""
        issuer.delay_s = 5.0
        assert why_no_keys(issuer.url, caplog, timeout_s=0.1) == "127.0.0.1: timed out"

    def test_because_the_answer_stops_halfway(self, caplog: pytest.LogCaptureFixture) -> None:
        """Fewer octets than were announced, then nothing."""
        told = threading.Event()

        class Half(QuietHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"{")
                told.wait(10)

        with listening(Half) as url:
            assert why_no_keys(url, caplog, timeout_s=1.0) == "the answer broke off: timed out"
            told.set()

    def test_because_the_certificate_is_not_trusted(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Which of its faults it has."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(make_certificate(tmp_path).chain)
        with listening(QuietHandler, tls) as url:
            why = why_no_keys(url, caplog)
        assert "certificate verify failed: unable to get local issuer certificate" in why

    def test_because_the_server_is_no_http_server(
        self, issuer: Issuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What Python alone has a word for."""
        secure = issuer.url.replace("http://", "https://")
        assert "SSL" in why_no_keys(secure, caplog)

    def test_because_of_a_slash_at_the_end(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        """It makes another issuer, in either direction."""
        why = "the issuer's metadata names another issuer, one without the slash at its end"
        assert why_no_keys(f"{issuer.url}/", caplog) == why
        caplog.clear()
        issuer.documents[DISCOVERY] = {"issuer": f"{issuer.url}/"}
        why = "the issuer's metadata names another issuer, one with a slash at its end"
        assert why_no_keys(issuer.url, caplog) == why

    def test_because_the_issuer_is_another(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        """Whatever it calls itself is not repeated."""
        issuer.documents[DISCOVERY] = {"issuer": ELSEWHERE}
        assert why_no_keys(issuer.url, caplog) == "the issuer's metadata names another issuer"

    def test_for_a_reason_without_words(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        """A `fetch` of the caller's own may raise anything."""

        def own_fetch(_: HttpRequest) -> HttpAnswer:
            raise LookupError

        api = ResourceServer(issuer=issuer.url, audience=AUDIENCE, fetch=own_fetch)
        with pytest.raises(KeysUnavailable, match=r": LookupError$"):
            api.verify("a.b.c")
        assert "could not be fetched: LookupError" in caplog.text


@pytest.mark.parametrize("begin", [AuthorizationCodeFlow.start, lambda flow: asyncio.run(flow.start_async())])
def test_an_app_is_told_why_its_issuer_is_of_no_use(
    issuer: Issuer, begin: Callable[[AuthorizationCodeFlow], Started]
) -> None:
    """In the words that an API reads in its log: that it was reached, and the slash, would be missed."""
    silent = f"http://127.0.0.1:{free_port()}"
    for url, why in {
        f"{issuer.url}/": "the issuer's metadata names another issuer, one without the slash at its end",
        silent: "127.0.0.1: Connection refused",
    }.items():
        flow = AuthorizationCodeFlow(issuer=url, client_id="a", redirect_uri="https://app.example.com/back")
        with pytest.raises(TokenError) as caught:
            begin(flow)
        assert str(caught.value) == f"the issuer cannot be reached or used: no keys of {url}: {why}"


def test_a_request_without_keys_is_told_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """Those are matters between the API and its issuer."""
    api = ResourceServer(issuer=f"http://127.0.0.1:{free_port()}", audience=AUDIENCE)
    with pytest.raises(Refusal) as caught:
        api.authenticate("Bearer a.b.c")
    assert caught.value.description == "Tokens cannot be checked at the moment."
    assert "Connection refused" in caplog.text
