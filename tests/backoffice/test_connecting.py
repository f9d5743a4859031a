"""S17 and its neighbors in Chromium: from an app to the consent page and back, in every look.

The app's site is a server of its own, on another origin: that the browser arrives there at all shows that
`form-action` lets the redirect after the form through.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from backoffice.callback import Callback, callback_site
from backoffice.conftest import OpenVisitor
from backoffice.site import Site
from backoffice.visitor import CLOSE_LOOKS, Look, Visitor, in_looks
from keygrove.management.context import Management
from keygrove.management.sign_in import IDLE_S
from keygrove.protocol.scope import Scope
from keygrove.storage import people
from running import PASSWORD
from web.apps import AUTH, Connecting, new_app

every_look = in_looks(CLOSE_LOOKS)
REASONS = {
    "booking.read": "We show today's bookings on the screen at your counter.",
    "event.read": "Free places appear beside each tour on your shop page.",
}
FORGOT = "Forgot your password? Ask the people who run Keygrove for a link to choose a new one."


@pytest.fixture(scope="module")
def callback() -> Iterator[Callback]:
    """The app's site."""
    with callback_site() as site:
        yield site


def waves(site: Site, callback: Callback, company_id: str, **more: Any) -> Connecting:
    """The app of a company that makes apps."""
    return new_app(
        site.server,
        company_id,
        name="Waves Marketplace",
        reasons=more.pop("reasons", REASONS),
        redirect_uris=(callback.redirect_uri,),
        post_logout_redirect_uris=(f"{callback.url}/bye",),
        policy_uri="https://app.example.com/privacy",
        tos_uri="https://app.example.com/terms",
        **more,
    )


def arrive(visitor: Visitor, app: Connecting, **changes: str | None) -> None:
    """Go where the app sends its visitors."""
    visitor.go(f"{AUTH}?{urlencode(app.request(**changes))}")


def fill_sign_in(visitor: Visitor, email: str, password: str = PASSWORD) -> None:
    """Sign in on the way."""
    visitor.page.get_by_label("E-mail address").fill(email)
    visitor.page.get_by_label("Password").fill(password)
    visitor.press("Sign in")


def back_at(visitor: Visitor, callback: Callback) -> dict[str, list[str]]:
    """What the app got, once the browser is there. Its own site is the one place it may go to."""
    visitor.page.wait_for_url(f"{callback.url}/**")
    visitor.is_at("Back at the app")
    visitor.faults[:] = [fault for fault in visitor.faults if callback.url not in fault]
    method, target, body = callback.came[-1]
    return parse_qs(body if method == "POST" else urlsplit(target).query)


@every_look
def test_every_page_of_the_way(look: Look, site: Site, visit: OpenVisitor, callback: Callback) -> None:
    """Sign in, choose the company, allow; and the app gets its answer."""
    maker, company = site.new_company("Waves ApS"), site.new_company("Northern Lights Tours")
    email = site.new_person(company, site.new_company("Acme"))
    optional = Scope(("order.read", "webhook.read", "webhook.write"))
    app = waves(site, callback, maker.id, verified_at_s=None, optional_scope=optional)
    visitor = visit(look)
    arrive(visitor, app, scope=f"openid profile booking.read booking.write event.read offline {optional}")
    assert visitor.page.get_by_text(FORGOT).is_visible()
    visitor.inspect("connect-sign-in")
    fill_sign_in(visitor, email, "wrong")
    assert visitor.page.get_by_text(FORGOT).is_visible()
    visitor.inspect("connect-sign-in-failed")
    fill_sign_in(visitor, email)
    visitor.is_at("Which company is this for?")
    visitor.inspect("connect-company")
    visitor.page.get_by_label("Northern Lights Tours").check()
    visitor.press("Continue")
    visitor.is_at("Let Waves Marketplace work with Northern Lights Tours' data?")
    visitor.inspect("consent-not-verified")
    visitor.page.get_by_label("Read orders").check()
    visitor.press("Change company")
    visitor.press("Continue")
    visitor.press("Allow")
    answer = back_at(visitor, callback)
    assert answer["code"][0].startswith("kg_co_")
    assert (answer["state"], answer["iss"]) == (["s1"], [site.url])


@every_look
def test_what_else_the_way_shows(look: Look, site: Site, visit: OpenVisitor, callback: Callback) -> None:
    """What is new, another account, no right to grant, what is not to be trusted, an answer by form."""
    company = site.new_company("Northern Lights Tours")
    email, auditor = site.new_person(company), site.new_person(company, role="auditor")
    app = waves(site, callback, company.id)
    visitor = visit(look)
    arrive(visitor, app, scope="openid booking.read")
    fill_sign_in(visitor, email)
    visitor.press("Allow")
    back_at(visitor, callback)
    arrive(visitor, app, scope="openid booking.read event.read", response_mode="form_post")
    assert visitor.page.get_by_text("New", exact=True).count() == 1
    visitor.inspect("consent-new")
    visitor.press("Allow")
    if not look.script:
        visitor.inspect("form-post")
        visitor.press("Continue")
    assert back_at(visitor, callback)["code"]
    assert callback.came[-1][0] == "POST"
    arrive(visitor, app, prompt="select_account")
    visitor.inspect("connect-choose-account")
    visitor.press("Continue as Ana Alvarez")
    back_at(visitor, callback)
    arrive(visitor, app, prompt="consent")
    visitor.press("Change account")
    fill_sign_in(visitor, auditor)
    visitor.is_at("You can't connect Waves Marketplace")
    visitor.inspect("connect-refused")
    visitor.press("Back to the app")
    assert back_at(visitor, callback)["error"] == ["access_denied"]
    arrive(visitor, app, redirect_uri="https://evil.example/cb")
    visitor.is_at("This app's request can't be used")
    visitor.inspect("authorization-error")


@every_look
def test_a_sensitive_permission(look: Look, site: Site, visit: OpenVisitor, callback: Callback) -> None:
    """Whose sign-in is some minutes old proves first that it is them, and is told why; then it is marked."""
    company = site.new_company("Northern Lights Tours")
    email = site.new_person(company)
    reasons = {**REASONS, "order.read": "We pay out what you earned on our marketplace."}
    scope = Scope(("booking.read", "booking.write", "event.read", "order.read"))
    app = waves(site, callback, company.id, scope=scope, reasons=reasons)
    visitor = visit(look)
    site.let_in(visitor, email)
    arrive(visitor, app, scope="openid booking.read booking.write")
    visitor.press("Allow")
    back_at(visitor, callback)
    site.age_sessions()
    arrive(visitor, app, scope="openid event.read order.read offline")
    visitor.is_at("Sign in again to connect Waves Marketplace")
    assert visitor.page.get_by_label("E-mail address").input_value() == email
    visitor.inspect("connect-sign-in-sensitive")
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.press("Sign in")
    assert visitor.page.get_by_text("Sensitive", exact=True).count() == 1
    assert visitor.page.get_by_text("The app says: We pay out what you earned").is_visible()
    visitor.inspect("consent-sensitive")
    visitor.press("Allow")
    assert back_at(visitor, callback)["code"]


@every_look
def test_an_app_asks_to_sign_out(look: Look, site: Site, visit: OpenVisitor, callback: Callback) -> None:
    """S20: without proof that the app is whose session it is, the person is asked."""
    visitor = visit(look)
    site.let_in(visitor, site.new_person(site.new_company()))
    visitor.go("/oauth2/sessions/logout")
    visitor.is_at("Sign out of Keygrove too?")
    visitor.inspect("sign-out-of")
    visitor.press("Sign out")
    visitor.is_at("Sign in to Backoffice")
    visitor.is_told("You are signed out.")


@every_look
def test_an_app_asks_who_was_away_for_long(
    look: Look, site: Site, visit: OpenVisitor, callback: Callback
) -> None:
    """S20: nobody is signed in who would be named, but apps are to be told."""
    email = site.new_person(site.new_company())

    async def age(m: Management) -> None:
        async with m.database.transaction() as tx:
            sql = "update sessions set seen_at_s = seen_at_s - $1 where person_id = $2"
            account = await people.by_email(tx, email)
            assert account is not None
            await tx.run(sql, IDLE_S, account.person.id)

    visitor = visit(look)
    site.let_in(visitor, email)
    site.manage(age)
    visitor.go("/oauth2/sessions/logout")
    visitor.is_at("Sign out of Keygrove too?")
    assert email not in visitor.page.content()
    visitor.inspect("sign-out-of-aged")
    visitor.press("Sign out")
    visitor.is_told("You are signed out.")


@every_look
def test_an_app_asks_to_sign_out_by_a_bad_request(
    look: Look, site: Site, visit: OpenVisitor, callback: Callback
) -> None:
    """S20, S21: what is wrong, and the way out all the same."""
    visitor = visit(look)
    site.let_in(visitor, site.new_person(site.new_company()))
    visitor.go("/oauth2/sessions/logout?id_token_hint=x")
    visitor.is_at("This app's request can't be used")
    visitor.inspect("sign-out-of-flawed")
    visitor.press("Sign out")
    visitor.is_told("You are signed out.")


@in_looks(CLOSE_LOOKS[:1])
def test_the_callback_may_lead_on(look: Look, site: Site, visit: OpenVisitor, callback: Callback) -> None:
    """Many an app's callback answers with a redirect, and to another origin."""
    company = site.new_company()
    app = waves(site, callback, company.id)
    visitor = visit(look)
    arrive(visitor, app)
    fill_sign_in(visitor, site.new_person(company))
    with callback_site() as shop:
        callback.onward = f"{shop.url}/shop"
        try:
            visitor.press("Allow")
            visitor.page.wait_for_url(f"{shop.url}/**")
        finally:
            callback.onward = ""
        assert shop.came == [("GET", "/shop", "")]
    assert [fault for fault in visitor.faults if "left the origin" not in fault] == []
    visitor.faults.clear()
