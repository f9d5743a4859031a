"""Table K, requests that nobody meant: from other sites, for other companies, with fields too many."""

import re
from collections.abc import Callable

import pytest

from hostile_rules import Rules
from keygrove.management import integrations, people
from keygrove.management.context import OPERATOR
from keygrove.management.integrations import IntegrationKey
from running import PASSWORD, Key, RunningServer, ask_for_token
from web.people import BOOKINGS, MARKETING, Member, join, journal_of
from web.visitor import Visitor

FORGED = {
    "cross-site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "same-site": {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"},
    "old browser": {"Origin": "https://evil.example"},
    "other port": {"Origin": "http://127.0.0.1:1"},
    "look-alike": {"Origin": "http://127.0.0.1.evil.example"},
}


def key_of(server: RunningServer, member: Member, client_id: str) -> IntegrationKey:
    """A key as its company has it now."""
    return server.manage(lambda m: integrations.get_key(m, OPERATOR, member.company.id, client_id))


def names_of(server: RunningServer, member: Member) -> list[str]:
    """The names of a company's keys."""
    found = server.manage(lambda m: integrations.list_keys(m, member.company.id))
    return [key.name for key in found.keys]


@pytest.fixture
def hers(server: RunningServer, ana: Member) -> Key:
    """A key of Ana's company."""
    return server.new_key("marketing.read", company_id=ana.company.id, name="hers")


def changes(member: Member, client_id: str) -> list[tuple[str, dict[str, str]]]:
    """Every form that changes something, filled in."""
    url = member.key_url(client_id)
    return [
        (f"{member.keys_url}/new", {"name": "forged", MARKETING: "marketing.read", "once": "once"}),
        (url, {"name": "forged"}),
        (f"{url}/permissions", {BOOKINGS: "booking.read booking.write"}),
        (f"{url}/remove", {}),
    ]


@pytest.mark.parametrize("how", FORGED)
def test_k01_another_site_changes_nothing(server: RunningServer, ana: Member, hers: Key, how: str) -> None:
    """Even with the right form token, as if it had leaked."""
    token = ana.browser.fill(f"{ana.keys_url}/new")["form_token"]
    for path, fields in changes(ana, hers.client_id):
        answer = ana.browser.post(path, {**fields, "form_token": token}, headers=FORGED[how])
        assert answer.status_code == 403
        assert "This form was not sent from its own page" in answer.text
    assert names_of(server, ana) == ["hers"]
    assert key_of(server, ana, hers.client_id).permissions == ("marketing.read",)


@pytest.mark.parametrize("whose", ["missing", "empty", "made up", "of another person", "of a stranger"])
def test_k01_a_form_needs_the_token_of_its_own_session(
    server: RunningServer, ana: Member, bob: Member, hers: Key, visitor: Visitor, whose: str
) -> None:
    """No browser header is needed to refuse it."""
    tokens = {
        "missing": {},
        "empty": {"form_token": ""},
        "made up": {"form_token": "0" * 64},
        "of another person": {"form_token": bob.browser.fill(f"{bob.keys_url}/new")["form_token"]},
        "of a stranger": {"form_token": visitor.fill("/sign-in")["form_token"]},
    }
    for path, fields in changes(ana, hers.client_id):
        assert ana.browser.post(path, {**fields, **tokens[whose]}, headers={}).status_code == 403
    assert names_of(server, ana) == ["hers"]


def test_k01_a_planted_form_cookie_does_not_open_the_forms_of_who_is_signed_in(
    server: RunningServer, ana: Member, hers: Key, visitor: Visitor
) -> None:
    """An attacker who can set a cookie knows the token that belongs to it, and it is worth nothing."""
    token = visitor.fill("/sign-in")["form_token"]
    ana.browser.cookies["keygrove_form"] = visitor.cookies["keygrove_form"]
    for path, fields in changes(ana, hers.client_id):
        assert ana.browser.post(path, {**fields, "form_token": token}, headers={}).status_code == 403
    assert names_of(server, ana) == ["hers"]


def test_k01_reading_changes_nothing(server: RunningServer, ana: Member, hers: Key) -> None:
    """GET with all the fields of the form, and every other method."""
    for path, fields in changes(ana, hers.client_id):
        query = "&".join(f"{name}={value}" for name, value in fields.items())
        assert ana.browser.get(f"{path}?{query.replace(' ', '+')}&_method=POST").status_code == 200
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = ana.browser.send(method, path, headers={"X-HTTP-Method-Override": "POST"})
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert names_of(server, ana) == ["hers"]
    assert ana.browser.get("/theme").status_code == 405


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""]
)
def test_k23_only_forms_are_read(ana: Member, server: RunningServer, content_type: str) -> None:
    """What another site can send without asking first, or a script with JSON, is refused."""
    token = ana.browser.fill(f"{ana.keys_url}/new")["form_token"]
    for content in (f"form_token={token}&name=forged&{MARKETING}=marketing.read", '{"name": "forged"}'):
        answer = ana.browser.send(
            "POST", f"{ana.keys_url}/new", headers={"Content-Type": content_type}, content=content.encode()
        )
        assert answer.status_code == 415
    assert names_of(server, ana) == []


UNKNOWN_ID = "kg_ci_0000000000000000000000000000"


def test_k06_another_companys_key_cannot_be_reached(
    server: RunningServer, ana: Member, bob: Member, hers: Key
) -> None:
    """Read, rename, permissions, remove: 404 under his company and hers; nothing changed; on record."""
    token = bob.browser.fill(f"{bob.keys_url}/new")["form_token"]
    before = key_of(server, ana, hers.client_id)
    for base in (bob, ana):
        for path, fields in changes(base, hers.client_id)[1:]:
            assert bob.browser.get(path).status_code == 404
            assert bob.browser.post(path, {**fields, "form_token": token}).status_code == 404
    assert bob.browser.get(ana.keys_url).status_code == 404
    create = changes(ana, hers.client_id)[0][1]
    assert bob.browser.post(f"{ana.keys_url}/new", {**create, "form_token": token}).status_code == 404
    assert key_of(server, ana, hers.client_id) == before
    assert ask_for_token(server, hers).status_code == 200
    attempts = journal_of(server, hers.client_id)[:6]
    assert {(line.actor_id, line.outcome) for line in attempts} == {(bob.person.id, "refused")}
    assert {line.address for line in attempts} == {bob.browser.address}
    entered = journal_of(server, ana.company.id)[0]
    assert (entered.action, entered.outcome, entered.actor_id) == (
        "company.entered",
        "refused",
        bob.person.id,
    )


def test_k19_a_missing_and_a_foreign_key_look_alike(ana: Member, bob: Member, hers: Key) -> None:
    """The same page but for its request id, and ids that cannot be guessed."""

    def seen(path: str) -> tuple[int, str]:
        answer = bob.browser.get(path)
        text = re.sub(r"[0-9a-f]{16}", "", answer.text.replace(path, ""))
        return answer.status_code, re.sub(r'name="back" value="[^"]*"', "", text)

    foreign, missing = seen(bob.key_url(hers.client_id)), seen(bob.key_url(UNKNOWN_ID))
    assert foreign == missing
    assert seen(ana.key_url(hers.client_id)) == missing
    assert seen("/c/no-such-company/settings/integrations/keys") == seen(ana.keys_url)


def test_k19_ids_are_random(server: RunningServer) -> None:
    """No two share more than their prefix; no counter, no time."""
    ids = [server.new_key().client_id for _ in range(4)]
    bodies = [client_id.removeprefix("kg_ci_") for client_id in ids]
    assert all(re.fullmatch(r"[0-9A-Za-z]{28}", body) for body in bodies)
    assert len({body[:4] for body in bodies}) == 4


def test_k07_fields_too_many_are_ignored(server: RunningServer, ana: Member, bob: Member) -> None:
    """Company, ids, secret, owner, grants, times: the form has no such fields."""
    extra = {
        "company_id": bob.company.id,
        "company": bob.company.slug,
        "client_id": UNKNOWN_ID,
        "client_secret": "chosen",
        "created_by": "somebody else",
        "created_at_s": "1",
        "grant_types": "authorization_code",
        "redirect_uris": "https://evil.example",
        "audience": "https://evil.example",
        "enabled": "0",
        "role": "admin",
        "permissions": "booking.write",
    }
    form = ana.browser.fill(f"{ana.keys_url}/new", name="narrow", **{MARKETING: "marketing.read"})
    made = ana.browser.post(f"{ana.keys_url}/new", {**extra, **form}, shows=("kg_sk_",))
    assert made.status_code == 200
    found = server.manage(lambda m: integrations.list_keys(m, ana.company.id)).keys[0]
    assert found.client_id != UNKNOWN_ID
    assert (found.name, found.permissions, found.created_by) == (
        "narrow",
        ("marketing.read",),
        ana.person.name,
    )
    assert found.audience == "https://api.understory.io"
    assert names_of(server, bob) == []
    path = f"{ana.key_url(found.client_id)}/permissions"
    ana.browser.post(path, {**extra, **ana.browser.fill(path), MARKETING: "marketing.read"})
    assert key_of(server, ana, found.client_id).permissions == ("marketing.read",)


def test_k09_an_auditor_changes_nothing(server: RunningServer, rules: Rules, ana: Member, hers: Key) -> None:
    """403 for every form, on record; looking is fine."""
    auditor = join(server, rules, company=ana.company, role="auditor")
    assert auditor.browser.get(auditor.key_url(hers.client_id)).status_code == 200
    token = auditor.browser.fill(f"{ana.keys_url}/new")["form_token"]
    for path, fields in changes(ana, hers.client_id):
        answer = auditor.browser.post(path, {**fields, "form_token": token})
        assert answer.status_code == 403
        assert "Ask an admin of your company" in answer.text
    assert names_of(server, ana) == ["hers"]
    refused = {line.action for line in journal_of(server, hers.client_id) if line.outcome == "refused"}
    assert refused == {"key.updated", "key.removed"}
    assert journal_of(server, ana.company.id)[0].action == "key.created"


def test_k09_an_admin_who_is_demoted_is_refused_at_once(
    server: RunningServer, ana: Member, hers: Key
) -> None:
    """The forms that were open already included."""
    forms: list[Callable[[], int]] = []
    for path, fields in changes(ana, hers.client_id):
        form = {**ana.browser.fill(path), **fields}
        forms.append(lambda path=path, form=form: ana.browser.post(path, form).status_code)  # type: ignore[misc]
    server.manage(
        lambda m: people.create(
            m,
            OPERATOR,
            company_id=ana.company.id,
            email=ana.person.email,
            password=PASSWORD,
            role="auditor",
        )
    )
    assert [send() for send in forms] == [403, 403, 403, 403]
    assert names_of(server, ana) == ["hers"]


def test_k05_a_permission_that_does_not_exist_is_refused(server: RunningServer, ana: Member) -> None:
    """As a whole, also beside one that does."""
    for value in ("booking.admin", "marketing.read openid", "offline", "*", "Marketing.Read"):
        answer = ana.create("greedy", **{MARKETING: "marketing.read", BOOKINGS: value})
        assert answer.status_code == 422
        assert "does not exist." in answer.text
    assert names_of(server, ana) == []
