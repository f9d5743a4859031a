"""Configuration: where values come from, which one wins, and that all faults are told at once."""

import base64
import ipaddress
from pathlib import Path

import pytest

from config.written import faults_of, write
from keygrove.config.loading import Config, ConfigInvalid, Reading, load, read
from keygrove.config.settings import SETTINGS, Setting
from keygrove.config.template import template
from keygrove.management.catalogue import SAMPLE


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
        "https://a",
        "https://my_keygrove.example-1.com",
        "https://[2001:db8::1]",
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
        "https://a;b",
        "https://a$(b)",
        "https://a%62",
        "https://...",
        "https://-",
        "https://-a.example.com",
        "https://example.com.",
        "https://_",
        "https://example.com:",
        "https://[v1.a]",
        "https://[127.0.0.1]",
        "https://[1::2::3]",
        "https://[::1%1]",
        "https://[::1]example.com",
        "https://a[::1]",
        "https://::1",
    ],
)
def test_any_other_issuer_is_a_fault(tmp_path: Path, issuer: str) -> None:
    """Clients compare the issuer exactly, so no loose spelling is accepted."""
    (fault,) = faults_of(tmp_path, environ={"KEYGROVE_ISSUER": issuer})
    assert fault.startswith("KEYGROVE_ISSUER: issuer: must")


def test_all_that_is_wrong_with_an_issuer_is_told_at_once(tmp_path: Path) -> None:
    """Who mends one thing is not sent back for the next one."""
    faults = faults_of(tmp_path, 'issuer = "http://me@Auth.example.com/x/?y"')
    assert [fault.removeprefix("keygrove.toml:1: issuer: ").partition(":")[0] for fault in faults] == [
        "must begin with https",
        "must have its host in lower case",
        "must not have a query, a fragment or a user name",
        "must not have a path",
    ]
    faults = faults_of(tmp_path, 'issuer = "http://auth.example.com/x/"')
    assert [fault.removeprefix("keygrove.toml:1: issuer: ").partition(":")[0] for fault in faults] == [
        "must begin with https",
        "must not have a path",
        "must not end with a slash",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ISUER", "ISSUER"),
        ("WORKER", "WORKERS"),
        ("DATABASE_URL", "DATABASE"),
        ("MASTERKEY", "MASTER_KEY"),
        ("FOO", ""),
        ("AUDIENCE", ""),
        ("TOKEN", ""),
        ("SMTP_HOST", ""),
        ("PASSWORD", ""),
    ],
)
def test_what_was_meant_is_guessed_only_when_it_is_close(tmp_path: Path, name: str, meant: str) -> None:
    """The prefix that all variables share makes none of them close."""
    (fault,) = faults_of(tmp_path, environ={f"KEYGROVE_{name}": "x"})
    hint = f"; did you mean KEYGROVE_{meant}?" if meant else ""
    assert fault == f"KEYGROVE_{name}: is not a setting{hint}"


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


@pytest.mark.parametrize(
    "proxy",
    ["::ffff:127.0.0.1", "::FFFF:7f00:1", "::ffff:0:0/96", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1/64"],
)
def test_a_proxy_of_ipv4_is_written_as_ipv4(tmp_path: Path, proxy: str) -> None:
    """A peer is known by its IPv4 address, on any socket: another spelling would match none."""
    (fault,) = faults_of(tmp_path, f'trusted_proxies = ["::1", "{proxy}"]')
    assert fault == (
        f"keygrove.toml:1: trusted_proxies: '{proxy}' is IPv4 mapped to IPv6; "
        "write it as IPv4, such as 10.0.0.0/8"
    )


@pytest.mark.parametrize("proxy", ["10.0.0.5/8", "2001:db8::1/32"])
def test_a_network_of_proxies_is_written_as_a_network(tmp_path: Path, proxy: str) -> None:
    """It would match nobody."""
    (fault,) = faults_of(tmp_path, f'trusted_proxies = ["{proxy}"]')
    network = ipaddress.ip_interface(proxy).network
    said = f"'{proxy}' is an address in a network; write the network, {network}"
    assert fault == f"keygrove.toml:1: trusted_proxies: {said}"


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


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    """It is one frozen value."""
    config: Config = load({}, {}, tmp_path)
    with pytest.raises(AttributeError):
        config.port = 1  # type: ignore[misc]
