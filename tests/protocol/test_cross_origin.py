"""Which pages may read what a client is answered: CORS, for public clients."""

from dataclasses import replace

import pytest

from keygrove.protocol.cross_origin import may_read
from protocol.asking import APP

PAGES = replace(
    APP,
    public=True,
    redirect_uris=(
        "https://app.example.com/cb?a=b",
        "https://other.example:443/cb",
        "https://[::1]:8443/cb",
        "http://localhost:5173",
        "http://127.0.0.1:80/cb",
        "com.example.app:/cb",
    ),
)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com", "https://other.example", "https://[::1]:8443", "http://localhost:5173",
        "http://127.0.0.1",
    ],
)  # fmt: skip
def test_the_pages_of_a_public_client_may(origin: str) -> None:
    """Where one of its redirect URIs is; the port that a scheme has anyway is left out (RFC 6454 §6.2)."""
    assert may_read(PAGES, origin)
    assert not may_read(replace(PAGES, public=False), origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "*", "https://", "http://app.example.com", "https://app.example.com:8443",
        "com.example.app:", "https://app.example.com.evil.test", "https://evil.test", "https://app.example.com/",
        "http://localhost", "https://sub.app.example.com", "HTTPS://APP.EXAMPLE.COM", "https://other.example:443",
    ],
)  # fmt: skip
def test_no_other_page_may(origin: str) -> None:
    """Origins are compared as strings."""
    assert not may_read(PAGES, origin)
