"""Table K, one key's life: names, the secret, the list, what is on record."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from markupsafe import escape

from hostile_rules import Rules, assert_silent
from keygrove.management import integrations
from running import PASSWORD, Key, RunningServer, ask_for_token
from stores import SqliteStore, everything_in, store_at
from web.people import BOOKINGS, MARKETING, Member, join, journal_of
from web.test_keys_forged import key_of, names_of
from web.visitor import Visitor

SECRET = re.compile(r"kg_sk_[0-9A-Za-z]{49}")
CLIENT_ID = re.compile(r"kg_ci_[0-9A-Za-z]{28}")


def made(member: Member, name: str = "sync", **fields: str) -> Key:
    """A key made through the form, as its page shows it."""
    text = member.create(name, **fields).text
    client_id, secret = CLIENT_ID.search(text), SECRET.search(text)
    assert client_id is not None
    assert secret is not None
    return Key(client_id[0], secret[0], member.company.id)


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)' autofocus='",
    "</title><svg onload=alert(1)>",
    "{{ 7 * 7 }}${7*7}<%= 7*7 %>{% raw %}",
    '=HYPERLINK("http://evil.example")',
    "javascript:alert(1)",
    "-->]]><!--",
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_k02_a_name_is_inert_everywhere(ana: Member, payload: str) -> None:
    """On the page of the secret, in the list, the details, the permissions, the question before removal."""
    ready = ana.create(payload)
    client_id = CLIENT_ID.findall(ready.text)[0]
    url = ana.key_url(client_id)
    renamed = ana.browser.submit(url, name=f"{payload}2")
    assert renamed.status_code == 303
    faulty = ana.browser.submit(url, name=payload * 12)
    pages = [ready, faulty, *map(ana.browser.get, (ana.keys_url, url, f"{url}/permissions", f"{url}/remove"))]
    pages.append(ana.browser.get(f"{ana.keys_url}?search={quote(payload[:20])}"))
    for page in pages:
        assert page.status_code in (200, 422)
        assert not re.search(r"<(?:script|img|svg)\b[^>]*(?:alert|onerror|onload)", page.text)
        assert not re.search(r"<[a-z][^>]*\son[a-z]+=", re.sub(r'"[^"]*"', '""', page.text))
        assert str(escape(payload[:20])) in page.text
        assert "script-src 'self';" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]


REFUSED_NAMES = {
    "empty": "",
    "blanks": "   ",
    "invisible": "\u200b\u200d\u2060",
    "short": "ab",
    "long": "n" * 10_000,
    "newline": "two\nlines",
    "line separator": "two\u2028lines",
    "escape": "red\x1b[31m",
    "turned": "evil\u202egnp.exe",
    "marks": "a" + "\u0301" * 1000,
    "unassigned": "name\U000e0fff",
}


def test_k03_a_bad_name_gets_a_message(server: RunningServer, ana: Member) -> None:
    """At its field, with nothing created, and the log as it should be."""
    for case, name in REFUSED_NAMES.items():
        answer = ana.create(name)
        assert answer.status_code == 422, case
        assert 'id="name-error"' in answer.text
        assert "<title>Error: " in answer.text
    assert names_of(server, ana) == []


def test_k03_nul_is_refused(server: RunningServer, ana: Member) -> None:
    """Before anybody looks at the name."""
    assert ana.create("nul\0nul").status_code == 400
    assert names_of(server, ana) == []


def test_k03_a_name_is_unique_among_active_keys(server: RunningServer, ana: Member) -> None:
    """Without regard to case, width and blanks; emoji are letters like others."""
    first = made(ana, "Newsletter 🌱 Straße")
    for twin in ("newsletter 🌱 strasse", "  Newsletter 🌱 Straße ", "\uff2eewsletter 🌱 STRASSE"):
        assert "Another key of your company has this name" in ana.create(twin).text
    ana.browser.submit(f"{ana.key_url(first.client_id)}/remove")
    made(ana, "newsletter 🌱 strasse")
    assert names_of(server, ana) == ["newsletter 🌱 strasse"]


def test_k10_the_secret_is_shown_once(ana: Member) -> None:
    """Sent again, in the list, in the details, everywhere else: never; no cache may keep it."""
    form = ana.browser.fill(f"{ana.keys_url}/new", name="once", **{MARKETING: "marketing.read"})
    ready = ana.browser.post(f"{ana.keys_url}/new", form, shows=("kg_sk_",))
    secret = SECRET.findall(ready.text)[0]
    ana.browser.rules.secrets.add(secret)
    assert ready.headers["cache-control"] == "no-store"
    assert "set-cookie" not in ready.headers
    again = ana.browser.post(f"{ana.keys_url}/new", form)
    assert again.status_code == 200
    assert "The Secret Key can't be shown again." in again.text
    client_id = CLIENT_ID.findall(ready.text)[0]
    url = ana.key_url(client_id)
    for path in (
        ana.keys_url,
        f"{ana.keys_url}?search={client_id}",
        url,
        f"{url}/permissions",
        f"{url}/remove",
    ):
        page = ana.browser.get(path)
        assert page.headers["cache-control"] == "no-store"
        assert client_id in page.text
    assert str(ready.url).endswith("/keys/new")


def test_k10_a_secret_in_the_filter_is_not_used(ana: Member) -> None:
    """Whoever pastes it finds a note, and it stands nowhere afterwards."""
    key = made(ana)
    ana.browser.rules.secrets.add(key.client_secret)
    page = ana.browser.get(f"{ana.keys_url}?search={key.client_secret}")
    assert "That looks like a Secret Key" in page.text


def test_k11_no_secret_is_kept_or_logged(server: RunningServer, rules: Rules) -> None:
    """Database, write-ahead log, server log and everything else in the data folder, after a whole life."""
    member = join(server, rules)
    key = made(member, "scanned")
    token = ask_for_token(server, key).json()["access_token"]
    wrong = "kg_sk_wrong password of Ana"
    assert Visitor(server, rules).sign_in(member.person.email, wrong).status_code in (422, 429)
    ask_for_token(server, key, client_secret=key.client_secret[:-1])
    ask_for_token(server, key, scope=key.client_secret)
    member.browser.get(f"{member.keys_url}?search={key.client_secret}&secret={key.client_secret}")
    session, form = member.browser.session, member.browser.fill(f"{member.keys_url}/new")["form_token"]
    secrets = [key.client_secret, key.client_secret[:-1], token, PASSWORD, wrong, session, form]
    files = [path for path in Path(server.environ["KEYGROVE_DATA_DIR"]).rglob("*") if path.is_file()]
    with store_at(server.environ["KEYGROVE_DATABASE"]) as store:
        stored = everything_in(store)
        if isinstance(store, SqliteStore):
            assert {path.name for path in files} >= {"keygrove.db", "keygrove.db-wal", "master.key"}
    assert key.client_id in stored
    assert [secret for secret in secrets if secret in stored] == []
    for path in [*files, server.log]:
        content = path.read_bytes()
        assert [secret for secret in secrets if secret.encode() in content] == [], path.name
        assert path.name == "master.key" or b"BEGIN PRIVATE KEY" not in content


def test_k11_no_process_leaves_its_memory_on_disk(server: RunningServer) -> None:
    """Core dumps are switched off for the server and its workers."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert children
    for process in (str(pid), *children):
        limits = Path(f"/proc/{process}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)


def test_k13_a_double_click_makes_one_key(server: RunningServer, ana: Member) -> None:
    """One answer shows the secret, the others say that it was made; one key, one line on record."""
    form = ana.browser.fill(f"{ana.keys_url}/new", name="clicked", **{MARKETING: "marketing.read"})
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(ana.browser.post, f"{ana.keys_url}/new", form, shows=("kg_sk_",)) for _ in range(4)
        ]
        texts = [one.result().text for one in sent]
    shown = [SECRET.findall(text)[0] for text in texts if SECRET.search(text)]
    assert len(shown) == 1
    assert sum("can't be shown again" in text for text in texts) == 3
    keys = server.manage(lambda m: integrations.list_keys(m, ana.company.id)).keys
    assert [key.name for key in keys] == ["clicked"]
    assert [line.action for line in journal_of(server, keys[0].client_id)] == ["key.created"]
    assert ask_for_token(server, Key(keys[0].client_id, shown[0], ana.company.id)).status_code == 200


def test_k13_a_form_of_another_company_finds_no_key(ana: Member, bob: Member) -> None:
    """Her form's value does not show him her key."""
    form = ana.browser.fill(f"{ana.keys_url}/new", name="hers", **{MARKETING: "marketing.read"})
    ana.browser.post(f"{ana.keys_url}/new", form, shows=("kg_sk_",))
    his = bob.browser.fill(f"{bob.keys_url}/new", name="his", **{MARKETING: "marketing.read"})
    answer = bob.browser.post(f"{bob.keys_url}/new", {**his, "once": form["once"]})
    assert answer.status_code == 404
    assert "hers" not in answer.text


def test_k14_a_removed_key_is_gone_for_good(server: RunningServer, ana: Member) -> None:
    """The next token request is refused; removing again, renaming and widening find nothing."""
    key = made(ana)
    url = ana.key_url(key.client_id)
    forms = {path: ana.browser.fill(path) for path in (url, f"{url}/permissions", f"{url}/remove")}
    assert ask_for_token(server, key).status_code == 200
    assert ana.browser.post(f"{url}/remove", forms[f"{url}/remove"]).status_code == 303
    answer = ask_for_token(server, key)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    for path, form in forms.items():
        assert ana.browser.get(path).status_code == 404
        assert ana.browser.post(path, form).status_code == 404
    assert journal_of(server, key.client_id)[0].action == "key.removed"
    assert ask_for_token(server, key).status_code == 401


def test_k15_the_next_token_follows_the_permissions(server: RunningServer, ana: Member) -> None:
    """Widened and narrowed at once; write brings read along."""
    key = made(ana)
    path = f"{ana.key_url(key.client_id)}/permissions"
    assert ask_for_token(server, key, scope="booking.read").json()["error"] == "invalid_scope"
    assert ana.browser.submit(path, **{BOOKINGS: "booking.write", MARKETING: ""}).status_code == 303
    assert key_of(server, ana, key.client_id).permissions == ("booking.read", "booking.write")
    assert ask_for_token(server, key, scope="booking.read booking.write").status_code == 200
    assert ask_for_token(server, key, scope="marketing.read").json()["error"] == "invalid_scope"
    assert ana.browser.submit(path, **{BOOKINGS: "booking.read"}).status_code == 303
    assert ask_for_token(server, key, scope="booking.write").json()["error"] == "invalid_scope"
    assert ana.browser.submit(path, **{BOOKINGS: ""}).status_code == 422


def test_k22_every_deed_is_on_record(server: RunningServer, ana: Member) -> None:
    """Who, for which company, what, when, from where and with what outcome; never the secret."""
    key = made(ana)
    url = ana.key_url(key.client_id)
    ana.browser.submit(url, name="renamed")
    ana.browser.submit(f"{url}/permissions", **{BOOKINGS: "booking.read"})
    ana.browser.submit(f"{url}/remove")
    lines = journal_of(server, key.client_id)
    assert [line.action for line in lines] == ["key.removed", "key.updated", "key.updated", "key.created"]
    for line in lines:
        assert (line.actor_kind, line.actor_id, line.actor_name) == ("person", ana.person.id, ana.person.name)
        assert (line.company_id, line.outcome) == (ana.company.id, "done")
        assert line.address == ana.browser.address
        assert re.fullmatch(r"[0-9a-f]{16}", line.request_id)
        assert_silent(line.detail, {key.client_secret})
    assert len({line.request_id for line in lines}) == 4
    changed = json.loads(lines[1].detail)
    assert changed["before"]["permissions"] == ["marketing.read"]
    assert changed["after"]["permissions"] == ["booking.read", "marketing.read"]


def test_k26_a_company_of_the_same_name_inherits_nothing(server: RunningServer, rules: Rules) -> None:
    """Other address, no keys, no people of the first."""
    first = server.new_company("Twin & Sons")
    one = join(server, rules, company=first)
    key = made(one, "of the first")
    second = server.new_company("Twin & Sons")
    two = join(server, rules, company=second)
    assert second.slug != first.slug
    assert names_of(server, two) == []
    assert "No keys yet" in two.browser.get(two.keys_url).text
    assert two.browser.get(two.key_url(key.client_id)).status_code == 404
    assert one.browser.get(two.keys_url).status_code == 404
