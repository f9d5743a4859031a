"""The authorization code grant at a running server: RFC 6749 §4.1.3, OpenID Connect Core §3.1.3."""

import pytest

from endpoints.connecting import SCOPE, Connection, claims_in, connect_app, tokens
from hostile_rules import Rules


@pytest.fixture
def app(rules: Rules) -> Connection:
    """A confidential app, connected."""
    return connect_app(rules)


def test_a_code_becomes_tokens(app: Connection) -> None:
    """These members, in the reference's order, of the person and the company."""
    code = app.new_code()
    members = tokens(app.redeem(code))
    assert list(members) == ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]
    assert members["scope"] == SCOPE
    claims = claims_in(members["access_token"])
    assert (claims["sub"], claims["client_id"]) == (app.person.id, app.app.client_id)
    assert (claims["company_id"], claims["grant_id"]) == (app.company_id, code.grant.grant_id)
