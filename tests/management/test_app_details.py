"""What is said about an app, and what must be true of it."""

from dataclasses import replace
from typing import Any

import pytest

from keygrove.management import apps
from keygrove.management.app_details import MAX_REDIRECT_URIS, details_of
from keygrove.management.companies import Company
from keygrove.management.context import Management
from management.apps import WAVES, registered
from management.conftest import ANA
from management.keys import refused

pytestmark = pytest.mark.anyio


async def test_what_was_said_is_kept_cleaned(m: Management, acme: Company) -> None:
    """Line breaks become blanks, doubles go, blank lines too, and what is said back is the same again."""
    details = replace(
        WAVES,
        name="  Waves  ",
        description="Sells tours\r\nof many  companies.",
        redirect_uris=("https://a.example/", " ", "https://a.example/", " https://b.example/ "),
        contact_email=" apps@waves.example ",
        post_logout_redirect_uris=("https://a.example/bye",),
        backchannel_logout_uri="https://a.example/told",
    )
    app = (await registered(m, acme, details)).app
    assert (app.name, app.description) == ("Waves", "Sells tours of many companies.")
    assert app.redirect_uris == ("https://a.example/", "https://b.example/")
    assert (app.contact_email, app.policy_uri) == ("apps@waves.example", WAVES.policy_uri)
    assert await apps.update(m, ANA, acme.id, app.client_id, details_of(app)) == app


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "ab"}, "Use 3 to 80 characters."),
        ({"permissions": ()}, "Choose at least one permission."),
        ({"permissions": ("openid", "offline")}, "Choose at least one permission."),
        ({"permissions": ("booking.raed",)}, "Did you mean booking.read?"),
        ({"redirect_uris": ()}, "Enter at least one redirect URI."),
        ({"redirect_uris": ("http://a.example/",)}, "Use https; http is for localhost"),
        ({"redirect_uris": ("https://a.example/", "https://b.example/#x")}, "Line 2: A redirect URI has no"),
        ({"redirect_uris": ("io.waves:/cb",)}, "Only a native app"),
        ({"redirect_uris": ("https://a.example/ b",)}, "without blanks"),
        (
            {"redirect_uris": [f"https://a.example/{n}" for n in range(MAX_REDIRECT_URIS + 1)]},
            "at most 20",
        ),
        ({"post_logout_redirect_uris": ("javascript:alert(1)",)}, "https://host/path"),
        ({"backchannel_logout_uri": "http://a.example/"}, "begins with https://"),
        ({"backchannel_logout_uri": "https://a.example/told#x"}, "It has no # part."),
        ({"logo_uri": "javascript:alert(1)"}, "begins with https://"),
        ({"policy_uri": "waves.example"}, "begins with https://"),
        ({"tos_uri": 'https://a.example/#"onload'}, "begins with https://"),
        ({"description": "x" * 301}, "Use 1 to 300 characters."),
        ({"reasons": {"booking.read": "x" * 201}}, "Use 1 to 200 characters."),
        ({"owner": "x" * 81}, "Use 1 to 80 characters."),
        ({"contact_email": "nobody"}, "Enter an e-mail address"),
    ],
)
async def test_each_wrong_field_is_named(
    m: Management, acme: Company, wrong: dict[str, Any], message: str
) -> None:
    """With what to do about it; nothing is stored."""
    invalid = await refused(*wrong, doing=registered(m, acme, replace(WAVES, **wrong)))
    assert message in str(invalid)
    assert await apps.list_apps(m, acme.id) == ()


async def test_all_wrong_fields_are_told_at_once(m: Management, acme: Company) -> None:
    """In the order of the form."""
    details = replace(WAVES, name="", permissions=(), redirect_uris=(), contact_email="x", logo_uri="x")
    fields = ("name", "permissions", "redirect_uris", "logo_uri", "contact_email")
    await refused(*fields, doing=registered(m, acme, details))


async def test_optional_permissions_are_kept_apart(m: Management, acme: Company) -> None:
    """What is needed is not optional, and writing brings reading along."""
    details = replace(
        WAVES,
        permissions=("booking.write", "openid"),
        optional_permissions=("webhook.write", "booking.read", "email", "offline"),
    )
    app = (await registered(m, acme, details)).app
    assert app.scope.tokens == ("booking.read", "booking.write")
    assert app.optional_scope.tokens == ("webhook.read", "webhook.write", "email")


async def test_an_app_may_want_to_know_people_only(m: Management, acme: Company) -> None:
    """It belongs to the first API, of which it may ask nothing."""
    app = (await registered(m, acme, replace(WAVES, permissions=("email", "profile")))).app
    assert app.scope.tokens == ("profile", "email")
    assert app.audience == m.catalogue.apis[0].audience
