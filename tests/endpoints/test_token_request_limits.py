"""Table T of the hostile cases: sizes, hosts, header lines, and what every answer has."""

import gzip
import json
import subprocess
import time

import pytest

from altered import altered
from endpoints.asking import PATH, Asker, basic, body_of, granted, not_stored, refused, refused_client
from hostile_rules import Rules
from running import RunningServer
from web.wire import CRLF, dial, exchange, form_post, read_reply, request
from yardstick import in_time

LIMIT = 64 * 1024


def post_line() -> bytes:
    """The first line of a token request."""
    return b"POST " + PATH.encode() + b" HTTP/1.1"


@pytest.mark.parametrize("name", ["client_id", "client_secret", "scope", "audience", "resource", "unknown"])
def test_t21_nul(ask: Asker, name: str) -> None:
    """Never reaches a database."""
    for value in ("\0", "a\0b"):
        refused(ask(**{name: value}), "invalid_request")
    if name.startswith("client"):
        header = {"client_id": "a\0", "client_secret": "b", name: "a\0b"}
        refused_client(ask.by_basic(basic(header["client_id"], header["client_secret"])), by_header=True)


@pytest.mark.parametrize(
    "target",
    [
        "/c/a%00b",
        "/c/acme/settings/integrations/keys/%00",
        "/sign-in?next=%00",
        "/sign-in?%00",
        "/setup?token=a%00",
        "/.well-known/jwks.json%00",
        "/oauth2/token%00",
        "/oauth2/token?x=%00",
    ],
)
def test_t21_nul_in_path_and_query(ask: Asker, target: str) -> None:
    """Refused on every path before anything is looked up."""
    assert ask.send("GET", b"", {}, path=target).status_code == 400


def resident_kib(server: RunningServer) -> int:
    """The memory of the server and its workers."""
    listing = subprocess.run(["ps", "-eo", "pid,ppid,rss"], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in listing.splitlines()[1:]]
    family = {server.process.pid}
    for _ in range(3):
        family |= {pid for pid, parent, _ in rows if parent in family}
    return sum(rss for pid, _, rss in rows if pid in family)


@pytest.mark.parametrize("kind", ["short", "colliding"])
def test_t22_ten_thousand_parameters(ask: Asker, rules: Rules, kind: str) -> None:
    """Refused within 50 ms (the best of five counts), and memory stays flat."""
    if kind == "short":
        body = b"&".join(b"%x=" % number for number in range(10_000))
    else:
        # These collide where a name's hash is the sum of its letters times 31.
        body = b"&".join(
            b"".join((b"Aa", b"BB")[number >> bit & 1] for bit in range(13)) + b"=" for number in range(2_300)
        )
    assert len(body) < LIMIT
    before = 0
    times = []
    for turn in range(25):
        started = time.perf_counter()
        refused(ask.post(body), "invalid_request")
        times.append(time.perf_counter() - started)
        before = before or (resident_kib(rules.server) if turn == 5 else 0)
    assert in_time(min(times), 0.05)
    assert resident_kib(rules.server) - before < 10 * 1024


def test_t23_the_largest_body(ask: Asker) -> None:
    """The limit itself is accepted."""
    body = body_of(ask) + b"&padding="
    granted(ask.post(body + b"x" * (LIMIT - len(body))))


def test_t23_one_byte_too_many_by_length(rules: Rules) -> None:
    """The length alone is enough: the answer comes before the body, and the connection is closed."""
    length = b"Content-Length: %d" % (LIMIT + 1)
    head = request(rules.server, post_line(), b"Content-Type: application/x-www-form-urlencoded", length)
    reply = exchange(rules, head)
    assert reply is not None
    assert reply.status == 413
    assert json.loads(reply.body)["error"] == "invalid_request"
    assert reply.closed


def test_t23_one_byte_too_many_in_chunks(rules: Rules) -> None:
    """Counted as they come; what would follow is not waited for."""
    head = request(
        rules.server,
        post_line(),
        b"Content-Type: application/x-www-form-urlencoded",
        b"Transfer-Encoding: chunked",
    )
    chunk = b"1000" + CRLF + b"x" * 4096 + CRLF
    reply = exchange(rules, head + chunk * (LIMIT // 4096) + b"1" + CRLF + b"x" + CRLF)
    assert reply is not None
    assert reply.status == 413
    assert reply.closed


def test_t23_a_good_request_in_chunks(ask: Asker, rules: Rules) -> None:
    """Chunks by themselves are fine."""
    body = body_of(ask)
    head = request(
        rules.server,
        post_line(),
        b"Content-Type: application/x-www-form-urlencoded",
        b"Transfer-Encoding: chunked",
    )
    chunks = b"".join(b"1" + CRLF + body[place : place + 1] + CRLF for place in range(len(body)))
    with dial(rules.server) as plug:
        plug.sendall(head + chunks + b"0" + CRLF * 2)
        reply = read_reply(plug)
    assert reply is not None
    assert reply[0] == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_t25_compressed_bodies(ask: Asker, coding: str) -> None:
    """415, also for a bomb: nothing is inflated."""
    for content in (body_of(ask), b"0" * 30_000_000 if coding == "gzip" else b"0" * 1000):
        packed = gzip.compress(content)
        refused(ask.post(packed, {"Content-Encoding": coding}), "invalid_request", 415)


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b"Host: a.example", b"Host: a.example"],
        [b"Host: a.example", b"Host: b.example"],
        [b"Host:"],
        [b"Host: a b"],
        [b"Host: a.example/path"],
        [b"Host: user@a.example"],
        [b"Host: a.example:port"],
        [b"Host: \xff"],
        [b"Host: a,b"],
    ],
)
@pytest.mark.parametrize("path", [PATH.encode(), b"/.well-known/jwks.json", b"/sign-in"])
def test_t26_host_missing_twice_or_malformed(rules: Rules, path: bytes, hosts: list[bytes]) -> None:
    """One well-formed Host, or 400, on every path."""
    data = CRLF.join((b"GET " + path + b" HTTP/1.1", *hosts)) + CRLF * 2
    reply = exchange(rules, data)
    assert reply is not None
    assert reply.status == 400


@pytest.mark.parametrize(
    "header",
    [
        b"X-Folded: a\r\n b",
        b"X-Folded: a\r\n\tb",
        b"X-Blank : a",
        b"X-Tab\t: a",
        b" X-Leading: a",
        b": a",
        b"X no colon",
        b"X-\x00: a",
    ],
)
def test_t27_malformed_header_lines(ask: Asker, rules: Rules, header: bytes) -> None:
    """Folded lines and blanks before the colon are 400, and the request is not acted on."""
    reply = exchange(rules, form_post(rules.server, PATH.encode(), body_of(ask), header))
    assert reply is not None
    assert reply.status == 400
    assert b"access_token" not in reply.body


def test_t29_every_answer_has_its_headers(ask: Asker) -> None:
    """Good and bad; the same are checked on each answer of these tables."""
    answers = [
        ask(),
        ask(scope="nothing"),
        ask(client_secret="wrong"),
        ask(grant_type="password"),
        ask.by_basic(basic("a", "b")),
        ask.send("GET", b"", {}),
        ask.send("POST", b"{}", {"Content-Type": "application/json"}),
        ask.post(b"x" * (LIMIT + 1)),
        ask.post(b"x", {"Content-Encoding": "gzip"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 401, 400, 401, 405, 400, 413, 415]
    for answer in answers:
        not_stored(answer)


@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: x=y", 'a"b', "a\\b", "<script>alert(1)</script>", "é☃", "\x7f", "x" * 9000]
)
@pytest.mark.parametrize("name", ["grant_type", "client_id", "scope", "audience", "resource"])
def test_t30_hostile_values_are_not_echoed(ask: Asker, rules: Rules, name: str, value: str) -> None:
    """The description keeps to its alphabet, no header is split, and the log stays one line an event."""
    answer = ask(**{name: value})
    assert answer.status_code in (400, 401)
    description = refused(answer, answer.json()["error"], 400, 401)
    assert value not in answer.text
    assert "script" not in description
    assert "set-cookie" not in answer.headers
    assert len(answer.text) < 400


def test_t31_failed_authentication(ask: Asker) -> None:
    """By Basic: 401 with a challenge. By body: 401 without one."""
    wrong = altered(ask.key.client_secret)
    refused_client(ask.by_basic(basic(ask.key.client_id, wrong)), by_header=True)
    refused_client(ask(client_secret=wrong))
