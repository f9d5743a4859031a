"""The forms about apps, sent as nobody meant them: from other sites, other companies, without the right."""

from dataclasses import dataclass, replace

import pytest

from hostile_rules import Rules
from keygrove.management import app_review, apps, connected_apps
from keygrove.management.apps import App
from keygrove.management.context import OPERATOR
from management.apps import WAVES, connected, live_app, registered
from running import RunningServer
from web.people import BOOKINGS, Member, join, journal_of
from web.test_keys_forged import FORGED, UNKNOWN_ID

FILLED = {
    "name": "Forged",
    BOOKINGS: "booking.read booking.write",
    "redirect_uris": "https://evil.example/",
    "kind": "web",
}


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a company has: a draft of its own, and an app of somebody else that it connected."""

    draft: App
    connected: App

    def changes(self, member: Member) -> list[tuple[str, dict[str, str]]]:
        """Every form that changes one of them, filled in."""
        settings = f"/c/{member.company.slug}/settings"
        mine = f"{settings}/apps/{self.draft.client_id}"
        return [
            (f"{settings}/apps/new", {**FILLED, "once": "once"}),
            (f"{mine}/edit", FILLED),
            (f"{mine}/review", {"step": "submit"}),
            (f"{mine}/secret", {"once": "once"}),
            (f"{mine}/remove", {}),
            (f"{settings}/integrations/apps/{self.connected.client_id}/disconnect", {}),
        ]

    def unchanged(self, server: RunningServer, member: Member) -> bool:
        """Whether the company has just this, still."""
        mine = server.manage(lambda m: apps.list_apps(m, member.company.id))
        found = server.manage(lambda m: connected_apps.list_connected(m, member.company.id))
        return mine == (self.draft,) and [each.client_id for each in found] == [self.connected.client_id]


@pytest.fixture
def hers(server: RunningServer, ana: Member, bob: Member) -> Theirs:
    """Of Ana's company; Bob's makes the app that it connected."""
    draft = server.manage(lambda m: registered(m, ana.company)).app
    live = server.manage(lambda m: live_app(m, bob.company))
    server.manage(lambda m: connected(m, ana.company, live, ana.person.email))
    return Theirs(draft, live)


def token_of(member: Member) -> str:
    """The form token of somebody's own session."""
    return member.browser.fill(f"/c/{member.company.slug}/settings/apps/new")["form_token"]


@pytest.mark.parametrize("how", FORGED)
def test_k01_another_site_changes_no_app(server: RunningServer, ana: Member, hers: Theirs, how: str) -> None:
    """Even with the right form token; and no form works without it."""
    token = token_of(ana)
    for path, fields in hers.changes(ana):
        sent = {**fields, "form_token": token}
        assert ana.browser.post(path, sent, headers=FORGED[how]).status_code == 403
        assert ana.browser.post(path, fields, headers={}).status_code == 403
    assert hers.unchanged(server, ana)


def test_k06_another_companys_apps_cannot_be_reached(
    server: RunningServer, ana: Member, bob: Member, hers: Theirs
) -> None:
    """Read or change: 404 under his company and under hers; on record; a connected app is hers to end."""
    token = token_of(bob)
    for base in (bob, ana):
        for path, fields in hers.changes(base)[1:]:
            if not path.endswith("/review"):
                assert bob.browser.get(path).status_code == 404
            assert bob.browser.post(path, {**fields, "form_token": token}).status_code == 404
    for path in (f"/apps/{hers.draft.client_id}", f"/integrations/apps/{hers.connected.client_id}"):
        assert bob.browser.get(f"/c/{bob.company.slug}/settings{path}").status_code == 404
    assert hers.unchanged(server, ana)
    attempts = journal_of(server, hers.draft.client_id)
    assert {(line.actor_id, line.action) for line in attempts if line.outcome == "refused"} == {
        (bob.person.id, "app.looked_up")
    }


def test_k19_ids_of_others_and_of_nobody_look_alike(ana: Member, bob: Member, hers: Theirs) -> None:
    """A key's id too: each list has its own."""
    for path in ("apps/{}", "apps/{}/secret", "integrations/apps/{}", "integrations/keys/{}"):
        for client_id in (hers.draft.client_id, UNKNOWN_ID):
            answer = bob.browser.get(f"/c/{bob.company.slug}/settings/{path.format(client_id)}")
            assert answer.status_code == 404
    assert ana.browser.get(f"{ana.keys_url}/{hers.draft.client_id}").status_code == 404


def test_an_auditor_changes_no_app(server: RunningServer, rules: Rules, ana: Member, hers: Theirs) -> None:
    """403 with the reason, and each attempt on record."""
    auditor = join(server, rules, company=ana.company, role="auditor")
    token = token_of(auditor)
    for path, fields in hers.changes(auditor):
        answer = auditor.browser.post(path, {**fields, "form_token": token})
        assert answer.status_code == 403
        assert "Ask an admin of your company." in answer.text
    assert hers.unchanged(server, ana)
    refused = [line for line in journal_of(server, hers.draft.client_id) if line.outcome == "refused"]
    assert sorted(line.action for line in refused) == [
        "app.removed",
        "app.secret_renewed",
        "app.submitted",
        "app.updated",
    ]


def test_k07_fields_too_many_make_no_other_app(server: RunningServer, ana: Member) -> None:
    """State, secret, company and verification are not what the form decides; nor is an unknown kind."""
    extra = {
        "state": "live",
        "verified_at_s": "1",
        "client_secret": "chosen",
        "company_id": "x",
        "live": "on",
    }
    path = f"/c/{ana.company.slug}/settings/apps/new"
    form = {**extra, **ana.browser.fill(path), **FILLED}
    assert ana.browser.post(path, {**form, "kind": "operator"}).status_code == 422
    made = ana.browser.post(path, form, shows=("kg_sk_",))
    assert made.status_code == 200
    (app,) = server.manage(lambda m: apps.list_apps(m, ana.company.id))
    assert (app.state, app.verified_at_s, app.name) == ("draft", None, "Forged")
    assert app.scope.tokens == ("booking.read", "booking.write")


@pytest.mark.parametrize(
    "mark", ["<script>alert(1)</script>", "{{ 7 * 7 }}", '"><img src=x>', "\u202egnp.exe"]
)
def test_k02_what_makers_say_is_words_never_code(server: RunningServer, ana: Member, mark: str) -> None:
    """On each page of the app; a sign that reorders text is refused."""
    path = f"/c/{ana.company.slug}/settings/apps/new"
    said = {"name": f"App {mark}", "description": mark, "owner": mark, "reason-booking.read": mark}
    form = {**ana.browser.fill(path), **FILLED, **said}
    answer = ana.browser.post(path, form, shows=("kg_sk_",))
    if "\u202e" in mark:
        assert answer.status_code == 422
        return
    (app,) = server.manage(lambda m: apps.list_apps(m, ana.company.id))
    base = f"/c/{ana.company.slug}/settings/apps"
    for page in (base, f"{base}/{app.client_id}", f"{base}/{app.client_id}/edit"):
        text = ana.browser.get(page).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "App 49" not in text


@pytest.mark.parametrize("kind", ["web", "browser", "native"])
@pytest.mark.parametrize("scheme", ["http://evil.example/", "javascript:", "data:", "vbscript:", "file:///"])
def test_a11_no_app_registers_a_dangerous_redirect_uri(
    server: RunningServer, ana: Member, kind: str, scheme: str
) -> None:
    """Nor a logo, a privacy policy or terms there; the message stands at the field."""
    path = f"/c/{ana.company.slug}/settings/apps/new"
    wrong = f"{scheme}alert(1)"
    said = {"redirect_uris": wrong, "logo_uri": wrong, "policy_uri": wrong, "tos_uri": wrong}
    answer = ana.browser.post(path, {**ana.browser.fill(path), **FILLED, **said, "kind": kind})
    assert answer.status_code == 422
    for field in said:
        assert f'id="{field}-error"' in answer.text
    assert server.manage(lambda m: apps.list_apps(m, ana.company.id)) == ()


def test_a_form_sent_twice_gives_one_secret(server: RunningServer, ana: Member) -> None:
    """Of a new app, and a new one of an app that is there."""
    path = f"/c/{ana.company.slug}/settings/apps/new"
    form = {**ana.browser.fill(path), **FILLED}
    first, second = (ana.browser.post(path, form, shows=("kg_sk_",)) for _ in range(2))
    assert ("kg_sk_" in first.text, "kg_sk_" in second.text) == (True, False)
    (app,) = server.manage(lambda m: apps.list_apps(m, ana.company.id))
    renew = f"/c/{ana.company.slug}/settings/apps/{app.client_id}/secret"
    form = ana.browser.fill(renew)
    first, second = (ana.browser.post(renew, form, shows=("kg_sk_",)) for _ in range(2))
    assert ("kg_sk_" in first.text, "kg_sk_" in second.text) == (True, False)


@pytest.mark.parametrize("mine", ["needed", "optional"])
def test_whoever_comes_too_late_reads_which_permissions_people_may_leave_out(
    server: RunningServer, ana: Member, mine: str
) -> None:
    """Also when they are the same ones: to save again would change what people may decline."""
    needed = replace(WAVES, permissions=("booking.read", "profile"), optional_permissions=())
    optional = replace(WAVES, permissions=("profile",), optional_permissions=("booking.read",))
    before, after = (needed, optional) if mine == "needed" else (optional, needed)
    app = server.manage(lambda m: registered(m, ana.company, before)).app
    path = f"/c/{ana.company.slug}/settings/apps/{app.client_id}/edit"
    form = ana.browser.fill(path)
    server.manage(lambda m: apps.update(m, OPERATOR, ana.company.id, app.client_id, after))
    late = ana.browser.post(path, form)
    said = (
        "People may leave out “booking.read” now."
        if mine == "needed"
        else "People may leave out nothing now."
    )
    assert (late.status_code, said in late.text) == (409, True)


def test_a_removed_or_suspended_app_is_refused_its_changes(server: RunningServer, ana: Member) -> None:
    """422 with the reason for a suspended one, 404 for one that is gone."""
    app = server.manage(lambda m: registered(m, ana.company, replace(WAVES, name="Soon gone"))).app
    base, token = f"/c/{ana.company.slug}/settings/apps/{app.client_id}", token_of(ana)
    server.manage(lambda m: app_review.suspend(m, OPERATOR, app.client_id))
    review = ana.browser.post(f"{base}/review", {"step": "submit", "form_token": token})
    assert review.status_code == 422
    assert "The app is suspended." in review.text
    edit = ana.browser.post(f"{base}/edit", {**FILLED, "form_token": token})
    assert (edit.status_code, "The app is suspended." in edit.text) == (422, True)
    server.manage(lambda m: apps.remove(m, OPERATOR, ana.company.id, app.client_id))
    assert ana.browser.post(f"{base}/review", {"form_token": token}).status_code == 404
