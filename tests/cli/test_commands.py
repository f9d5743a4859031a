"""What each command prints, for people and as JSON, and how it fails."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.command import Shell
from keygrove.config.loading import load
from keygrove.crypto.secrets import is_whole
from keygrove.management.catalogue import SAMPLE
from yardstick import in_time

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One folder for all tests of this file."""
    return Shell(tmp_path_factory.mktemp("commands"))


@pytest.fixture(scope="module")
def company_id(shell: Shell) -> str:
    """A company in it."""
    return str(shell.value("company", "create", "Acme")["id"])


def test_help_is_instant(shell: Shell) -> None:
    """Below 0.3 s of processor time, since other processes are busy too."""
    before = os.times()
    assert shell.run("--help").returncode == 0
    after = os.times()
    assert in_time(sum(after[2:4]) - sum(before[2:4]), 0.3)


def test_init_writes_a_file_that_is_valid_and_never_overwrites_one(tmp_path: Path) -> None:
    """The sample catalogue in it is the built-in one."""
    shell = Shell(tmp_path)
    assert shell.value("init") == {"file": str(tmp_path / "keygrove.toml")}
    config = load({}, {}, tmp_path)
    assert (config.catalogue, config.catalogue_is_sample) == (SAMPLE, False)
    (tmp_path / "keygrove.toml").write_text("port = 1")
    code, line = shell.error("init")
    assert (code, "is there already" in line) == (1, True)
    assert (tmp_path / "keygrove.toml").read_text() == "port = 1"


def test_every_example_in_the_written_file_is_valid(tmp_path: Path) -> None:
    """With the # removed from each of them."""
    assert Shell(tmp_path).run("init").returncode == 0
    path = tmp_path / "keygrove.toml"
    path.write_text(re.sub(r"^# (\w+ = )", r"\1", path.read_text(), flags=re.MULTILINE))
    assert {"issuer", "port", "log_level"} <= set(tomllib.loads(path.read_text()))
    assert load({}, {}, tmp_path).issuer == "https://auth.example.com"


def test_config_check_shows_sources_and_fails_with_every_fault(tmp_path: Path) -> None:
    """With exit code 2, for people and for programs."""
    shell = Shell(
        tmp_path, {"KEYGROVE_PORT": "no", "KEYGROVE_WORKERS": "0", "KEYGROVE_MASTER_KEY": "00" * 32}
    )
    people, programs = shell.run("config", "check"), shell.run("config", "check", "--json")
    assert (people.returncode, programs.returncode) == (2, 2)
    assert len(people.stderr.splitlines()) == 2
    assert re.search(r"master_key +<secret> +KEYGROVE_MASTER_KEY", people.stdout)
    assert '"place": "KEYGROVE_PORT"' in programs.stdout
    assert "00" * 32 not in people.stdout + people.stderr + programs.stdout + programs.stderr


def test_config_check_is_content_with_defaults(tmp_path: Path) -> None:
    """Each one with its source."""
    value = Shell(tmp_path).value("config", "check")
    assert (value["ok"], value["faults"]) == (True, [])
    assert value["settings"]["port"] == {"value": "8400", "source": "default"}


def test_migrate_makes_the_schema_and_may_be_repeated(tmp_path: Path) -> None:
    """Nothing happens the second time."""
    shell = Shell(tmp_path)
    first, second = shell.value("migrate"), shell.value("migrate")
    assert first == second
    assert first["database"] == f"sqlite:///{tmp_path}/.keygrove/keygrove.db"


def test_companies_are_made_listed_suspended_and_resumed(tmp_path: Path) -> None:
    """By id and by slug."""
    shell = Shell(tmp_path)
    company = shell.value("company", "create", "Blue Bottle")
    assert re.fullmatch(r"[0-9a-f]{32}", company["id"])
    assert (company["slug"], company["name"], company["suspended_at"]) == ("blue-bottle", "Blue Bottle", None)
    assert RFC3339.fullmatch(company["created_at"])
    assert shell.value("company", "suspend", "blue-bottle")["suspended_at"] is not None
    assert shell.value("company", "resume", company["id"])["suspended_at"] is None
    assert shell.value("company", "list") == {"companies": [company]}
    assert company["id"] in shell.run("company", "list").stdout
    assert shell.error("company", "suspend", "nobody")[0] == 1


def test_a_person_gets_a_made_password_that_is_printed_once(shell: Shell, company_id: str) -> None:
    """Or brings one on standard input, which is not repeated."""
    made = shell.value("person", "create", "--company", company_id, "--email", "a@acme.example")
    assert len(made["password"]) >= 20
    assert (made["email"], made["role"], made["company_id"]) == ("a@acme.example", "admin", company_id)
    again = shell.value("person", "create", "--company", company_id, "--email", "A@acme.example")
    assert (again["id"], "password" in again) == (made["id"], False)
    own = ("person", "create", "--company", "acme", "--email", "b@acme.example", "--password-stdin")
    brought = shell.value(*own, "--role", "auditor", "--name", "Bo", text="a clearing in a forest\n")
    assert (brought["name"], brought["role"], "password" in brought) == ("Bo", "auditor", False)


def test_a_bad_password_is_refused_in_one_line(shell: Shell, company_id: str) -> None:
    """Too short, or none at all."""
    command = ("person", "create", "--company", company_id, "--email", "c@acme.example", "--password-stdin")
    assert shell.error(*command) == (1, "keygrove: standard input holds no password")
    short = shell.run(*command, text="short\n")
    assert (short.returncode, "password: " in short.stderr, "Traceback" in short.stderr) == (1, True, False)


def test_a_new_key_is_exactly_one_object_with_its_secret(shell: Shell, company_id: str) -> None:
    """The only time that the Secret Key is seen."""
    command = ("key", "create", "--company", company_id, "--name", "Newsletter")
    key = shell.value(*command, "--permission", "marketing.read", "--permission", "booking.write")
    assert list(key) == ["client_id", "client_secret", "name", "permissions", "company_id", "created_at"]
    assert re.fullmatch(r"kg_ci_\w{28}", key["client_id"])
    assert re.fullmatch(r"kg_sk_\w{49}", key["client_secret"])
    assert is_whole(key["client_secret"])
    assert key["permissions"] == ["booking.read", "booking.write", "marketing.read"]
    assert (key["name"], key["company_id"]) == ("Newsletter", company_id)
    assert RFC3339.fullmatch(key["created_at"])
    shown = (
        shell.run("key", "show", key["client_id"]).stdout
        + shell.run("key", "list", "--company", "acme").stdout
    )
    assert key["client_id"] in shown
    assert key["client_secret"] not in shown


def test_a_key_is_renamed_and_its_permissions_change_until_it_is_removed(
    shell: Shell, company_id: str
) -> None:
    """Each with or without naming its company."""
    command = ("key", "create", "--company", company_id, "--name", "Short life")
    client_id = shell.value(*command, "--permission", "event.read")["client_id"]
    renamed = shell.value("key", "update", client_id, "--name", "Long life")
    assert (renamed["name"], renamed["permissions"]) == ("Long life", ["event.read"])
    changed = shell.value("key", "update", client_id, "--company", company_id, "--permission", "order.read")
    assert changed["permissions"] == ["order.read"]
    assert client_id in {key["client_id"] for key in shell.value("key", "list", "--company", "acme")["keys"]}
    removed = shell.value("key", "remove", client_id, "--yes")
    assert removed == {"client_id": client_id, "removed": True}
    assert client_id not in {
        key["client_id"] for key in shell.value("key", "list", "--company", "acme")["keys"]
    }
    assert shell.error("key", "show", client_id)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("key", "create", "--company", "acme", "--name", "ab", "--permission", "nope"), 1, "permissions: "),
        (
            ("key", "create", "--company", "nobody", "--name", "abc", "--permission", "event.read"),
            1,
            "no company",
        ),
        (("key", "create", "--company", "acme", "--name", "abc"), 2, "--permission"),
        (("key", "show", "kg_ci_unknown"), 1, "no key"),
        (("key", "update", "kg_ci_unknown"), 1, "nothing to change"),
        (("person", "create", "--company", "acme", "--email", "x", "--role", "owner"), 2, "--role"),
        (("person", "create", "--company", "acme", "--email", "no address"), 1, "email: "),
        (("serve", "--port", "0"), 2, "--port: port must be"),
        (("serve", "--port", "abc"), 2, "'--port': it must be a whole number (see"),
        (
            ("person", "create", "--company", "acme", "--email", "x", "--role", "boss"),
            2,
            "'--role': 'boss' is",
        ),
        (("restore", "nofile"), 1, "there is no file nofile"),
        (("restore", "/"), 1, "/ is not a file"),
        (("nonsense",), 2, "nonsense"),
        (("version", "--loud"), 2, "--loud"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    shell: Shell, company_id: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """1 for what cannot be done, 2 for wrong usage or settings; never a trace."""
    got, line = shell.error(*arguments)
    assert got == code
    assert line.startswith("keygrove: ")
    assert words in line


def test_an_unknown_permission_is_named_with_the_nearest_and_all_there_are(
    shell: Shell, company_id: str
) -> None:
    """Unless it is no plain word: that is not repeated."""
    command = ("key", "create", "--company", company_id, "--name", "Typo", "--permission")
    code, line = shell.error(*command, "marketing.raed")
    said = "keygrove: permissions: The permission marketing.raed does not exist. Did you mean marketing.read?"
    assert code == 1
    assert line.startswith(f"{said} There are: booking.read, ")
    assert shell.error(*command, "\x1b[31m") == (
        1,
        "keygrove: permissions: One of the permissions does not exist.",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("company", "list"),
        ("key", "list", "--company", "acme"),
        ("key", "show", "x"),
        ("signing-key", "list"),
    ],
)
def test_what_only_reads_makes_no_database(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It was asked in the wrong folder."""
    code, line = Shell(tmp_path).error(*arguments)
    place = tmp_path / ".keygrove" / "keygrove.db"
    said = f"there is no database at {place}: run keygrove serve, or give --data-dir"
    assert (code, line) == (1, f"keygrove: {said}")
    assert list(tmp_path.iterdir()) == []


def test_a_second_company_of_a_name_is_told_its_slug(tmp_path: Path) -> None:
    """For people and for programs."""
    shell = Shell(tmp_path)
    assert "note" not in shell.value("company", "create", "Acme")
    second = shell.value("company", "create", "Acme")
    assert second["note"] == f"Another company has this name; the slug of this one is {second['slug']}."
    assert "Another company has this name; the slug" in shell.run("company", "create", "Acme").stdout


def test_the_sdk_alone_says_what_the_command_line_needs(tmp_path: Path) -> None:
    """The installed command, where Typer is not."""
    program = "import sys; sys.modules['typer'] = None; from keygrove.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    said = "keygrove: The command line needs the server: pip install 'keygrove[server]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


@pytest.mark.parametrize("group", [(), ("company",), ("key",), ("person",), ("signing-key",), ("config",)])
def test_no_line_of_help_is_cut_off(shell: Shell, group: tuple[str, ...]) -> None:
    """In a terminal of the usual width."""
    lines = shell.run(*group, "--help").stdout.splitlines()
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage:")] == []


def test_a_wrong_setting_stops_every_command_with_all_faults(shell: Shell) -> None:
    """One line each."""
    done = Shell(shell.folder, {"KEYGROVE_PORT": "no", "KEYGROVE_HOSTS": "x"}).run("company", "list")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "keygrove: KEYGROVE_HOSTS: is not a setting; did you mean KEYGROVE_HOST?",
        "keygrove: KEYGROVE_PORT: port must be a whole number from 1 to 65535",
    ]


def test_a_wrong_master_key_is_told_in_one_line(shell: Shell, company_id: str) -> None:
    """No key is made in silence."""
    code, line = Shell(shell.folder, {"KEYGROVE_MASTER_KEY": "11" * 32}).error("company", "list")
    assert (code, "master key" in line) == (1, True)


def test_a_set_up_link_is_for_the_first_run_only(tmp_path: Path) -> None:
    """It stands below the issuer, and ends."""
    shell = Shell(tmp_path, {"KEYGROVE_ISSUER": "https://auth.example.com"})
    value = shell.value("setup-link")
    assert re.fullmatch(r"https://auth\.example\.com/setup\?token=kg_su_\w+", value["url"])
    assert RFC3339.fullmatch(value["expires_at"])
    company = shell.value("company", "create", "Acme")
    shell.value("person", "create", "--company", company["id"], "--email", "a@acme.example")
    assert shell.error("setup-link") == (1, "keygrove: Keygrove is set up already.")


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    """For people and for programs."""
    value = shell.value("version")
    assert value["name"] == "keygrove"
    assert shell.run("version").stdout == shell.run("--version").stdout == f"keygrove {value['version']}\n"
