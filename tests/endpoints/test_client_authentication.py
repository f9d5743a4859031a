"""Table B of the hostile cases: who is asking."""

import base64
import statistics
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from endpoints.asking import Asker, basic, body_of, encoded_basic, granted, refused, refused_client
from hostile_rules import Rules
from keygrove.crypto.secrets import BASE62, new_client_id, new_client_secret
from keygrove.management import companies, integrations
from keygrove.management.context import OPERATOR
from running import Key, RunningServer, ask_for_token, running_server
from web.wire import exchange, form_post
from yardstick import in_time

# The same length and alphabet as a secret, and its last character differs.
ODD = [" secret", "secret ", "\tsecret", "a:b", "100%", "a+b c", "schlüssel", "%41", "é" * 40]


def percent(text: str) -> str:
    """Each character as an escape, the most zealous form encoder there is."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def test_b01_basic_with_both_parts_form_encoded(ask: Asker) -> None:
    """However much is escaped: `_` as `%5F`, or every single character."""
    key = ask.key
    for encode in (
        quote,
        percent,
        lambda text: text.replace("_", "%5F"),
        lambda text: text.replace("_", "%5f"),
    ):
        granted(ask.by_basic(basic(encode(key.client_id), encode(key.client_secret))))


@pytest.mark.parametrize("odd", ODD)
def test_b01_odd_characters_are_decoded_before_they_are_compared(ask: Asker, odd: str) -> None:
    """They reach the comparison as what they are, and prove nothing."""
    refused_client(ask.by_basic(encoded_basic(ask.key.client_id, odd)), by_header=True)
    refused_client(ask.by_basic(encoded_basic(odd, ask.key.client_secret)), by_header=True)
    refused_client(ask.by_basic(encoded_basic(odd, odd)), by_header=True)


def test_b02_basic_with_both_parts_raw(ask: Asker) -> None:
    """What `curl -u` sends: our alphabet encodes to itself."""
    granted(ask.by_basic(basic(ask.key.client_id, ask.key.client_secret)))


def test_b03_the_split_comes_before_the_decoding(ask: Asker) -> None:
    """An escaped colon is part of the id."""
    key = ask.key
    refused_client(ask.by_basic(basic(f"{key.client_id}%3A{key.client_secret}", "x")), by_header=True)
    refused_client(ask.by_basic(basic(f"{key.client_id}%3Ax", key.client_secret)), by_header=True)


@pytest.mark.parametrize(
    "authorization", ["Basic", "Basic OTpi=", "Basic " + "=" * 8, "Basic !!!", "Basic YTpi YTpi"]
)
def test_b05_empty_and_malformed_basic(ask: Asker, authorization: str) -> None:
    """401, never an exception."""
    refused_client(ask.by_basic({"Authorization": authorization}), by_header=True)


def test_b05_no_colon_empty_id_empty_secret(ask: Asker) -> None:
    """Empty never equals anything."""
    key = ask.key
    for client_id, client_secret in (("", ""), ("", key.client_secret), (key.client_id, "")):
        refused_client(ask.by_basic(basic(client_id, client_secret)), by_header=True)
    no_colon = base64.b64encode(key.client_id.encode()).decode()
    refused_client(ask.by_basic({"Authorization": f"Basic {no_colon}"}), by_header=True)
    refused_client(ask(client_secret=""))
    refused(ask(client_id=""), "invalid_request")


@pytest.mark.parametrize("same", [True, False])
def test_b06_basic_and_a_secret_in_the_body(ask: Asker, same: bool) -> None:
    """Two ways at once are refused, equal or not."""
    key = ask.key
    header = basic(key.client_id, key.client_secret)
    body_secret = key.client_secret if same else "other"
    refused(ask.by_basic(header, client_secret=body_secret), "invalid_request")
    refused(ask.by_basic(header, client_id=key.client_id, client_secret=body_secret), "invalid_request")


def test_b07_basic_and_a_client_id_in_the_body(ask: Asker) -> None:
    """The same is accepted, another is refused."""
    header = basic(ask.key.client_id, ask.key.client_secret)
    granted(ask.by_basic(header, client_id=ask.key.client_id))
    refused(ask.by_basic(header, client_id=new_client_id()), "invalid_request")


@pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "bASIC ", "Basic  "])
def test_b09_spellings_of_the_scheme(ask: Asker, scheme: str) -> None:
    """Case and a second blank do not matter."""
    authorization = basic(ask.key.client_id, ask.key.client_secret)["Authorization"]
    granted(ask.by_basic({"Authorization": authorization.replace("Basic ", scheme)}))


@pytest.mark.parametrize(
    "authorization",
    ["Bearer x", "bearer eyJhbGciOiJub25lIn0.e30.", "Digest username=x", "Negotiate YTpi", "x"],
)
def test_b10_another_scheme_beside_good_credentials(ask: Asker, authorization: str) -> None:
    """It never authenticates, and is not ignored either."""
    refused(ask.post(ask.form(), {"Authorization": authorization}), "invalid_request")


def test_b10_two_authorization_headers(ask: Asker, rules: Rules) -> None:
    """Nobody chooses between two."""
    good = basic(ask.key.client_id, ask.key.client_secret)["Authorization"].encode()
    body = urlencode(ask.form(client_id=None, client_secret=None)).encode()
    lines = (b"Authorization: " + good, b"Authorization: " + good)
    reply = exchange(rules, form_post(rules.server, b"/oauth2/token", body, *lines))
    assert reply is not None
    assert reply.status == 400


def test_b11_credentials_in_the_query(ask: Asker, rules: Rules) -> None:
    """They are not read, and not logged."""
    key = ask.key
    query = f"?client_id={key.client_id}&client_secret={key.client_secret}"
    refused(ask.post(ask.form(client_id=None, client_secret=None), query=query), "invalid_request")
    refused_client(ask.post(ask.form(client_secret=None), query=query))
    assert key.client_secret not in rules.server.log_text()


def test_b13_a_confidential_client_without_a_secret(ask: Asker) -> None:
    """Its id alone proves nothing."""
    refused_client(ask(client_secret=None))
    refused_client(ask.by_basic(basic(ask.key.client_id, "")), by_header=True)


@pytest.fixture
def removed_key(server: RunningServer, rules: Rules) -> Key:
    """A key that worked once."""
    removed = server.new_key("marketing.read")
    rules.secrets.add(removed.client_secret)
    server.manage(lambda m: integrations.remove_key(m, OPERATOR, removed.company_id, removed.client_id))
    return removed


def test_b14_every_failure_reads_the_same(ask: Asker, removed_key: Key) -> None:
    """Unknown, wrong and switched off: one status, one body but for the request's id, one set of headers."""
    forms = [
        ask.form(client_id=new_client_id()),
        ask.form(client_secret=new_client_secret().reveal()),
        ask.as_key(removed_key).form(),
    ]
    answers = [ask.post(form) for form in forms]
    for answer in answers:
        refused_client(answer)
    assert len({(answer.status_code, answer.json()["error_description"]) for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"date"})) for answer in answers}) == 1
    assert len({len(answer.content) for answer in answers}) == 1


def test_b14_every_failure_takes_the_same_time(ask: Asker, removed_key: Key) -> None:
    """Over 1,000 samples, in turn, the typical times differ by less than two milliseconds."""
    bodies = {
        "unknown": body_of(ask, client_id=new_client_id()),
        "wrong": body_of(ask, client_secret=new_client_secret().reveal()),
        "removed": body_of(ask.as_key(removed_key)),
    }
    times: dict[str, list[float]] = {name: [] for name in bodies}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(340):
        for name, body in bodies.items():
            started = time.perf_counter()
            answer = ask.rules.http.post("/oauth2/token", content=body, headers=headers)
            times[name].append(time.perf_counter() - started)
            assert answer.status_code == 401
    medians = [statistics.median(samples) for samples in times.values()]
    assert in_time(max(medians) - min(medians), 0.002)


def test_b15_secrets_are_compared_whole(ask: Asker) -> None:
    """However long what follows, and however much of it is right."""
    secret = ask.key.client_secret
    for longer in (secret + "0" * 17 + "x", secret + "x" * 1000, secret * 2, (secret * 2)[:72] + "x"):
        refused_client(ask(client_secret=longer))


def test_b17_almost_right_secrets(ask: Asker) -> None:
    """Cut, longer, of another case, with blanks, or with one character changed at any place."""
    secret = ask.key.client_secret
    almost = [secret[:-1], secret[1:], f"{secret}0", secret.swapcase(), secret.lower(), secret.upper()]
    almost += [f" {secret}", f"{secret} ", f"{secret}\n", f"{secret}\t", secret.removeprefix("kg_sk_")]
    almost += [
        secret[:place] + BASE62[(BASE62.find(secret[place]) + 1) % 62] + secret[place + 1 :]
        for place in range(6, len(secret), 5)
    ]
    for wrong in almost:
        refused_client(ask(client_secret=wrong))
        refused_client(ask.by_basic(encoded_basic(ask.key.client_id, wrong)), by_header=True)


def test_b18_a_key_removed_a_moment_ago(server: RunningServer, ask: Asker, own_key: Key) -> None:
    """The very next request is refused: nothing is cached."""
    asking = ask.as_key(own_key)
    granted(asking())
    server.manage(lambda m: integrations.remove_key(m, OPERATOR, own_key.company_id, own_key.client_id))
    for _ in range(5):
        refused_client(asking())
    refused_client(asking.by_basic(basic(own_key.client_id, own_key.client_secret)), by_header=True)


def test_b18_every_worker_refuses_a_removed_key(tmp_path: Path, new_database: Callable[[], str]) -> None:
    """Whichever process answers: fresh connections reach both."""
    with running_server(tmp_path, database=new_database(), workers=2) as server:
        removed = server.new_key("marketing.read")
        assert {ask_for_token(server, removed).status_code for _ in range(12)} == {200}
        server.manage(lambda m: integrations.remove_key(m, OPERATOR, removed.company_id, removed.client_id))
        assert {ask_for_token(server, removed).status_code for _ in range(12)} == {401}


def test_b19_a_key_of_a_suspended_company(server: RunningServer, ask: Asker) -> None:
    """Off while the company is suspended, and on again afterwards."""
    company = server.new_company("Suspended")
    asking = ask.as_key(server.new_key("marketing.read", company_id=company.id))
    granted(asking())
    server.manage(lambda m: companies.suspend(m, OPERATOR, company.id))
    refused_client(asking())
    server.manage(lambda m: companies.resume(m, OPERATOR, company.id))
    granted(asking())


def test_b21_one_companys_id_with_anothers_secret(server: RunningServer, ask: Asker) -> None:
    """Nor with that of another key of the same company."""
    company = server.new_company("Neighbor")
    foreign = server.new_key("marketing.read", company_id=company.id)
    sibling = server.new_key("marketing.read")
    for other in (foreign, sibling):
        ask.rules.secrets.add(other.client_secret)
        refused_client(ask(client_secret=other.client_secret))
        refused_client(ask(client_id=other.client_id))


def test_b22_ids_that_look_right(ask: Asker) -> None:
    """Compared byte for byte."""
    client_id = ask.key.client_id
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in client_id)
    like = [
        client_id.swapcase(),
        client_id.upper(),
        f"{client_id} ",
        f" {client_id}",
        f"{client_id}\u200b",
        client_id[:-1],
    ]
    like += [unicodedata.normalize("NFD", f"{client_id}é"), f"{client_id}e\u0301", wide]
    for looks_right in like:
        if looks_right != client_id:
            refused_client(ask(client_id=looks_right))


@pytest.mark.parametrize(
    "client_id",
    [
        "' or '1'='1",
        "x'; drop table clients; --",
        "*)(uid=*",
        "{'$ne': null}",
        '{"$gt": ""}',
        "%s%s%n",
        "{0.__class__}",
        "${jndi:ldap://x}",
        "../../etc/passwd",
        "kg_ci_%",
        "kg_ci_" + "_" * 28,
        "\ud7ff\uffff",
        "x" * 60_000,
    ],
)
def test_b23_ids_that_would_be_code_elsewhere(ask: Asker, client_id: str) -> None:
    """They are names of nobody."""
    refused_client(ask(client_id=client_id))


def test_b23_ids_as_arrays_and_objects(ask: Asker) -> None:
    """`client_id[]` is a parameter of another name."""
    for name in ("client_id[]", "client_id[$ne]", "client_id[0]"):
        refused(ask.post([*ask.form(client_id=None), (name, ask.key.client_id)]), "invalid_request")


def test_j14_our_access_token_as_a_client_assertion(ask: Asker) -> None:
    """A token for an API proves nothing here (RFC 8725 §3.11)."""
    assertion = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": granted(ask())["access_token"],
    }
    refused_client(ask(client_secret=None, **assertion))
    refused_client(ask(client_id=None, client_secret=None, **assertion))
    refused(
        ask(client_secret=None, id_token_hint=assertion["client_assertion"], client_id=None),
        "invalid_request",
    )
