"""Table D: connections that hold on, and requests that cost more than they should. Scaled down, but real."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from hostile_rules import Rules, assert_clean_log, holding
from running import Key, RunningServer, ask_for_token, running_server
from stores import ONLY_SQLITE
from web import impatient
from web.people import join
from web.test_key_list import fill_company
from web.visitor import FORM_TYPE, Fields, Visitor
from web.wire import dial, exchange, form_post, host_line, is_cut, read_reply, request
from yardstick import here, in_time

# Connections and bodies are bounded before anybody asks a database.
pytestmark = ONLY_SQLITE
HEAD = b"GET /livez HTTP/1.1\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    """A server whose limits are short."""
    program = (impatient.__file__,)
    folder = tmp_path_factory.mktemp("hurried")
    with running_server(folder, program=program) as server, holding(server) as rules:
        yield rules


def good_traffic(rules: Rules, until_s: float) -> list[float]:
    """Ask for tokens until then; how long each took."""
    waits, deadline = [], time.monotonic() + until_s
    while time.monotonic() < deadline:
        started = time.perf_counter()
        assert ask_for_token(rules.server, rules.good_key).status_code == 200
        waits.append(time.perf_counter() - started)
    return waits


def resident_kib(server: RunningServer) -> int:
    """The memory of the server's workers."""
    return sum(
        int(line.split()[1])
        for pid in workers_of(server)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )


def workers_of(server: RunningServer) -> list[int]:
    """The processes that serve."""
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def drip(plugs: list[socket.socket], ended: threading.Event) -> None:
    """Send one byte on every connection, again and again."""
    while not ended.wait(0.3):
        for plug in plugs:
            with contextlib.suppress(OSError):
                plug.send(b"a")


@contextlib.contextmanager
def dripping(plugs: list[socket.socket]) -> Iterator[None]:
    """Drip as long as the block runs."""
    ended = threading.Event()
    thread = threading.Thread(target=drip, args=(plugs, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_d01_slow_heads_are_cut_while_good_traffic_goes_on(hurried: Rules) -> None:
    """Eighty connections that send their head byte by byte: each ends at the limit, with a 408."""
    with ExitStack() as held:
        slow = [held.enter_context(dial(hurried.server)) for _ in range(80)]
        for plug in slow:
            plug.sendall(HEAD + b"X-Slow: ")
        with dripping(slow):
            waits = good_traffic(hurried, impatient.HEAD_S)
            time.sleep(0.5)
        for plug in slow:
            reply = read_reply(plug)
            assert reply is not None
            assert reply[0] == 408
            assert is_cut(plug, 0.5)
    assert in_time(sorted(waits)[len(waits) // 2], 0.2)


@pytest.mark.parametrize("again", [False, True], ids=["first", "after a request"])
def test_d01_silence_and_blank_lines_are_no_head(hurried: Rules, again: bool) -> None:
    """Whoever says nothing, or only line ends, is cut; also on a connection that worked before."""
    with ExitStack() as held:
        silent, blank = (held.enter_context(dial(hurried.server)) for _ in range(2))
        for plug in (silent, blank):
            if again:
                plug.sendall(HEAD + host_line(hurried.server) + b"\r\n")
                found = read_reply(plug)
                assert found is not None
                assert found[0] == 200
        deadline = time.monotonic() + impatient.HEAD_S + 1
        while time.monotonic() < deadline:
            time.sleep(0.2)
            with contextlib.suppress(OSError):
                blank.send(b"\r\n")
        assert is_cut(blank, 0.2)
        assert is_cut(silent, impatient.KEEP_ALIVE_S)


@pytest.mark.parametrize("path", [b"/oauth2/token", b"/sign-in", b"/livez", b"/nowhere"])
def test_d02_slow_bodies_are_cut_while_good_traffic_goes_on(hurried: Rules, path: bytes) -> None:
    """Twenty bodies byte by byte, announced or in chunks: answered or cut at the limit, wherever they go."""
    method = b"GET " if path == b"/livez" else b"POST "
    head = method + path + b" HTTP/1.1\r\n" + host_line(hurried.server) + FORM
    with ExitStack() as held:
        slow = [held.enter_context(dial(hurried.server)) for _ in range(20)]
        for number, plug in enumerate(slow):
            announced, chunked = b"Content-Length: 60000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\n"
            plug.sendall(head + (announced if number % 2 else chunked) + b"a=")
        with dripping(slow[1::2]):
            waits = good_traffic(hurried, impatient.BODY_S + 0.5)
        for plug in slow:
            assert is_cut(plug, 1.5)
    assert in_time(sorted(waits)[len(waits) // 2], 0.2)


def test_d02_who_leaves_in_the_middle_of_a_form_is_no_fault(hurried: Rules) -> None:
    """No stack trace in the log."""
    before = hurried.server.log_bytes()
    for path in (b"/oauth2/token", b"/sign-in", b"/theme"):
        with dial(hurried.server) as plug:
            plug.sendall(b"POST " + path + b" HTTP/1.1\r\n" + host_line(hurried.server) + FORM)
            plug.sendall(b"Content-Length: 100\r\n\r\na=b")
            time.sleep(0.1)
    time.sleep(0.2)
    log = hurried.server.log_text(since=before)
    assert_clean_log(log, ())
    assert '"level":"error"' not in log


def test_d03_slow_readers_are_cut_and_memory_stays_flat(hurried: Rules) -> None:
    """Five that ask for a long list of keys forty times, and read nothing."""
    member = join(hurried.server, hurried)
    fill_company(hurried.server, member, 50)
    cookie = f"Cookie: {member.browser.session_name}={member.browser.session}".encode()
    asked = request(hurried.server, f"GET {member.keys_url} HTTP/1.1".encode(), cookie)
    before = resident_kib(hurried.server)
    with ExitStack() as held:
        slow = [held.enter_context(dial(hurried.server, receive_bytes=1)) for _ in range(5)]
        for plug in slow:
            plug.sendall(asked * 40)
        waits = good_traffic(hurried, 1)
        during = resident_kib(hurried.server)
        good_traffic(hurried, impatient.FLUSH_S + impatient.KEEP_ALIVE_S)
        for plug in slow:
            assert is_broken(plug)
    assert during - before < 40 * 1024
    assert in_time(sorted(waits)[len(waits) // 2], 1)


def test_d03_a_thousand_requests_in_one_packet_are_too_many(hurried: Rules) -> None:
    """Pipelined requests wait in memory, so there is a limit to them; ten are fine."""
    before = resident_kib(hurried.server)
    with ExitStack() as held:
        for _ in range(40):
            plug = held.enter_context(dial(hurried.server))
            plug.sendall(request(hurried.server, b"GET /livez HTTP/1.1") * 1000)
            assert is_cut(plug, 5)
    assert resident_kib(hurried.server) - before < 40 * 1024
    few = request(hurried.server, b"GET /livez HTTP/1.1") * 10
    with dial(hurried.server) as plug:
        plug.sendall(few)
        plug.settimeout(10)
        data = b""
        while data.count(b"HTTP/1.1 200") < 10:
            data += plug.recv(65536)


def is_broken(plug: socket.socket) -> bool:
    """Whether the server ended a connection that nobody reads from, as writing to it shows."""
    plug.setblocking(True)
    plug.settimeout(0.5)
    try:
        for _ in range(3):
            plug.sendall(HEAD)
            time.sleep(0.02)
    except TimeoutError:
        return False
    except OSError:
        return True
    return is_cut(plug, 1)


BOMB = 50_000
BOMBS = [
    "a" * BOMB,
    "a@" * (BOMB // 2),
    " " * BOMB,
    "\t \t" * (BOMB // 3),
    "((((a+)+)+)+)+" * (BOMB // 14),
    "a." * (BOMB // 2),
    ("en;q=0." * BOMB)[:BOMB],
    "," * BOMB,
    "eyJ" * (BOMB // 3),
    "basic " * (BOMB // 6),
    "kg_sk_" * (BOMB // 6),
    "%20" * (BOMB // 3),
    "\u0301" * (BOMB // 2),
    '"\\' * (BOMB // 2),
]


HEADERS = ("Accept", "Accept-Language", "Accept-Encoding", "User-Agent", "Cookie", "If-None-Match", "Range")


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_d05_long_values_cost_nothing(server: RunningServer, rules: Rules, key: Key, bomb: str) -> None:
    """50 kB in every field, 12 kB in every header: answered at once."""
    visitor = Visitor(server, rules)
    form = visitor.fill("/sign-in")
    short = "x" + bomb.encode().decode("latin-1")[:12_000].strip()
    jobs: list[tuple[str, Fields | None, dict[str, str | bytes]]] = [
        ("/sign-in", [*form.items(), ("email", bomb), ("password", "p" * 5000)], {}),
        ("/sign-in", [("next", bomb), *form.items(), ("email", ""), ("password", "p" * 5000)], {}),
        ("/theme", [*form.items(), ("back", f"/{bomb}"), ("theme", bomb)], {}),
        ("/oauth2/token", [("grant_type", "client_credentials"), ("client_id", bomb)], {}),
        ("/oauth2/token", token_form(key, scope=bomb), {}),
        ("/oauth2/token", token_form(key, audience=bomb), {}),
        ("/oauth2/token", token_form(key), {"Authorization": f"Basic {short}".encode("latin-1")}),
        ("/sign-in", [], {"Content-Type": short.encode("latin-1")}),
        (f"/sign-in?next={'a.' * 4000}", None, {}),
    ]
    for path in ("/sign-in", "/.well-known/jwks.json"):
        jobs += [(path, None, {name: short.encode("latin-1")}) for name in HEADERS]
    for path, fields, headers in jobs:
        method, content = ("GET", b"") if fields is None else ("POST", urlencode(fields).encode())
        sent = {"Content-Type": FORM_TYPE, **headers}
        for _ in range(8):
            started = time.perf_counter()
            visitor.send(method, path, headers=sent, content=content, shows=("eyJ",))
            elapsed_s = time.perf_counter() - started
            # A busy machine may stop for a moment; what is slow in itself is slow each time.
            if elapsed_s < 0.05:
                break
        assert in_time(elapsed_s, 0.05), path


def token_form(key: Key, **changes: str) -> Fields:
    """The fields of a token request."""
    form = {
        "grant_type": "client_credentials",
        "client_id": key.client_id,
        "client_secret": key.client_secret,
    }
    return list((form | changes).items())


def test_d06_refused_requests_cost_no_signature_and_no_slow_hash(tmp_path: Path) -> None:
    """On a server that can do neither, every wrong credential still gets its answer."""
    program = (str(Path(__file__).with_name("frugal.py")),)
    with running_server(tmp_path, program=program) as frugal:
        key = frugal.new_key()
        for changes in (
            {"client_secret": "wrong"},
            {"client_secret": key.client_secret[:-1]},
            {"client_secret": ""},
            {"client_id": "kg_ci_0000000000000000000000000000"},
            {"grant_type": "password"},
            {"scope": "booking.write"},
            {"audience": "https://evil.example"},
        ):
            for _ in range(10):
                assert ask_for_token(frugal, key, **changes).status_code in (400, 401)
        assert ask_for_token(frugal, key).status_code == 500


def test_d11_the_longest_idle_connection_makes_room(hurried: Rules) -> None:
    """Past the limit new connections are served, old idle ones end, and no more than that stay open."""
    with ExitStack() as held:
        idle = []
        for _ in range(impatient.CONNECTIONS * 2):
            plug = held.enter_context(dial(hurried.server))
            plug.sendall(HEAD + host_line(hurried.server) + b"\r\n")
            found = read_reply(plug)
            assert found is not None
            assert found[0] == 200
            idle.append(plug)
        good_traffic(hurried, 0.3)
        cut = [is_cut(plug, 0.02) for plug in idle]
    assert all(cut[: impatient.CONNECTIONS])
    assert cut.count(False) <= impatient.CONNECTIONS


@pytest.mark.parametrize("content", [b"[" * 60_000, b'{"a":' * 12_000, b"[" * 1_000_000, b"1" * 60_000])
def test_d13_json_is_not_even_parsed(server: RunningServer, rules: Rules, content: bytes) -> None:
    """Backoffice takes forms only: deep and huge JSON is refused by its type."""
    member = join(server, rules)
    for path in (f"{member.keys_url}/new", "/sign-in", "/sign-out", "/setup"):
        answer = member.browser.send(
            "POST", path, headers={"Content-Type": "application/json"}, content=content
        )
        assert answer.status_code == 415


def test_d19_what_is_not_http_is_closed(rules: Rules) -> None:
    """TLS, SSH and noise on the port: 400 or silence, and the end."""
    hello = bytes.fromhex("16030100c4010000c00303") + bytes(range(190))
    noise = (b"\x00" * 1000, b"\xff" * 5000, b"\r\n" * 20_000)
    for data in (hello, b"SSH-2.0-OpenSSH_9.6\r\n", b"EHLO x\r\n", *noise):
        reply = exchange(rules, data)
        assert reply is None or (reply.status in (400, 431, 501) and reply.closed)


def test_d19_half_a_hello_is_cut(hurried: Rules) -> None:
    """Whoever stops in the middle of something else is cut like a slow head."""
    with dial(hurried.server) as plug:
        plug.sendall(b"\x16\x03")
        assert is_cut(plug, here(impatient.HEAD_S + 1))


def test_d02_a_form_within_the_limits_is_not_hurried(hurried: Rules) -> None:
    """A body in two pieces, half the limit apart, arrives."""
    data = form_post(hurried.server, b"/oauth2/token", b"grant_type=client_credentials&client_id=x")
    with dial(hurried.server) as plug:
        plug.sendall(data[:-10])
        time.sleep(impatient.BODY_S / 2)
        plug.sendall(data[-10:])
        found = read_reply(plug)
    assert found is not None
    assert found[0] == 401
