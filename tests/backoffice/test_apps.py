"""S18 and S16 in a real browser: an app registered, reviewed, connected by another company, disconnected."""

import re
from dataclasses import replace
from functools import partial

from playwright.sync_api import expect

from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.test_every_state import error_links
from backoffice.visitor import CLOSE_LOOKS, Look, Visitor, in_looks
from keygrove.management import app_review, apps
from keygrove.management.app_details import AppDetails
from keygrove.management.context import OPERATOR, Management
from keygrove.sdk.authorization_code import AuthorizationCodeFlow
from keygrove.storage import grants
from management.apps import WAVES, connected, live_app, not_told, registered
from running import PASSWORD

every_look = in_looks(CLOSE_LOOKS)
REASON = "Shows what was booked, for when."


async def give_back(m: Management, grant_id: str) -> None:
    """End a grant, as its app does."""
    async with m.database.transaction() as tx:
        assert await grants.revoke(tx, grant_id, at_s=m.now())


def fill_in(visitor: Visitor, name: str, *redirect_uris: str) -> None:
    """The fields that a draft needs."""
    page = visitor.page
    page.locator("#name").fill(name)
    visitor.choose("Bookings", "Read and write")
    page.locator("#redirect_uris").fill("\n".join(redirect_uris))


@every_look
def test_an_app_is_registered_and_its_secret_shown_once(look: Look, site: Site, visit: OpenVisitor) -> None:
    """What is wrong is told at its field; a reload makes no second app and shows no secret."""
    company = site.new_company("Waves")
    visitor = visit(look)
    page, url = visitor.page, f"/c/{company.slug}/settings/apps"
    site.let_in(visitor, site.new_person(company))
    visitor.go(url)
    visitor.is_at("Apps you make")
    visitor.inspect("apps-empty")
    visitor.follow("Register an app")
    visitor.inspect("app-new")
    visitor.press("Register")
    assert error_links(visitor) == [
        "Name: enter a name.",
        "Permissions: choose at least one permission.",
        "Redirect URIs: enter at least one redirect URI.",
    ]
    fill_in(visitor, "Waves Marketplace", "https://waves.example/callback", "http://waves.example/")
    page.locator("#kind-web").check()
    visitor.press("Register")
    expect(page.locator("#redirect_uris-error")).to_contain_text("Line 2: Use https; http is for localhost")
    assert page.locator("#permission-booking\\.read-write").is_checked()
    visitor.inspect("app-new-failed")
    page.locator("#redirect_uris").fill("https://waves.example/callback\nhttp://localhost:8080/")
    visitor.press("Register")
    visitor.is_at("Your app is registered")
    secret = page.locator("#secret-key").inner_text()
    assert len(secret) == 55
    visitor.inspect("app-ready")
    flow = AuthorizationCodeFlow.from_environment(
        redirect_uri="https://waves.example/callback", scopes=["openid"], environment=visitor.dotenv()
    )
    assert flow.start().url.startswith(f"{site.url}/oauth2/auth?")
    page.reload()
    visitor.is_at("This was done already. The Secret Key can't be shown again.")
    assert secret not in page.content()
    visitor.inspect("app-already")
    visitor.follow("View the app")
    visitor.is_at("Waves Marketplace")
    assert "Only Waves can connect it" in page.get_by_role("main").inner_text()
    visitor.inspect("app-draft")


@every_look
def test_an_app_is_reviewed_changed_and_removed(look: Look, site: Site, visit: OpenVisitor) -> None:
    """The nine fields and the states in words; what a review needs is asked for in the form."""
    company = site.new_company("Waves")
    bare = AppDetails(
        name="Waves Marketplace", permissions=("booking.read",), redirect_uris=("https://waves.example/",)
    )
    new = site.manage(lambda m: registered(m, company, bare))
    visitor = visit(look)
    page, url = visitor.page, f"/c/{company.slug}/settings/apps"
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"{url}/{new.app.client_id}")
    visitor.press("Submit for review")
    assert error_links(visitor) == [
        "Description: say what the app does.",
        "Permissions: give a reason for each permission.",
        "Privacy policy: give the address of your privacy policy.",
        "Terms: give the address of your terms.",
        "Owner: say who looks after the app.",
        "Contact: give an e-mail address that the operator can write to.",
    ]
    visitor.inspect("app-not-ready-for-review")
    for field, text in (
        ("description", WAVES.description),
        ("policy_uri", WAVES.policy_uri),
        ("tos_uri", WAVES.tos_uri),
        ("logo_uri", WAVES.logo_uri),
        ("owner", WAVES.owner),
        ("contact_email", WAVES.contact_email),
        ("reason-booking\\.read", REASON),
    ):
        page.locator(f"#{field}").fill(text)
    page.locator("#pkce-no").check()
    visitor.choose("E-mail address", "Read")
    page.locator("#reason-email").fill("Writes to you when a tour is full.")
    page.locator("#optional-email").check()
    visitor.press("Save changes")
    visitor.is_told_of("The changes are saved.")
    after = site.manage(lambda m: apps.of_operator(m, new.app.client_id))
    assert (after.scope.tokens, after.optional_scope.tokens) == (("booking.read",), ("email",))
    expect(page.locator(".preview")).to_contain_text(REASON)
    expect(page.locator(".preview li", has_text="See your e-mail address")).to_contain_text("Optional")
    assert "PKCE not required" in page.get_by_role("main").inner_text()
    visitor.press("Submit for review")
    visitor.is_told_of("The app is submitted.")
    visitor.inspect("app-in-review")
    visitor.go(url)
    expect(page.get_by_role("row", name="Waves Marketplace")).to_contain_text("In review")
    visitor.inspect("apps")
    visitor.follow("Waves Marketplace")
    visitor.press("Take back to draft")
    visitor.is_told_of("The app is a draft again.")
    visitor.follow("Remove app")
    visitor.inspect("app-remove")
    visitor.press("Remove app")
    visitor.is_told_of("The app is removed.")
    assert page.get_by_role("heading", name="No apps yet").is_visible()


@every_look
def test_a_live_app_keeps_what_was_reviewed_and_gets_a_new_secret(
    look: Look, site: Site, visit: OpenVisitor
) -> None:
    """A name and more permissions are the operator's; a suspended one cannot be changed at all."""
    company = site.new_company("Waves")
    app = site.manage(lambda m: live_app(m, company))
    visitor = visit(look)
    page, url = visitor.page, f"/c/{company.slug}/settings/apps/{app.client_id}"
    site.let_in(visitor, site.new_person(company))
    for reason, attempts in (("it answered 400", 1), ("it could not be reached", 4)):
        site.manage(partial(not_told, app=app, reason=reason, attempts=attempts))
    visitor.go(url)
    # It has a logo, which no page of ours has a browser fetch.
    expect(page.locator(".head__title .face")).to_have_text("W")
    lines = page.get_by_role("region", name="Sign-outs it was not told of").get_by_role("listitem")
    expect(lines).to_have_text([re.compile("Tried 4 times: it could not"), re.compile("It answered 400")])
    visitor.inspect("app-live")
    visitor.go(f"{url}/edit")
    page.locator("#name").fill("Bank")
    visitor.choose("Orders", "Read")
    visitor.press("Save changes")
    assert error_links(visitor) == [
        "Name: a live app keeps its name. Ask the operator to change it.",
        "Permissions: a live app keeps to the permissions that were reviewed. Ask the operator for more.",
    ]
    site.age_sessions()
    visitor.go(f"{url}/secret")
    visitor.inspect("app-secret-confirm")
    visitor.press("Make new Secret Key")
    assert error_links(visitor) == ["Enter your password."]
    page.get_by_label("Confirm it's you").fill(PASSWORD)
    visitor.press("Make new Secret Key")
    visitor.is_at("New Secret Key")
    assert len(page.locator("#secret-key").inner_text()) == 55
    visitor.inspect("app-secret-new")
    page.reload()
    assert visitor.heading().startswith("This was done already.")
    site.manage(lambda m: app_review.suspend(m, OPERATOR, app.client_id))
    visitor.go(url)
    assert "It gets no tokens" in page.get_by_role("main").inner_text()
    visitor.inspect("app-suspended")
    visitor.go(f"{url}/edit")
    assert page.get_by_role("button", name="Save changes").is_disabled()
    visitor.inspect("app-edit-suspended")


@every_look
def test_who_was_overtaken_keeps_what_they_typed(look: Look, site: Site, visit: OpenVisitor) -> None:
    """They read how it is now, beside what they typed; saving again replaces it."""
    company = site.new_company("Waves")
    app = site.manage(lambda m: registered(m, company)).app
    visitor = visit(look)
    page = visitor.page
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/apps/{app.client_id}/edit")
    page.locator("#owner").fill("Mine")
    theirs = replace(WAVES, description="Theirs.", permissions=("event.read",), require_pkce=False)
    site.manage(lambda m: apps.update(m, OPERATOR, company.id, app.client_id, theirs))
    with page.expect_response(lambda answer: answer.request.is_navigation_request()) as answered:
        visitor.press("Save changes")
    assert answered.value.status == 409
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this app first.")
    expect(page.locator("#description-error")).to_contain_text("It now is “Theirs.”.")
    expect(page.get_by_role("alert")).to_contain_text("now there are “event.read”.")
    expect(page.get_by_role("alert")).to_contain_text("PKCE now is not required.")
    assert page.locator("#owner").input_value() == "Mine"
    visitor.inspect("app-edit-overtaken")
    visitor.press("Save changes")
    after = site.manage(lambda m: apps.of_operator(m, app.client_id))
    assert (after.owner, after.description) == ("Mine", WAVES.description)


@every_look
def test_the_consent_screen_is_previewed_while_it_is_typed(
    look: Look, site: Site, visit: OpenVisitor
) -> None:
    """By itself with script, by a button without; whatever is missing yet."""
    company = site.new_company("Waves")
    visitor = visit(look)
    page = visitor.page
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/apps/new")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Let Your app work with the company's data?")
    page.locator("#name").fill("Surf <b>Marketplace</b>")
    visitor.choose("Bookings", "Read")
    page.locator("#reason-booking\\.read").fill(REASON)
    if look.script:
        expect(page.get_by_role("button", name="Preview")).to_be_hidden()
    else:
        visitor.press("Preview")
    expect(preview).to_contain_text("Let Surf <b>Marketplace</b> work with the company's data?")
    expect(preview).to_contain_text("Read bookings")
    expect(preview).to_contain_text(REASON)
    assert page.locator("#name").input_value() == "Surf <b>Marketplace</b>"
    assert page.get_by_role("alert").count() == 0
    visitor.inspect("app-new-previewed")
    assert site.manage(lambda m: apps.list_apps(m, company.id)) == ()


@every_look
def test_a_public_app_has_no_secret(look: Look, site: Site, visit: OpenVisitor) -> None:
    """Not on a page and not by its address."""
    company = site.new_company("Waves")
    visitor = visit(look)
    page = visitor.page
    site.let_in(visitor, site.new_person(company))
    visitor.go(f"/c/{company.slug}/settings/apps/new")
    fill_in(visitor, "Pocket Waves", "io.waves.pocket:/callback")
    page.locator("#kind-native").check()
    visitor.press("Register")
    visitor.is_at("Pocket Waves")
    visitor.is_told_of("The app is registered, as a draft.")
    assert "None: a public app" in page.get_by_role("main").inner_text()
    visitor.go(f"{page.url.removeprefix(site.url).partition('?')[0]}/secret")
    visitor.is_at("There is no page at this address")


@every_look
def test_a_connected_app_is_seen_and_disconnected(look: Look, site: Site, visit: OpenVisitor) -> None:
    """Who connected it, when, what it may do, its last use; then nothing of it is left."""
    maker, company = site.new_company("Waves"), site.new_company("Northern Lights Tours")
    email = site.new_person(company)
    app = site.manage(lambda m: live_app(m, maker))
    grant_id = site.manage(lambda m: connected(m, company, app, email))
    visitor = visit(look)
    page, url = visitor.page, f"/c/{company.slug}/settings/integrations"
    site.let_in(visitor, email)
    visitor.go(url)
    card = page.get_by_role("region", name="Connected apps")
    expect(card).to_contain_text("Connected by Ana Alvarez")
    expect(card).to_contain_text("Can: read bookings")
    visitor.inspect("integrations-connected")
    visitor.follow("Manage Waves Marketplace")
    visitor.is_at("Waves Marketplace")
    text = page.get_by_role("main").inner_text()
    assert "An app by Waves that works with Northern Lights Tours' data." in text
    assert "Read bookings" in text
    assert "Stay connected when nobody is there" in text
    assert email in text
    assert "Suspended" not in text
    visitor.inspect("connected-app")
    site.manage(lambda m: give_back(m, grant_id))
    site.manage(lambda m: app_review.suspend(m, OPERATOR, app.client_id))
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("It gets no tokens until")
    expect(page.get_by_role("region", name="Activity").locator("li")).to_have_count(1)
    visitor.inspect("connected-app-suspended")
    site.manage(lambda m: app_review.resume(m, OPERATOR, app.client_id))
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("It is still allowed to come again")
    visitor.inspect("connected-app-gave-back")
    visitor.go(url)
    expect(card).to_contain_text("No access now")
    visitor.inspect("integrations-gave-back")
    visitor.follow("Manage Waves Marketplace")
    visitor.follow("Disconnect")
    visitor.inspect("disconnect")
    visitor.press("Disconnect")
    visitor.is_told_of("The app is disconnected.")
    assert card.get_by_text("No apps are connected.").is_visible()
    visitor.go(f"{url}/apps/{app.client_id}")
    visitor.is_at("There is no page at this address")


@every_look
def test_an_auditor_sees_apps_and_why_nothing_can_be_changed(
    look: Look, site: Site, visit: OpenVisitor
) -> None:
    """Disabled, with the reason and whom to ask."""
    company = site.new_company("Northern Lights Tours")
    new = site.manage(lambda m: registered(m, company, replace(WAVES, description="")))
    app = site.manage(lambda m: live_app(m, company, "Tides"))
    site.manage(lambda m: connected(m, company, app, "bo@northern.example"))
    visitor = visit(look)
    page, settings = visitor.page, f"/c/{company.slug}/settings"
    mine, theirs = f"{settings}/apps/{new.app.client_id}", f"{settings}/integrations/apps/{app.client_id}"
    site.let_in(visitor, site.new_person(company, role="auditor"))
    for path, state in (
        (f"{settings}/apps", "apps-auditor"),
        (f"{settings}/apps/new", "app-new-auditor"),
        (mine, "app-auditor"),
        (f"{mine}/edit", "app-edit-auditor"),
        (f"{mine}/secret", "app-secret-auditor"),
        (f"{mine}/remove", "app-remove-auditor"),
        (theirs, "connected-app-auditor"),
        (f"{theirs}/disconnect", "disconnect-auditor"),
    ):
        visitor.go(path)
        main = page.get_by_role("main")
        assert "ask an admin of Northern Lights Tours" in main.inner_text()
        assert main.locator("form[data-once] button:enabled").count() == 0
        visitor.inspect(state)
