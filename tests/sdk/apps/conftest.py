"""An app, and an issuer on a real socket where people connect it."""

from collections.abc import Iterator

import pytest

from keygrove.sdk.authorization_code import AuthorizationCodeFlow
from sdk.app_issuer import AppIssuer, flow_at, running_app_issuer


@pytest.fixture
def issuer() -> Iterator[AppIssuer]:
    """An issuer of the test's own."""
    with running_app_issuer() as running:
        yield running


@pytest.fixture
def flow(issuer: AppIssuer) -> AuthorizationCodeFlow:
    """The app."""
    return flow_at(issuer)
