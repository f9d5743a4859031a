"""Table L: signing in and sessions."""

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlencode

import httpx2
import pytest

from hostile_rules import Rules
from keygrove.crypto.passwords import Passwords
from keygrove.management import people, sign_in
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import TooBusy
from running import PASSWORD, Key, RunningServer, ask_for_token
from web.people import Member, join, journal_of
from web.visitor import Visitor
from web.wire import dial, form_post, read_reply
from yardstick import in_time

WRONG = "E-mail address or password is not right."


def test_l01_a_planted_session_id_is_never_adopted(ana: Member, visitor: Visitor) -> None:
    """Signing in makes a new session, whatever cookie came along."""
    planted = "kg_se_" + "0" * 49
    visitor.cookies["keygrove_session"] = planted
    assert visitor.sign_in(ana.person.email).status_code == 303
    assert visitor.session not in ("", planted)
    assert visitor.session != ana.browser.session


def test_l01_signing_in_ends_the_session_that_the_browser_had(ana: Member) -> None:
    """The old cookie is dead, so that a stolen one does not outlive its owner's next sign-in."""
    old = ana.browser.session
    form = ana.browser.fill("/sign-out")
    answer = ana.browser.post("/sign-in", {**form, "email": ana.person.email, "password": PASSWORD})
    assert answer.status_code == 303
    assert ana.browser.session != old
    assert ana.browser.get(ana.keys_url).status_code == 200
    ana.browser.cookies["keygrove_session"] = old
    assert ana.browser.get(ana.keys_url).status_code == 303


def test_l01_r19_a_session_ends_on_the_server_at_sign_out(ana: Member) -> None:
    """A cookie that somebody kept opens nothing."""
    kept = ana.browser.session
    assert ana.browser.submit("/sign-out").headers["location"] == "/sign-in?done=signed-out"
    assert ana.browser.session == ""
    ana.browser.cookies["keygrove_session"] = kept
    assert ana.browser.get(ana.keys_url).headers["location"].startswith("/sign-in")


def test_one_signs_out_everywhere_at_once(
    server: RunningServer, rules: Rules, ana: Member, bob: Member
) -> None:
    """In every browser, and nobody else; signing out of one leaves the others alone."""
    others = [Visitor(server, rules) for _ in range(2)]
    for other in others:
        assert other.sign_in(ana.person.email).status_code == 303
    assert others[0].submit("/sign-out").status_code == 303
    assert others[1].get(ana.keys_url).status_code == 200
    form = {**ana.browser.fill("/sign-out"), "everywhere": "yes"}
    assert ana.browser.post("/sign-out", form).headers["location"] == "/sign-in?done=signed-out"
    assert others[1].get(ana.keys_url).headers["location"].startswith("/sign-in")
    assert bob.browser.get(bob.keys_url).status_code == 200


def test_l01_a_form_cookie_of_an_attacker_is_replaced(visitor: Visitor) -> None:
    """Only what we make ourselves is kept: a planted value of another shape never comes back."""
    visitor.cookies["keygrove_form"] = "planted"
    visitor.get("/sign-in")
    assert visitor.cookies["keygrove_form"] != "planted"
    made = visitor.cookies["keygrove_form"]
    visitor.get("/sign-in")
    assert visitor.cookies["keygrove_form"] == made


def test_l02_cookies_over_plain_http_are_http_only_and_lax(ana: Member) -> None:
    """On loopback there is no prefix and no Secure, for not every browser would keep it."""
    ana.browser.cookies.clear()
    ana.browser.sign_in(ana.person.email)
    session = next(line for line in ana.browser.set_cookies if line.startswith("keygrove_session="))
    assert {"httponly", "path=/", "samesite=lax"} <= _attributes(session)
    assert "domain" not in session.lower()


def _attributes(line: str) -> set[str]:
    return {part.strip().lower() for part in line.split(";")[1:]}


@pytest.mark.parametrize(
    "cookie",
    [
        "keygrove_session=kg_se_" + "a" * 8000,
        'keygrove_session="\\012\\015Set-Cookie: a=b"; keygrove_form="\\012\\015\\200"',
        "keygrove_session=\xfc\xff\xfe; keygrove_form=\xfc\xff",
        "; ".join(f"c{number}=x" for number in range(500)),
        "keygrove_session=one; keygrove_session=two; keygrove_form=one; keygrove_form=two",
        "keygrove_session; =; ;;; keygrove_form",
        'keygrove_theme=<script>alert(1)</script>; keygrove_theme="',
    ],
    ids=["long", "escapes", "latin-1", "five-hundred", "twice", "without-values", "theme"],
)
def test_l03_a_broken_cookie_is_ignored(visitor: Visitor, cookie: str) -> None:
    """Nobody is signed in by it, nothing crashes, and nothing of it comes back."""
    for path in ("/", "/sign-in", "/nowhere"):
        answer = visitor.send("GET", path, headers={"Cookie": cookie.encode("latin-1")})
        assert answer.status_code in (200, 303, 400, 404)
        assert "script>alert" not in answer.text
        assert "a=b" not in " ".join(answer.headers.get_list("set-cookie"))
    assert visitor.session == ""


@pytest.mark.parametrize("change", ["cut", "longer", "other-case", "blank"])
def test_l03_a_session_cookie_works_only_whole(ana: Member, change: str) -> None:
    """A character less, more or different is nobody."""
    right = ana.browser.session
    wrong = {"cut": right[:-1], "longer": f"{right}a", "other-case": right.swapcase(), "blank": f"{right} x"}
    ana.browser.cookies["keygrove_session"] = wrong[change]
    assert ana.browser.get(ana.keys_url).headers["location"].startswith("/sign-in")


def test_l05_unknown_wrong_and_disabled_look_alike(server: RunningServer, rules: Rules, ana: Member) -> None:
    """One text, one status, the same headers and the same time."""
    gone = join(server, rules)
    server.manage(lambda m: people.disable(m, OPERATOR, gone.person.id))
    cases = {
        "unknown": ("nobody@example.com", PASSWORD),
        "wrong": (ana.person.email, "not the right password"),
        "disabled": (gone.person.email, PASSWORD),
    }
    seen: dict[str, tuple[object, ...]] = {}
    times: dict[str, list[float]] = {case: [] for case in cases}
    visitors = {case: Visitor(server, rules) for case in cases}
    for _ in range(4):
        for case, (email, password) in cases.items():
            seen[case], elapsed_s = _try(visitors[case], email, password)
            times[case].append(elapsed_s)
    assert seen["unknown"] == seen["wrong"] == seen["disabled"]
    # Without the hash of nobody an unknown account would answer in a tenth of the time.
    fastest = [min(taken) for taken in times.values()]
    assert min(fastest) * 4 > max(fastest)


def _try(visitor: Visitor, email: str, password: str) -> tuple[tuple[object, ...], float]:
    """What a failed sign-in looks like, without what differs each time, and how long it takes."""
    form = visitor.fill("/sign-in", email=email, password=password)
    started = time.perf_counter()
    answer = visitor.post("/sign-in", form)
    elapsed_s = time.perf_counter() - started
    assert WRONG in answer.text
    text = answer.text.replace(email, "")
    for pattern in (r'name="form_token" value="[0-9a-f]+"', r'id="request-id"[^<]*'):
        text = re.sub(pattern, "", text)
    headers = dict(answer.headers.items())
    for name in ("date", "x-request-id", "set-cookie", "content-length"):
        headers.pop(name, None)
    return (answer.status_code, headers, text), elapsed_s


def test_l06_one_account_is_throttled_from_many_addresses(
    server: RunningServer, rules: Rules, ana: Member, bob: Member
) -> None:
    """After five failures the next attempt waits, wherever it comes from; others are not disturbed."""
    for number in range(5):
        assert Visitor(server, rules).sign_in(ana.person.email, f"wrong password {number}").status_code == 422
    # The first wait is a second, which a slow machine may need to come here; the third is four.
    for number in range(3):
        refused = Visitor(server, rules).sign_in(ana.person.email, f"wrong password again {number}")
        if refused.status_code == 429:
            break
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "Too many attempts. Try again in" in refused.text
    assert Visitor(server, rules).sign_in(bob.person.email).status_code == 303


def test_l06_one_address_is_throttled_over_many_accounts(
    visitor: Visitor, server: RunningServer, rules: Rules, ana: Member
) -> None:
    """Twenty failures on twenty accounts, and this address waits; the account does not."""
    form = visitor.fill("/sign-in", password=PASSWORD)
    for number in range(20):
        assert visitor.post("/sign-in", {**form, "email": f"user{number}@example.com"}).status_code == 422
    # The first wait is a second, which a slow machine may need to come here; the third is four.
    for _ in range(3):
        refused = visitor.post("/sign-in", {**form, "email": ana.person.email, "password": "wrong"})
        if refused.status_code == 429:
            break
    assert refused.status_code == 429
    assert Visitor(server, rules).sign_in(ana.person.email).status_code == 303


def test_l06_attempts_at_one_instant_all_count(server: RunningServer, rules: Rules, ana: Member) -> None:
    """Sending them together buys no extra guesses."""
    guessers = [Visitor(server, rules) for _ in range(16)]
    forms = [
        guesser.fill("/sign-in", email=ana.person.email, password=f"wrong password {number}")
        for number, guesser in enumerate(guessers)
    ]

    def guess(guesser: Visitor, form: dict[str, str]) -> int:
        # Sixteen passwords at once are a second's work for a busy machine.
        return guesser.post("/sign-in", form, slow=True).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(guess, guessers, forms))
    assert set(statuses) <= {422, 429}
    assert statuses.count(422) <= 6


def test_l07_an_attacker_cannot_lock_a_victim_out(server: RunningServer, rules: Rules, ana: Member) -> None:
    """The wait is a minute at most, and who is signed in goes on."""
    answers = [
        Visitor(server, rules).sign_in(ana.person.email, f"wrong password {number}") for number in range(12)
    ]
    # On a slow machine the first waits are over before the next attempt comes.
    waits = [int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 429]
    assert 1 <= min(waits) <= max(waits) <= 60
    assert ana.browser.get(ana.keys_url).status_code == 200
    assert ana.create("made under attack").status_code == 200


def test_l09_a_password_is_read_exactly(server: RunningServer, rules: Rules) -> None:
    """Over 4,096 bytes and NUL are refused, one normalization is forgiven, every byte counts."""
    member = join(server, rules)
    email, long = "long@example.com", "é" * 60 + "x" * 80
    server.manage(
        lambda m: people.create(m, OPERATOR, company_id=member.company.id, email=email, password=long)
    )
    for wrong in ("p" * 5000, long + "y", long[:-1], long[:72], long.swapcase(), f" {long}"):
        assert Visitor(server, rules).sign_in(email, wrong).status_code in (400, 422, 429)
    assert Visitor(server, rules).sign_in(email, f"{long}\0").status_code == 400
    time.sleep(2.1)
    decomposed = "e\u0301" * 60 + "x" * 80
    assert Visitor(server, rules).sign_in(email, decomposed).status_code == 303


def test_l10_d10_two_hundred_sign_ins_at_once_are_bounded(
    server: RunningServer, rules: Rules, key: Key, ana: Member
) -> None:
    """Some wait, some get a 503 page; tokens go on, and nobody is punished for having been turned away."""
    visitor = Visitor(server, rules)
    form = visitor.fill("/sign-in", password=PASSWORD)
    cookie = f"Cookie: keygrove_form={visitor.cookies['keygrove_form']}".encode()
    waits = []
    with ExitStack() as plugs:
        flood = [plugs.enter_context(dial(server, timeout_s=20)) for _ in range(200)]
        for number, plug in enumerate(flood):
            body = urlencode({**form, "email": f"flood{number}@example.com"}).encode()
            sender = b"X-Forwarded-For: 10.200.0.%d" % number
            plug.sendall(form_post(server, b"/sign-in", body, cookie, sender))
        for _ in range(20):
            started = time.perf_counter()
            assert ask_for_token(server, key).status_code == 200
            waits.append(time.perf_counter() - started)
        answers = [read_reply(plug) for plug in flood]
    statuses = Counter(answer[0] for answer in answers if answer is not None)
    assert statuses[422] + statuses[503] == 200
    assert statuses[422] >= 65
    busy = next(answer for answer in answers if answer is not None and answer[0] == 503)
    assert b"Backoffice is busy right now" in busy[2]
    assert int(busy[1]["retry-after"]) > 0
    assert in_time(max(waits), 1)
    assert Visitor(server, rules).sign_in(ana.person.email).status_code == 303


def test_l10_whoever_was_turned_away_has_not_failed(server: RunningServer, rules: Rules, ana: Member) -> None:
    """A 503 does not count against the account or the address: the next try is looked at."""
    address = "10.201.0.1"

    async def knock(m: Management) -> None:
        full = replace(m, passwords=Passwords(waiting=-1))
        for _ in range(30):
            with pytest.raises(TooBusy):
                await sign_in.sign_in(full, email=ana.person.email, password=PASSWORD, address=address)

    server.manage(knock)
    assert Visitor(server, rules, address=address).sign_in(ana.person.email).status_code == 303


def test_l17_a_sign_in_from_another_origin_is_refused(visitor: Visitor, ana: Member) -> None:
    """Also as text/plain, which needs no preflight."""
    form = visitor.fill("/sign-in", email=ana.person.email, password=PASSWORD)
    content = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = visitor.send(
                "POST", "/sign-in", headers={"Content-Type": content_type, **headers}, content=content
            )
            assert answer.status_code == 403
    assert visitor.session == ""


EVIL = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example/",
    "\t//evil.example",
    "%09//evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "javascript:alert(1)",
    "/c/acme\r\nSet-Cookie: a=b",
    "/@evil.example:80\\",
    "/" + "a" * 8192,
    "\u2044\u2044evil.example",
]


def test_l18_next_leads_nowhere_else(visitor: Visitor, ana: Member) -> None:
    """Neither from the address nor from the form."""
    form = visitor.fill("/sign-in", email=ana.person.email, password=PASSWORD)
    cookies = dict(visitor.cookies)
    for wanted in EVIL:
        asked = visitor.rules.http.build_request("GET", "/sign-in", params={"next": wanted})
        page = asked.url.raw_path.decode()
        visitor.cookies = dict(cookies)
        assert 'name="next" value="/"' in visitor.get(page).text
        assert visitor.post("/sign-in", {**form, "next": wanted}).headers["location"] == "/"
        assert ana.browser.get(page).headers["location"] == "/"


def test_l18_next_leads_to_a_page_of_ours(visitor: Visitor, ana: Member) -> None:
    """Whoever is sent to sign in comes back to where they were going."""
    there = visitor.get(f"{ana.keys_url}?search=a").headers["location"]
    assert there.startswith("/sign-in?next=")
    form = fields = visitor.fill(there, "/sign-in", email=ana.person.email, password=PASSWORD)
    assert form["next"] == f"{ana.keys_url}?search=a"
    assert visitor.post("/sign-in", fields).headers["location"] == f"{ana.keys_url}?search=a"


def test_l19_a_disabled_person_is_out_with_the_next_request(
    server: RunningServer, rules: Rules, bob: Member
) -> None:
    """Their session, their forms and their next sign-in are refused."""
    form = bob.browser.fill(f"{bob.keys_url}/new", name="too late")
    server.manage(lambda m: people.disable(m, OPERATOR, bob.person.id))
    assert bob.browser.get(bob.keys_url).status_code == 303
    answer: httpx2.Response = bob.browser.post(f"{bob.keys_url}/new", form)
    assert answer.headers["location"] == "/sign-in"
    assert Visitor(server, rules).sign_in(bob.person.email).status_code == 422
    assert journal_of(server, bob.person.email)[0].outcome == "refused"
