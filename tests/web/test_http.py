"""Table H: what HTTP itself can be made to carry, sent as bytes."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from hostile_rules import Rules, holding
from running import PASSWORD, Key, running_server
from stores import ONLY_SQLITE
from web.people import Member, journal_of
from web.visitor import Visitor
from web.wire import CRLF, dial, exchange, form_post, is_cut, request

# What is refused here is refused before anybody asks a database.
pytestmark = ONLY_SQLITE
TOKEN = b"POST /oauth2/token HTTP/1.1"
FORM = b"Content-Type: application/x-www-form-urlencoded"
GET = b"GET /livez HTTP/1.1"

FRAMING = {
    "length and chunks": (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
    "chunks and length": (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"),
    "two lengths": (b"Content-Length: 5\r\nContent-Length: 6", b"a=b&c=d"),
    "two equal lengths": (b"Content-Length: 3\r\nContent-Length: 3", b"a=b"),
    "a list of lengths": (b"Content-Length: 3, 3", b"a=b"),
    "plus": (b"Content-Length: +3", b"a=b"),
    "minus": (b"Content-Length: -3", b"a=b"),
    "hexadecimal": (b"Content-Length: 0x3", b"a=b"),
    "blank inside": (b"Content-Length: 3 3", b"a=b" * 11),
    "too large for a number": (b"Content-Length: 99999999999999999999999", b"a=b"),
    "empty length": (b"Content-Length: ", b"a=b"),
    "identity last": (b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n"),
    "unknown coding": (b"Transfer-Encoding: xchunked", b"0\r\n\r\n"),
    "quoted coding": (b'Transfer-Encoding: "chunked"', b"0\r\n\r\n"),
    "chunked twice": (b"Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
    "vertical tab": (b"Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"),
    "no line end": (b"Transfer-Encoding: chunked", b"3\r\na=bXX0\r\n\r\n"),
    "line feed only": (b"Transfer-Encoding: chunked", b"3\na=b\n0\n\n"),
    "no number": (b"Transfer-Encoding: chunked", b"\r\na=b\r\n0\r\n\r\n"),
    "negative chunk": (b"Transfer-Encoding: chunked", b"-3\r\na=b\r\n0\r\n\r\n"),
    "prefixed chunk": (b"Transfer-Encoding: chunked", b"0x3\r\na=b\r\n0\r\n\r\n"),
    "overflowing chunk": (b"Transfer-Encoding: chunked", b"FFFFFFFFFFFFFFFFF\r\na=b\r\n0\r\n\r\n"),
    "underscored chunk": (b"Transfer-Encoding: chunked", b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("case", FRAMING)
def test_h01_unclear_lengths_are_refused(rules: Rules, case: str) -> None:
    """400, and nothing that follows on the connection is read as a request."""
    headers, body = FRAMING[case]
    reply = exchange(rules, request(rules.server, TOKEN, FORM, headers, body=body + smuggled(rules)))
    assert reply is not None
    assert (reply.status, reply.closed) == (400, True)
    assert reply.body.count(b"keygrove") == 0


def smuggled(rules: Rules) -> bytes:
    """A whole second request, which must not be answered."""
    return request(rules.server, b"GET /version HTTP/1.1")


HEADER_LINES = {
    "bare line feed": b"X-A: b\nX-C: d",
    "bare carriage return": b"X-A: b\rX-C: d",
    "nul": b"X-A: b\0c",
    "control": b"X-A: b\x01c",
    "nul in the name": b"X-\0A: b",
    "blank before the colon": b"X-A : b",
    "blank in the name": b"X A: b",
    "no colon": b"X-A",
    "no name": b": b",
    "folded": b"X-A: b\r\n c",
    "not a letter": "X-Ä: b".encode(),
}


@pytest.mark.parametrize("case", HEADER_LINES)
def test_h02_broken_header_lines_are_refused(rules: Rules, case: str) -> None:
    """400, and the connection ends."""
    reply = exchange(rules, request(rules.server, GET, HEADER_LINES[case]))
    assert reply is not None
    assert (reply.status, reply.closed) == (400, True)


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "X-Forwarded_For", "HTTP_X_FORWARDED_FOR", "Forwarded", "X-Real-IP"]
)
def test_h02_only_the_real_proxy_header_counts(rules: Rules, ana: Member, name: str) -> None:
    """Its twins with underscores and its relatives say nothing about where a request comes from."""
    ana.browser.address = "10.77.0.1"
    ana.browser.send("GET", "/sign-out", headers={name: "10.99.99.99"})
    form = ana.browser.fill("/sign-out")
    ana.browser.send(
        "POST",
        "/sign-out",
        headers={"Content-Type": "application/x-www-form-urlencoded", name: "10.99.99.99"},
        content=f"form_token={form['form_token']}".encode(),
    )
    assert journal_of(rules.server, ana.person.id)[0].address == "10.77.0.1"


@pytest.mark.parametrize("path", ["/livez", "/oauth2/token", "/sign-in", "/.well-known/jwks.json"])
def test_h03_heads_have_a_limit(rules: Rules, path: str) -> None:
    """16 KiB in one header, in many, or 200 headers: 431; a target of 16 KiB: 414."""
    line = f"GET {path} HTTP/1.1".encode()
    large = {
        "one": [b"X-A: " + b"a" * 16_384],
        "many": [b"X-%d: " % number + b"a" * 400 for number in range(41)],
        "small ones": [b"X-%d: a" % number for number in range(200)],
        "cookie": [b"Cookie: " + b"; ".join(b"c%d=%s" % (number, b"v" * 30) for number in range(500))],
        "huge": [b"X-A: " + b"a" * 200_000],
    }
    for headers in large.values():
        reply = exchange(rules, request(rules.server, line, *headers))
        assert reply is not None
        assert reply.status == 431
        assert reply.closed
    long = exchange(rules, request(rules.server, f"GET {path}?{'a' * 16_000} HTTP/1.1".encode()))
    assert long is not None
    assert long.status in (414, 431)


NOWHERE = [
    b"//",
    b"//oauth2/token",
    b"/oauth2//token",
    b"/oauth2/../oauth2/token",
    b"/oauth2/../sign-in",
    b"/oauth2/%2e%2e/sign-in",
    b"/oauth2%2ftoken/x",
    b"/oauth2/token;x",
    b"/oauth2/token/",
    b"/oauth2/token.",
    b"/OAuth2/Token",
    b"/sign-in/",
    b"/sign-in;jsessionid=1",
    b"/sign-in%00",
    b"/sign-in%0d%0aSet-Cookie:%20a=b",
    b"/./sign-in",
    b"/static/../sign-in",
    b"/static/x/%2e%2e/%2e%2e/app.py",
    b"/static/x/..%2f..%2f..%2fetc%2fpasswd",
    b"/c/../sign-in",
    b"/.well-known/",
    b"/.well-known/jwks.json/",
    b"/livez/",
    b"/\\evil.example",
    b"/%ff%fe",
    b"/admin",
    b"/.env",
    b"/.git/config",
]


@pytest.mark.parametrize("target", NOWHERE, ids=range(len(NOWHERE)))
def test_h05_only_exact_paths_lead_somewhere(rules: Rules, target: bytes) -> None:
    """404 or 400, never a redirect, never another page by a detour."""
    for method in (b"GET", b"POST"):
        reply = exchange(
            rules, request(rules.server, method + b" " + target + b" HTTP/1.1", b"Content-Length: 0")
        )
        assert reply is not None
        assert reply.status in ((400, 404) if method == b"GET" else (400, 404, 405))
        assert "location" not in reply.headers


TARGETS = {
    "absolute form": (b"GET http://evil.example/sign-in HTTP/1.1", (200, 400)),
    "absolute form, nowhere": (b"GET http://evil.example/admin HTTP/1.1", (400, 404)),
    "absolute form, no path": (b"GET http://evil.example HTTP/1.1", (303, 400, 404)),
    "authority form": (b"GET evil.example:80 HTTP/1.1", (400, 404)),
    "connect": (b"CONNECT evil.example:443 HTTP/1.1", (400, 404, 405, 501)),
    "asterisk": (b"OPTIONS * HTTP/1.1", (400, 404, 405)),
    "no slash": (b"GET sign-in HTTP/1.1", (400,)),
    "not ascii": ("GET /sign-ïn HTTP/1.1".encode(), (400, 404)),
    "fragment": (b"GET /sign-in#/admin HTTP/1.1", (200, 400)),
    "blank inside": (b"GET /sign-in x HTTP/1.1", (400,)),
    "no version": (b"GET /sign-in", (400,)),
    "other protocol": (b"GET /sign-in FTP/1.1", (400,)),
    "unknown version": (b"GET /sign-in HTTP/9.9", (400, 505)),
}


@pytest.mark.parametrize("case", TARGETS)
def test_h05_odd_targets_have_no_effect(rules: Rules, case: str) -> None:
    """The host of an absolute target is not believed: nothing of it stands in the answer."""
    line, expected = TARGETS[case]
    reply = exchange(rules, request(rules.server, line))
    assert reply is None or reply.status in expected
    assert reply is None or b"evil.example" not in reply.body
    assert reply is None or "evil." not in str(reply.headers)


HOSTS = [b"", b"a b", b"evil.example@127.0.0.1", b"a/b", b"a,b", b"[::1", b"a:99999999", b"a:b", b"\xff"]


def test_h05_a_host_is_named_once_and_well(rules: Rules) -> None:
    """Missing, twice or malformed: 400. A foreign one changes nothing: addresses come from the settings."""
    for line in (GET, b"GET /sign-in HTTP/1.1", TOKEN):
        for headers in (b"", b"Host: a\r\nHost: a\r\n", *(b"Host: " + host + CRLF for host in HOSTS)):
            reply = exchange(rules, line + CRLF + headers + b"Content-Length: 0\r\n\r\n")
            assert reply is not None
            assert reply.status == 400
    for path in (b"/", b"/sign-in", b"/sign-out", b"/.well-known/openid-configuration"):
        foreign = exchange(rules, b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert foreign is not None
        assert foreign.status in (200, 303)
        assert b"evil.example" not in foreign.body
        assert "evil." not in str(foreign.headers)


INJECTED = "x\r\nSet-Cookie: planted=1\r\n\r\n<script>"


def test_h06_line_ends_reach_no_header(rules: Rules, visitor: Visitor, ana: Member) -> None:
    """In every value that could end in one: where to go next, the theme, the filter, the request id."""
    form = visitor.fill("/sign-in", email=ana.person.email, password=PASSWORD)
    answers = [
        visitor.get(f"/sign-in?next={quote(INJECTED)}&done={quote(INJECTED)}"),
        visitor.get(f"/c/{quote(INJECTED)}/settings/integrations"),
        visitor.post("/sign-in", {**form, "next": f"/{INJECTED}", "email": INJECTED}),
        visitor.post("/theme", {**form, "theme": INJECTED, "back": f"/{INJECTED}"}),
        visitor.post("/theme", {**form, "theme": "dark", "back": f"/sign-in?a={INJECTED}"}),
        ana.browser.get(f"{ana.keys_url}?search={quote(INJECTED)}&after={quote(INJECTED)}"),
        ana.browser.submit(f"{ana.keys_url}/new", name=INJECTED, once=INJECTED),
        visitor.send("GET", "/sign-in", headers={"X-Request-Id": "chosen", "User-Agent": quote(INJECTED)}),
    ]
    for answer in answers:
        assert "planted" not in str(answer.headers)
        assert "<script>" not in answer.text
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert "planted" not in str(visitor.cookies)


def test_h07_a_forwarded_address_is_believed_from_the_proxy_only(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Here nobody is a proxy: the address is the connection's, and so the throttle's."""
    settings = {"KEYGROVE_TRUSTED_PROXIES": "192.0.2.1"}
    with (
        running_server(tmp_path_factory.mktemp("direct"), settings=settings) as direct,
        holding(direct) as rules,
    ):
        page = exchange(rules, request(direct, b"GET /sign-in HTTP/1.1"))
        assert page is not None
        cookie = b"Cookie: " + page.headers["set-cookie"].partition(";")[0].encode()
        token = re.findall(rb'name="form_token" value="([0-9a-f]+)"', page.body)[0]
        known = direct.new_person("known@example.com").email
        body = b"form_token=%s&email=known@example.com&password=wrong" % token
        exchange(rules, form_post(direct, b"/sign-in", body, b"X-Forwarded-For: 10.1.1.1", cookie))
        assert {line.address for line in journal_of(direct, known)} == {"127.0.0.1"}
        statuses: list[int] = []
        while 429 not in statuses and len(statuses) < 25:
            body = b"form_token=%s&email=u%d@example.com&password=wrong" % (token, len(statuses))
            line = b"X-Forwarded-For: 10.1.1.%d\r\nX-Forwarded-Proto: https" % len(statuses)
            reply = exchange(rules, form_post(direct, b"/sign-in", body, line, cookie))
            assert reply is not None
            statuses.append(reply.status)
        assert statuses[:19] == [422] * 19
        assert statuses[-1] == 429


def test_an_ipv4_client_of_an_ipv6_socket_keeps_its_address(tmp_path: Path) -> None:
    """On `::` it comes as ::ffff:127.0.0.1, which is the trusted proxy 127.0.0.1 all the same."""
    seen = {"": "127.0.0.1", "203.0.113.9": "203.0.113.9", "::ffff:198.51.100.7": "198.51.100.7"}
    with running_server(tmp_path, settings={"KEYGROVE_HOST": "::"}) as both:
        for sent in seen:
            headers = {"X-Forwarded-For": sent} if sent else {}
            assert httpx2.get(f"{both.url}/sign-in", headers=headers).status_code == 200
        # A line is written right after its answer, so before the next answer of the one worker.
        assert httpx2.get(f"{both.url}/livez").status_code == 200
        lines = [json.loads(line) for line in both.log_text().splitlines() if '"/sign-in"' in line]
    assert [line["ip"] for line in lines] == list(seen.values())


def test_h07_the_nearest_untrusted_address_counts(ana: Member) -> None:
    """What the client wrote into the header itself stands further left, and is not looked at."""
    for sent, seen in {
        "1.2.3.4, 203.0.113.9": "203.0.113.9",
        "1.2.3.4, 203.0.113.9, 127.0.0.1": "203.0.113.9",
        "<script>, 203.0.113.9:4711": "203.0.113.9",
        "<script>alert(1)</script>": "",
        "x" * 5000: "",
        "2001:db8::7": "2001:db8::7",
    }.items():
        ana.browser.address = sent
        ana.browser.submit("/sign-out")
        assert journal_of(ana.browser.server, ana.person.id)[0].address == seen
        ana.browser.address = "10.88.0.1"
        ana.browser.sign_in(ana.person.email)


def test_h09_chunks_are_bounded(rules: Rules) -> None:
    """Endless extensions and trailers end the connection before they fill memory."""
    chunked = request(rules.server, TOKEN, FORM, b"Transfer-Encoding: chunked")
    endless = {
        "one extension": b"3;" + b"a" * 700_000,
        "many extensions": b"1;a=b\r\nx\r\n" * 100_000,
        "trailers": b"3\r\na=b\r\n0\r\n" + b"X-Trailer: a\r\n" * 60_000,
        "one trailer": b"3\r\na=b\r\n0\r\nX-Trailer: " + b"a" * 700_000,
        "tiny chunks": b"1\r\nx\r\n" * 100_000,
    }
    for body in endless.values():
        reply = exchange(rules, chunked + body)
        assert reply is None or (reply.status in (400, 413, 431) and reply.closed)


def test_h09_a_trailer_is_no_header(rules: Rules, key: Key) -> None:
    """Credentials after the body prove nothing."""
    body = b"1d\r\ngrant_type=client_credentials\r\n0\r\nAuthorization: Basic %s\r\nHost: x\r\n\r\n"
    reply = exchange(
        rules, request(rules.server, TOKEN, FORM, b"Transfer-Encoding: chunked", body=body % b"YTpi")
    )
    assert reply is not None
    assert reply.status in (400, 401)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"HTTP/3.0", b"TLS/1.2"])
def test_h10_an_upgrade_is_ignored(rules: Rules, protocol: bytes) -> None:
    """The request is answered as HTTP/1.1, and what follows on the connection is nobody's request."""
    headers = (
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: " + protocol,
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
    )
    for path in (b"/livez", b"/sign-in"):
        reply = exchange(
            rules, request(rules.server, b"GET " + path + b" HTTP/1.1", *headers) + smuggled(rules)
        )
        assert reply is not None
        assert reply.status == 200
        assert "upgrade" not in reply.headers


@pytest.mark.parametrize(
    "ranges", ["bytes=0-1", "bytes=-1", "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), "x"]
)
def test_h11_ranges_are_ignored(visitor: Visitor, ranges: str) -> None:
    """The whole file or document, once."""
    style = re.findall(r'href="(/static/[^"]*\.css)"', visitor.get("/sign-in").text)[0]
    for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration", style, "/sign-in"):
        whole = visitor.get(path)
        part = visitor.send(
            "GET", path, headers={"Range": ranges, "If-Range": whole.headers.get("etag", '"x"')}
        )
        assert part.status_code == 200
        assert "content-range" not in part.headers
        assert len(part.content) == len(whole.content)


def test_h14_there_is_no_http_2_here_to_reset(rules: Rules) -> None:
    """The proxy speaks it, if anybody; its preface is refused like anything else that is not HTTP/1.1."""
    reply = exchange(
        rules, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 50
    )
    assert reply is None or (reply.status in (400, 501, 505) and reply.closed)


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/readyz?verbose", "/healthz", "/health/alive", "/health/ready", "/version"]
)
def test_h15_health_says_nothing_secret(visitor: Visitor, key: Key, path: str) -> None:
    """No names, no counts, no settings, no paths; and there is no debugger."""
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert set(answer.json()) <= {"status", "checks", "name", "version"}
    assert set(answer.json().get("checks", {}).values()) <= {"ok"}
    assert visitor.send("POST", path, headers={}).status_code == 405
    for debugger in ("/debug", "/console", "/docs", "/openapi.json", "/redoc", "/metrics", "/server-status"):
        assert visitor.get(debugger).status_code == 404


@pytest.mark.parametrize("method", [b"TRACE", b"TRACK", b"PROPFIND", b"FROB", b"X" * 10_240, b"get", b"G\0T"])
def test_h05_odd_methods_are_refused_without_an_echo(rules: Rules, method: bytes) -> None:
    """400, 405 or 501; request headers never come back."""
    for path in (b"/sign-in", b"/oauth2/token", b"/.well-known/jwks.json", b"/livez", b"/nowhere"):
        reply = exchange(rules, request(rules.server, method + b" " + path + b" HTTP/1.1", b"X-Echo: sesame"))
        assert reply is not None
        assert reply.status in (400, 404, 405, 431, 501)
        assert b"sesame" not in reply.body


def test_h05_a_head_has_no_body(rules: Rules) -> None:
    """On pages, documents and health; the connection can be used further."""
    for path in (b"/sign-in", b"/.well-known/jwks.json", b"/livez"):
        with dial(rules.server) as plug:
            plug.sendall(request(rules.server, b"HEAD " + path + b" HTTP/1.1", b"Connection: close"))
            data = b""
            while more := plug.recv(65536):
                data += more
            assert data.startswith(b"HTTP/1.1 200")
            assert data.endswith(b"\r\n\r\n")
            assert is_cut(plug, 1)
