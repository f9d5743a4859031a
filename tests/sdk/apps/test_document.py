"""docs/apps.md: its program runs, against an issuer on a real socket."""

import re
from typing import Any

import pytest

from house.tree import ROOT
from keygrove.sdk.authorization_code import GrantEnded
from keygrove.sdk.connection import Connection
from keygrove.sdk.pending import AuthorizationFailed
from sdk.app_issuer import APP, SECRET, AppIssuer
from sdk.issuer import COMPANY


@pytest.fixture
def program(issuer: AppIssuer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's program defines."""
    for name, value in {"ISSUER": issuer.url, "CLIENT_ID": APP, "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"KEYGROVE_{name}", value)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "apps.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/apps.md", "exec"), names)  # noqa: S102 - the page is ours
    return names


def test_the_program_of_the_page_connects_calls_and_disconnects(
    program: dict[str, Any], issuer: AppIssuer
) -> None:
    """And keeps the newest refresh token where it said."""
    session: dict[str, str] = {}
    database: dict[str, str] = {}
    issuer.members = {"expires_in": 30}
    company_id = program["callback"](session, issuer.allow(program["connect"](session)), database)
    assert (company_id, session) == (COMPANY, {})
    issuer.members = {}
    tokens = [program["access_token"](company_id, database) for _ in range(2)]
    assert tokens == ["access-2", "access-2"]
    assert Connection.load(database[company_id]).refresh_token == "refresh-2"
    program["disconnect"](company_id, database)
    assert (issuer.revoked, database) == (["refresh-2"], {})


def test_the_program_of_the_page_refuses_what_is_not_for_it(
    program: dict[str, Any], issuer: AppIssuer
) -> None:
    """A callback by itself, and a connection that is over."""
    with pytest.raises(AuthorizationFailed):
        program["callback"]({}, issuer.allow(program["connect"]({})), {})
    session: dict[str, str] = {}
    database: dict[str, str] = {}
    issuer.members = {"expires_in": 30}
    program["callback"](session, issuer.allow(program["connect"](session)), database)
    issuer.refresh_tokens.clear()
    with pytest.raises(GrantEnded):
        program["access_token"](COMPANY, database)
