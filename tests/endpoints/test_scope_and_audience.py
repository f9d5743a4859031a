"""Table S of the hostile cases: what a token is for."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from endpoints.asking import Asker, claims, granted, refused
from keygrove.management import integrations
from keygrove.management.catalogue import SAMPLE
from keygrove.management.context import OPERATOR
from running import AUDIENCE, Key, RunningServer

EVERYTHING = SAMPLE.scopes()


def permit(server: RunningServer, key: Key, permissions: Sequence[str]) -> None:
    """Change a key's permissions, as Backoffice does."""
    server.manage(
        lambda m: integrations.update_key(m, OPERATOR, key.company_id, key.client_id, permissions=permissions)
    )


def test_s01_no_scope(server: RunningServer, ask: Asker, own_key: Key) -> None:
    """All of the key's permissions in catalogue order, without `openid`; answer and token say so."""
    answer = ask.as_key(own_key)(scope=None)
    assert granted(answer)["scope"] == "booking.read booking.write marketing.read"
    assert claims(answer)["scope"] == "booking.read booking.write marketing.read"


@pytest.mark.parametrize(
    "scope",
    ["booking.read", "nothing", "marketing.write", "marketing", "marketing.read.all", "MARKETING.READ"],
)
def test_s02_a_scope_that_the_key_does_not_have(ask: Asker, scope: str) -> None:
    """Refused by name, exactly compared, and without a token."""
    assert scope in refused(ask(scope=scope), "invalid_scope")


@pytest.mark.parametrize("scope", ["marketing.*", "*", "marketing.read,booking.read"])
def test_s02_no_scope_is_a_pattern(ask: Asker, scope: str) -> None:
    """Neither wildcards nor other separators."""
    refused(ask(scope=scope), "invalid_scope")


@pytest.mark.parametrize(
    "scope", ["marketing.read booking.read", "booking.read marketing.read", "openid nothing"]
)
def test_s03_allowed_and_not_allowed_together(ask: Asker, scope: str) -> None:
    """Nothing is narrowed in silence: the whole request is refused."""
    refused(ask(scope=scope), "invalid_scope")


@pytest.mark.parametrize(
    "character", ["\t", "\n", "\r\n", '"', "\\", "é", "\u2003", "\u200b", "\x01", "\x7f"]
)
def test_s05_characters_that_scopes_cannot_have(ask: Asker, character: str) -> None:
    """Between and within tokens."""
    refused(ask(scope=f"openid{character}marketing.read"), "invalid_scope")
    refused(ask(scope=f"marketing.read{character}"), "invalid_scope")


def test_s06_repeated_reordered_and_double_blanks(ask: Asker, own_key: Key) -> None:
    """Each once, in the order asked."""
    asking = ask.as_key(own_key)
    answer = asking(scope=" marketing.read  openid booking.read marketing.read openid ")
    assert granted(answer)["scope"] == "marketing.read openid booking.read"
    assert claims(answer)["scope"] == "marketing.read openid booking.read"


def test_s07_ten_thousand_scopes_and_one_of_a_hundred_kilobytes(ask: Asker) -> None:
    """Bounded, whatever they are."""
    refused(ask(scope=" ".join(f"s{number}" for number in range(10_000))), "invalid_scope")
    refused(ask(scope="openid " * 9_000), "invalid_scope")
    refused(ask(scope="x" * 60_000), "invalid_scope")
    refused(ask(scope="x" * 100_000), "invalid_request", 413)


@pytest.mark.parametrize(
    "scope", ["offline", "offline_access", "openid offline", "marketing.read offline_access"]
)
def test_s09_offline_gives_no_refresh_token(ask: Asker, scope: str) -> None:
    """Refused, since this grant has none to give."""
    refused(ask(scope=scope), "invalid_scope")


def test_s10_no_audience(ask: Asker) -> None:
    """The key's own API, as one string."""
    answer = ask(audience=None)
    granted(answer)
    assert claims(answer)["aud"] == AUDIENCE


@pytest.mark.parametrize(
    "audience",
    [
        "https://unknown.example",
        "http://api.understory.io",
        "https://api.understory.io.evil.test",
        "https://api.understory",
        f"{AUDIENCE}/v1",
        f"{AUDIENCE}//",
        f"{AUDIENCE}?",
        "HTTPS://API.UNDERSTORY.IO",
        "api.understory.io",
        "*",
        '["x"]',
    ],
)
def test_s11_an_unknown_audience(ask: Asker, audience: str) -> None:
    """`invalid_target`, without repeating it."""
    assert audience not in refused(ask(audience=audience), "invalid_target")


def test_s11_a_trailing_slash_is_forgiven(ask: Asker) -> None:
    """The token carries the registered spelling."""
    answer = ask(audience=f"{AUDIENCE}/")
    granted(answer)
    assert claims(answer)["aud"] == AUDIENCE


def test_s13_an_allowed_and_a_foreign_audience(ask: Asker) -> None:
    """Refused as a whole, in one list, in two parameters, or by `resource`."""
    foreign = "https://other.example"
    refused(ask(audience=f"{AUDIENCE} {foreign}"), "invalid_target")
    refused(ask(audience=f"{foreign} {AUDIENCE}"), "invalid_target")
    refused(ask.post([*ask.form(), ("resource", foreign)]), "invalid_target")
    refused(ask.post([*ask.form(), ("resource", AUDIENCE), ("resource", foreign)]), "invalid_target")


@pytest.mark.parametrize("path", ["", "/", "/oauth2/token", "/userinfo", "/c/acme", "/api"])
def test_s14_this_server_as_audience(ask: Asker, path: str) -> None:
    """Its own addresses are no API, unless registered."""
    refused(ask(audience=f"{ask.rules.server.url}{path}"), "invalid_target")
    refused(
        ask.post([*ask.form(audience=None), ("resource", f"{ask.rules.server.url}{path}")]), "invalid_target"
    )


def test_s15_a_scope_removed_in_backoffice(server: RunningServer, ask: Asker, own_key: Key) -> None:
    """The very next token lacks it; one added is there at once."""
    asking = ask.as_key(own_key)
    granted(asking(scope="booking.write"))
    permit(server, own_key, ["marketing.read"])
    refused(asking(scope="booking.write"), "invalid_scope")
    answer = asking(scope=None)
    assert claims(answer)["scope"] == "marketing.read"
    permit(server, own_key, ["event.read", "marketing.read"])
    granted(asking(scope="event.read"))


@pytest.mark.parametrize(
    "resource", [f"{AUDIENCE}#fragment", "not a uri", "/relative", "#", "https://[::1", f"{AUDIENCE}#"]
)
def test_s17_a_malformed_resource(ask: Asker, resource: str) -> None:
    """`invalid_target`."""
    refused(ask.post([*ask.form(audience=None), ("resource", resource)]), "invalid_target")


def test_s17_a_good_resource(ask: Asker) -> None:
    """RFC 8707's name for the audience works like the older one, and beside it."""
    for audience in (None, AUDIENCE):
        answer = ask.post([*ask.form(audience=audience), ("resource", AUDIENCE)])
        granted(answer)
        assert claims(answer)["aud"] == AUDIENCE


def test_s18_a_company_named_in_the_request(server: RunningServer, ask: Asker) -> None:
    """In a parameter, a header or a claim request: the company comes from the key only."""
    foreign = server.new_company("Somebody else").id
    named = {
        "company_id": foreign,
        "company": foreign,
        "org_id": foreign,
        "sub": "x",
        "claims": f'{{"company_id":"{foreign}"}}',
    }
    answer = ask.post([*ask.form(), *named.items()], {"X-Company-Id": foreign, "X-Forwarded-User": foreign})
    granted(answer)
    assert claims(answer)["company_id"] == ask.key.company_id
    assert claims(answer)["sub"] == ask.key.client_id


def test_s19_every_success(server: RunningServer, ask: Asker) -> None:
    """The token says what the answer says; `expires_in` is what is left of its hour."""
    everything = replace(ask, key=server.new_key(*EVERYTHING))
    ask.rules.secrets.add(everything.key.client_secret)
    identifiers = set()
    for scope in ("openid", " ".join(EVERYTHING), f"openid {' '.join(EVERYTHING)}"):
        answer = everything(scope=scope)
        members, found = granted(answer), claims(answer)
        assert members["scope"] == found["scope"] == scope
        assert found["exp"] - found["iat"] == 3600
        assert members["expires_in"] in (3598, 3599)
        assert members["token_type"].lower() == "bearer"
        assert set(found) == {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "company_id"}
        assert found["iss"] == server.url
        assert found["client_id"] == found["sub"] == everything.key.client_id
        identifiers.add(found["jti"])
    assert len(identifiers) == 3
