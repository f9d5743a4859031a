"""The `[[api]]` tables of the configuration, and what is said of each fault in them."""

from pathlib import Path

import pytest

from config.written import faults_of, write
from keygrove.config.loading import load

CATALOGUE = """
[[api]]
audience = "https://api.example.com"
name = "Example API"
token_type = "JWT"

[[api.permission]]
resource = "Invoices"
description = "What was billed."
read = "invoice.read"
write = "invoice.write"

[[api]]
audience = "https://other.example.com"
name = "Other API"

[[api.permission]]
resource = "Reports"
read = "report.read"
"""


def test_the_catalogue_is_read_from_the_file(tmp_path: Path) -> None:
    """APIs in their order, each with its rows in their order."""
    write(tmp_path, CATALOGUE)
    config = load({}, {}, tmp_path)
    assert not config.catalogue_is_sample
    assert [api.audience for api in config.catalogue.apis] == [
        "https://api.example.com",
        "https://other.example.com",
    ]
    assert [api.token_type for api in config.catalogue.apis] == ["JWT", "at+jwt"]
    assert config.catalogue.scopes() == ("invoice.read", "invoice.write", "report.read")
    (row,) = config.catalogue.apis[0].permissions
    assert (row.resource, row.description) == ("Invoices", "What was billed.")


def test_the_environment_reaches_into_the_catalogue(tmp_path: Path) -> None:
    """Nested names are joined by two underscores, places in a list are numbers."""
    write(tmp_path, CATALOGUE)
    environ = {"KEYGROVE_API__1__AUDIENCE": "https://staging.example.com"}
    assert load({}, environ, tmp_path).catalogue.apis[1].audience == "https://staging.example.com"
    apis = load({}, {"KEYGROVE_API__1__SIGNING_ALGORITHM": "ES256"}, tmp_path).catalogue.apis
    assert [api.signing_algorithm for api in apis] == ["RS256", "ES256"]


@pytest.mark.parametrize(
    ("old", "new", "line", "fault"),
    [
        ("report.read", "invoice.read", 19, "the scope invoice.read is there already, at keygrove.toml:10"),
        (
            "//other.",
            "//api.",
            14,
            "the audience https://api.example.com is there already, at keygrove.toml:3",
        ),
        ("report.read", "openid", 19, "the scope openid is reserved by OpenID Connect"),
        ("report.read", "offline_access", 19, "the scope offline_access is reserved by OpenID Connect"),
        ('read = "report.read"', "", 18, "the permission needs a scope: read, write or both"),
        ('resource = "Reports"', "", 19, "api.permission.resource is missing"),
        ('resource = "Reports"', "resource = 1", 18, "api.permission.resource must be text"),
        (
            '"Reports"',
            '"a\\tb"',
            18,
            "api.permission.resource must be text of 1 to 80 characters on one line",
        ),
        ('token_type = "JWT"', 'token_type = "jwt"', 5, "api.token_type must be at+jwt or JWT"),
        (
            'token_type = "JWT"',
            'signing_algorithm = "RS512"',
            5,
            "api.signing_algorithm must be RS256 or ES256",
        ),
        ("token_type", "token_typ", 5, "api.token_typ is not a setting; did you mean api.token_type?"),
        ("description", "colour", 9, "api.permission.colour is not a setting"),
        (
            "https://other",
            "https:// ",
            14,
            "api.audience must be at most 256 ASCII characters without blanks",
        ),
        ('name = "Other API"', "", 14, "api.name is missing"),
        (
            "https://other.example.com",
            "http://127.0.0.1:8400",
            14,
            "api.audience must not be the issuer: that is Keygrove itself",
        ),
        (
            '[[api.permission]]\nresource = "Reports"\nread = "report.read"',
            "",
            14,
            "the API needs at least one [[api.permission]]",
        ),
    ],
)
def test_a_fault_in_the_catalogue_tells_its_line(
    tmp_path: Path, old: str, new: str, line: int, fault: str
) -> None:
    """One change to a good catalogue, one fault."""
    assert old in CATALOGUE
    assert faults_of(tmp_path, CATALOGUE.replace(old, new, 1)) == [f"keygrove.toml:{line}: {fault}"]


@pytest.mark.parametrize("text", ['api = "x"', "api = []", '[api]\naudience = "x"', "[api]", "api = [{}, 1]"])
def test_an_api_written_the_wrong_way_is_a_fault(tmp_path: Path, text: str) -> None:
    """A single table, an empty list, an empty table."""
    (fault,) = faults_of(tmp_path, text)
    assert "an API is a table of its own, headed [[api]]" in fault


def test_an_api_without_any_line_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Its heading is right."""
    assert faults_of(tmp_path, "[[api]]") == [
        "keygrove.toml:1: api.audience is missing",
        "keygrove.toml:1: api.name is missing",
        "keygrove.toml:1: the API needs at least one [[api.permission]]",
    ]


def test_a_permission_without_any_line_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Its heading is right, wherever among the others it stands; the environment may fill it."""
    lacks = ["api.permission.resource is missing", "the permission needs a scope: read, write or both"]
    for text, line in (
        (CATALOGUE + "\n[[api.permission]]\n", 21),
        (CATALOGUE.replace('token_type = "JWT"\n', "[[api.permission]]\n"), 5),
    ):
        assert faults_of(tmp_path, text) == [f"keygrove.toml:{line}: {lack}" for lack in lacks]
    filled = {"KEYGROVE_API__0__PERMISSION__0__RESOURCE": "Rows", "KEYGROVE_API__0__PERMISSION__0__READ": "r"}
    assert faults_of(tmp_path, environ=filled, text=text) == []


@pytest.mark.parametrize(
    "text", ["permission = 1", "permission = []", "[api.permission]\nread = 'r'", "[api.permission]"]
)
def test_a_permission_written_the_wrong_way_is_a_fault(tmp_path: Path, text: str) -> None:
    """A value, an empty list, a single table, with or without lines."""
    (fault,) = faults_of(tmp_path, f"[[api]]\naudience = 'https://a.example'\nname = 'A'\n{text}")
    assert fault.endswith(": a permission is a table of its own, headed [[api.permission]]")
