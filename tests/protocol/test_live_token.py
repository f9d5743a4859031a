"""Whether an access token still counts, by its own times: RFC 7519 §4.1.4, §4.1.6."""

from dataclasses import replace

import pytest

from keygrove.protocol.authorization_grant import AuthorizationGrant, Standing
from keygrove.protocol.claims import AccessToken
from keygrove.protocol.errors import InvalidToken
from keygrove.protocol.live_token import check_live
from protocol.asking import APP, AUDIENCE
from protocol.granting import APIS, GRANT, NOW, SCOPE, STANDS

ISSUER = "https://issuer.example"
PERSONS = AccessToken.of_grant(GRANT, SCOPE, APIS[AUDIENCE], issuer=ISSUER, now=NOW, jti="j1")
KEYS = replace(PERSONS, subject="app", grant_id="")
TEN_YEARS_S = 10 * 365 * 86_400
BOTH = pytest.mark.parametrize(("token", "found"), [(PERSONS, (GRANT, STANDS)), (KEYS, None)])


@BOTH
def test_a_token_counts_until_it_expires(
    token: AccessToken, found: tuple[AuthorizationGrant, Standing] | None
) -> None:
    """Before its `exp`, not on it (§4.1.4)."""
    for now in (NOW, NOW + 3599):
        assert check_live(token, APP, found, now=now) == token
    with pytest.raises(InvalidToken):
        check_live(token, APP, found, now=NOW + 3600)


@BOTH
def test_f13_a_token_of_a_clock_that_was_ahead_does_not_count(
    token: AccessToken, found: tuple[AuthorizationGrant, Standing] | None
) -> None:
    """A minute is how clocks differ; what is from later is not issued yet (§4.1.6), long as it lasts."""
    assert check_live(token, APP, found, now=NOW - 60) == token
    for now in (NOW - 61, NOW - TEN_YEARS_S):
        with pytest.raises(InvalidToken) as refused:
            check_live(token, APP, found, now=now)
        assert "from the future" in refused.value.detail
