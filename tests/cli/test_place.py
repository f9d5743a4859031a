"""`keygrove --config FILE --data-dir FOLDER COMMAND`: where a command finds what it works on."""

import os
import signal
from pathlib import Path

import httpx2
import pytest

from cli.command import Shell
from ports import free_port
from waiting import wait_for


def test_the_options_go_before_environment_and_file(tmp_path: Path) -> None:
    """And `config check` says that the value came from there."""
    (tmp_path / "keygrove.toml").write_text("port = 1001")
    (tmp_path / "other.toml").write_text('port = 1002\ndata_dir = "by-file"')
    shell = Shell(tmp_path, {"KEYGROVE_CONFIG": "keygrove.toml", "KEYGROVE_DATA_DIR": "by-variable"})
    by_file = shell.value("--config", "other.toml", "config", "check")["settings"]
    assert by_file["port"] == {"value": "1002", "source": "other.toml:1"}
    assert by_file["data_dir"] == {"value": f"{tmp_path}/by-variable", "source": "KEYGROVE_DATA_DIR"}
    by_flag = shell.value("--config", "other.toml", "--data-dir", "by-flag", "config", "check")["settings"]
    assert by_flag["data_dir"] == {"value": f"{tmp_path}/by-flag", "source": "--data-dir"}
    code, line = shell.error("--config", "gone.toml", "company", "list")
    assert (code, line) == (2, "keygrove: gone.toml: cannot be read: No such file or directory")


def test_every_kind_of_command_works_on_the_folder(tmp_path: Path) -> None:
    """Nothing is made elsewhere."""
    shell = Shell(tmp_path)
    there = ("--data-dir", "data")
    made = shell.value(*there, "migrate")
    assert made["database"] == f"sqlite:///{tmp_path}/data/keygrove.db"
    company = shell.value(*there, "company", "create", "Acme")
    assert shell.value(*there, "company", "list")["companies"] == [company]
    assert shell.value(*there, "signing-key", "list")["signing_keys"] != []
    assert shell.value(*there, "backup", "copy")["rows"]["companies"] == 1
    assert shell.value("--data-dir", "new", "restore", "copy")["rows"]["companies"] == 1
    (tmp_path / "data" / "master.key").rename(tmp_path / "new" / "master.key")
    assert shell.value("--data-dir", "new", "company", "list")["companies"] == [company]
    assert not (tmp_path / ".keygrove").exists()


def test_a_server_and_its_workers_read_the_named_file(tmp_path: Path) -> None:
    """The workers are other processes; they must not read another one."""
    port = free_port()
    (tmp_path / "other.toml").write_text(f'port = {port}\nissuer = "https://auth.example.com"\nworkers = 1')
    process = Shell(tmp_path).start(
        "--config", "other.toml", "--data-dir", "data", "serve", output=tmp_path / "serve.log"
    )

    def issuer() -> str:
        try:
            url = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
            return str(httpx2.get(url, timeout=5, verify=False).json()["issuer"])
        except httpx2.TransportError:
            return ""

    try:
        wait_for(issuer)
        assert issuer() == "https://auth.example.com"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(20)
    assert (tmp_path / "data" / "keygrove.db").exists()
    assert not (tmp_path / ".keygrove").exists()


def test_init_writes_the_named_file(tmp_path: Path) -> None:
    """It is the one that other commands would read."""
    shell = Shell(tmp_path)
    assert shell.value("--config", "other.toml", "init") == {"file": str(tmp_path / "other.toml")}
    assert shell.value("--config", "other.toml", "config", "check")["ok"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["other.toml"]


@pytest.mark.parametrize("option", ["--config", "--data-dir"])
def test_in_the_wrong_place_it_is_told_the_right_one(tmp_path: Path, option: str) -> None:
    """After the command; and before the demo, which has a configuration of its own."""
    shell = Shell(tmp_path)
    code, line = shell.error("company", "list", option, "x")
    assert code == 2
    assert line.startswith(f"keygrove: {option} goes before the command: keygrove {option}")
    code, line = shell.error(option, "x", "demo")
    assert (code, "keygrove demo --data-dir FOLDER" in line) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_the_system_refuses_is_named_without_its_numbers(tmp_path: Path) -> None:
    """What it is about goes first, as in every other fault."""
    (tmp_path / "a file").touch()
    said = Shell(tmp_path).error("--data-dir", "a file/data", "migrate")
    assert said == (1, f"keygrove: {tmp_path}/a file/data: Not a directory")
