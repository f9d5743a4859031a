"""Configuration: where values come from, which one wins, and that all faults are told at once."""

import base64
import textwrap
from pathlib import Path

import pytest

from keygrove.config.loading import Config, ConfigInvalid, Reading, load, read
from keygrove.config.settings import SETTINGS, Setting
from keygrove.config.template import template
from keygrove.management.catalogue import SAMPLE

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


def write(folder: Path, text: str) -> None:
    """Put a keygrove.toml into a folder."""
    (folder / "keygrove.toml").write_text(textwrap.dedent(text))


def faults_of(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> list[str]:
    """The faults of a file and an environment, as an operator reads them."""
    write(folder, text)
    return [str(fault) for fault in read({}, environ or {}, folder).faults]


def source_of(reading: Reading, name: str) -> tuple[str, str]:
    """Value and source of a setting, as `config check` shows them."""
    (row,) = [row for row in reading.shown if row.name == name]
    return row.value, row.source


def test_without_any_source_there_are_defaults_and_the_sample_catalogue(tmp_path: Path) -> None:
    """Keygrove starts without a configuration file."""
    config = load({}, {}, tmp_path)
    assert config.issuer == "http://127.0.0.1:8400"
    assert config.database == f"sqlite:///{tmp_path}/.keygrove/keygrove.db"
    assert config.master_key_file == tmp_path / ".keygrove" / "master.key"
    assert (config.host, config.port, config.log_level) == ("127.0.0.1", 8400, "info")
    assert config.trusted_proxies == ("127.0.0.1", "::1")
    assert config.workers >= 1
    assert (config.catalogue, config.catalogue_is_sample) == (SAMPLE, True)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_defaults_and_examples_stand_up_to_their_own_checks(tmp_path: Path, setting: Setting) -> None:
    """What the written file shows behind a # can be set as it stands."""
    shown = [line[2:] for line in template().splitlines() if line.startswith(f"# {setting.name} = ")]
    assert len(shown) == (0 if setting.secret else 1)
    assert faults_of(tmp_path, "\n".join(shown)) == []


def test_rotation_can_be_switched_off_and_not_made_absurd(tmp_path: Path) -> None:
    """Zero is a value, not an absence."""
    assert load({}, {}, tmp_path).rotation_days == 90
    assert load({}, {"KEYGROVE_ROTATION_DAYS": "0"}, tmp_path).rotation_days == 0
    for wrong in ("-1", "3651", "1.5", "never"):
        assert faults_of(tmp_path, environ={"KEYGROVE_ROTATION_DAYS": wrong}) == [
            "KEYGROVE_ROTATION_DAYS: rotation_days must be a whole number from 0 to 3650, 0 for never"
        ]


def test_the_lives_of_refresh_tokens_have_bounds(tmp_path: Path) -> None:
    """Only the grace can be switched off."""
    assert load({}, {"KEYGROVE_REFRESH_GRACE_SECONDS": "0"}, tmp_path).refresh_grace_seconds == 0
    wrong = {"IDLE_DAYS": "0", "ABSOLUTE_DAYS": "3651", "GRACE_SECONDS": "61"}
    environ = {f"KEYGROVE_REFRESH_{name}": value for name, value in wrong.items()}
    assert len(faults_of(tmp_path, environ=environ)) == 3


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    """And every value tells where it came from."""
    write(tmp_path, 'port = 1001\nhost = "::1"\nworkers = 3\nplatform_name = "From file"\n')
    environ = {"KEYGROVE_PORT": "1002", "KEYGROVE_HOST": "127.0.0.2"}
    reading = read({"port": 1003, "host": None}, environ, tmp_path)
    assert source_of(reading, "port") == ("1003", "--port")
    assert source_of(reading, "host") == ("127.0.0.2", "KEYGROVE_HOST")
    assert source_of(reading, "workers") == ("3", "keygrove.toml:3")
    assert source_of(reading, "log_level") == ("info", "default")
    assert reading.config is not None
    assert reading.config.issuer == "http://127.0.0.1:1003"


def test_all_faults_are_told_at_once_with_their_places(tmp_path: Path) -> None:
    """From every source, each with file and line or the variable's name."""
    faults = faults_of(
        tmp_path,
        """\
        issuer = "http://example.com"
        prot = 8400
        port = "8400"

        [[api]]
        audience = "https://api.example.com"
        name = "API"
        [[api.permission]]
        resource = "Rows"
        read = "two words"
        """,
        {"KEYGROVE_WORKERS": "many", "KEYGROVE_ISUER": "x", "KEYGROVE_LOG_LEVEL": "loud"},
    )
    assert sorted(faults) == sorted(
        [
            "keygrove.toml:1: issuer: must begin with https:// unless its host is this machine (127.0.0.1)",
            "keygrove.toml:2: prot is not a setting; did you mean port?",
            "keygrove.toml:3: port must be a whole number from 1 to 65535",
            "keygrove.toml:10: api.permission.read must be one scope: at most 128 ASCII characters, "
            "no blanks, quotation marks or backslashes",
            "KEYGROVE_WORKERS: workers must be a whole number from 1 to 64",
            "KEYGROVE_ISUER: is not a setting; did you mean KEYGROVE_ISSUER?",
            "KEYGROVE_LOG_LEVEL: log_level: must be one of debug, info, warning, error",
        ]
    )


def test_load_raises_all_faults_together(tmp_path: Path) -> None:
    """Who starts a server gets them as one error."""
    with pytest.raises(ConfigInvalid) as caught:
        load({}, {"KEYGROVE_PORT": "0", "KEYGROVE_WORKERS": "0"}, tmp_path)
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize(
    "issuer",
    [
        "https://auth.example.com",
        "https://example.com:8443",
        "http://127.0.0.1:8400",
        "http://[::1]:1",
        "http://localhost",
    ],
)
def test_an_issuer_is_https_or_on_this_machine(tmp_path: Path, issuer: str) -> None:
    """With a port if need be."""
    assert load({}, {"KEYGROVE_ISSUER": issuer}, tmp_path).issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "auth.example.com",
        "ftp://example.com",
        "https://",
        "https://example.com/",
        "https://example.com/auth",
        "https://example.com?",
        "https://example.com?x=1",
        "https://example.com#",
        "https://user@example.com",
        "https://Example.com",
        "https://exämple.com",
        "https://example.com:port",
        "https://example.com/a b",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "https://[::1",
    ],
)
def test_any_other_issuer_is_a_fault(tmp_path: Path, issuer: str) -> None:
    """Clients compare the issuer exactly, so no loose spelling is accepted."""
    (fault,) = faults_of(tmp_path, environ={"KEYGROVE_ISSUER": issuer})
    assert fault.startswith("KEYGROVE_ISSUER: issuer: must")


def test_a_public_host_needs_an_issuer(tmp_path: Path) -> None:
    """No address of a private machine ends up in tokens by default."""
    (fault,) = faults_of(tmp_path, environ={"KEYGROVE_HOST": "0.0.0.0"})  # noqa: S104
    assert fault.startswith("KEYGROVE_HOST: with host 0.0.0.0, set the issuer")


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    """Those from the environment are relative to the current folder."""
    conf = tmp_path / "etc"
    conf.mkdir()
    write(conf, 'data_dir = "data"\ndatabase = "sqlite:///db/keys.db"')
    environ = {"KEYGROVE_CONFIG": "etc/keygrove.toml"}
    config = load({}, environ, tmp_path)
    assert (config.data_dir, config.database) == (conf / "data", f"sqlite:///{conf}/db/keys.db")
    environ["KEYGROVE_DATABASE"] = "sqlite:///keys.db"
    assert load({}, environ, tmp_path).database == f"sqlite:///{tmp_path}/keys.db"
    environ["KEYGROVE_DATABASE"] = "sqlite:////var/lib/keys.db"
    assert load({}, environ, tmp_path).database == "sqlite:////var/lib/keys.db"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://user:hunter2@db", "must name the database"),
        ("postgres://db/", "must name the database"),
        ("mysql://db", "must be sqlite:///"),
        ("sqlite://", "must be sqlite:///"),
        ("sqlite:///", "must be sqlite:///"),
        ("sqlite:///:memory:", "must be sqlite:///"),
        ("sqlite:///file?mode=ro", "must be sqlite:///"),
    ],
)
def test_another_database_is_a_clear_fault_without_its_password(tmp_path: Path, url: str, words: str) -> None:
    """PostgreSQL is named as not being there yet."""
    reading = read({}, {"KEYGROVE_DATABASE": url}, tmp_path)
    (fault,) = reading.faults
    assert words in fault.message
    assert "hunter2" not in f"{reading.faults}{reading.shown}"


def test_the_master_key_comes_from_a_variable_or_the_file_it_names(tmp_path: Path) -> None:
    """Base64 or hexadecimal, and never printed."""
    key = bytes(range(32))
    (tmp_path / "key").write_text(key.hex() + "\n")
    by_value = read({}, {"KEYGROVE_MASTER_KEY": base64.b64encode(key).decode()}, tmp_path)
    by_file = read({}, {"KEYGROVE_MASTER_KEY_FILE": "key"}, tmp_path)
    for reading, source in ((by_value, "KEYGROVE_MASTER_KEY"), (by_file, "KEYGROVE_MASTER_KEY_FILE")):
        assert reading.config is not None
        assert reading.config.master_key == key
        assert source_of(reading, "master_key") == ("<secret>", source)
        assert key.hex() not in repr(reading)
        assert repr(key) not in repr(reading)


def test_a_bad_master_key_is_a_fault_that_does_not_repeat_it(tmp_path: Path) -> None:
    """Too short, given twice, unreadable, or written into the configuration file."""
    assert faults_of(tmp_path, environ={"KEYGROVE_MASTER_KEY": "hunter2"}) == [
        "KEYGROVE_MASTER_KEY: master_key: must be 32 bytes, written as base64 or hexadecimal"
    ]
    twice = faults_of(tmp_path, environ={"KEYGROVE_MASTER_KEY": "00" * 32, "KEYGROVE_MASTER_KEY_FILE": "key"})
    assert twice == ["KEYGROVE_MASTER_KEY_FILE: set this or KEYGROVE_MASTER_KEY, not both"]
    assert faults_of(tmp_path, environ={"KEYGROVE_MASTER_KEY_FILE": "gone"}) == [
        "KEYGROVE_MASTER_KEY_FILE: the file cannot be read: No such file or directory"
    ]
    (in_file,) = faults_of(tmp_path, 'master_key = "hunter2"')
    assert in_file.startswith("keygrove.toml:1: master_key is a secret: set KEYGROVE_MASTER_KEY")
    assert "hunter2" not in in_file


def test_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    """A list in the file, commas in the environment; an empty list trusts nobody."""
    environ = {"KEYGROVE_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    assert load({}, environ, tmp_path).trusted_proxies == ("10.0.0.0/8", "::1")
    write(tmp_path, "trusted_proxies = []")
    assert load({}, {}, tmp_path).trusted_proxies == ()
    (fault,) = faults_of(tmp_path, 'trusted_proxies = ["proxy.local"]')
    assert "'proxy.local' is neither an IP address nor a network" in fault


def test_a_file_that_is_no_toml_is_a_fault_with_its_line(tmp_path: Path) -> None:
    """Other sources are still checked."""
    faults = faults_of(tmp_path, "port = 1\nhost = oops\n", {"KEYGROVE_WORKERS": "0"})
    assert faults == [
        "keygrove.toml:2: is not valid TOML: invalid value",
        "KEYGROVE_WORKERS: workers must be a whole number from 1 to 64",
    ]


def test_empty_variables_count_as_absent_and_those_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    """Compose files set empty variables, and integrators have KEYGROVE_CLIENT_ID."""
    environ = {
        "KEYGROVE_PORT": "",
        "KEYGROVE_CLIENT_ID": "kg_ci_x",
        "KEYGROVE_CLIENT_SECRET": "x",
        "OTHER": "x",
    }
    assert load({}, environ, tmp_path).port == 8400


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


@pytest.mark.parametrize("text", ['api = "x"', "api = []", '[api]\naudience = "x"', "[[api]]"])
def test_an_api_written_the_wrong_way_is_a_fault(tmp_path: Path, text: str) -> None:
    """A single table, an empty list, an empty table."""
    (fault,) = faults_of(tmp_path, text)
    assert "an API is a table of its own, headed [[api]]" in fault


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    """It is one frozen value."""
    config: Config = load({}, {}, tmp_path)
    with pytest.raises(AttributeError):
        config.port = 1  # type: ignore[misc]
