"""`keygrove demo`: three processes, printed credentials, the main path by curl, and a clean end."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.command import Shell
from cli.test_serve import is_alive, wait_for
from house.tree import ROOT
from ports import free_port


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo and what it printed."""

    process: "subprocess.Popen[bytes]"
    shown: dict[str, Any]
    output: Path

    def children(self) -> set[int]:
        """The processes that it started, and theirs."""
        listed = subprocess.run(
            ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
        ).stdout
        parents = {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}
        own = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in own} - own:
            own |= more
        return own - {self.process.pid}


Ports = tuple[int, int, int]
# As somebody leaves it who wrote their own after `keygrove init`.
BESIDE = """
issuer = "https://auth.example.com"
database = "postgresql://nobody@127.0.0.1:1/none"
[[api]]
audience = "https://other.example"
name = "Other"
"""


def free_ports() -> Ports:
    """One for each process."""
    return free_port(), free_port(), free_port()


def port_options(ports: Ports) -> list[str]:
    """Where the demo is told to run."""
    pairs = zip(("--port", "--api-port", "--app-port"), map(str, ports), strict=True)
    return [word for pair in pairs for word in pair]


@contextmanager
def running_demo(folder: Path, ports: Ports, *arguments: str) -> Iterator[Demo]:
    """Start a demo, wait for what it prints, and stop it at the end."""
    output = folder / "demo.out"
    process = Shell(folder).start("demo", *port_options(ports), *arguments, output=output)
    try:
        wait_for(lambda: "Authorization" in output.read_text() or process.poll() is not None, 70)
        assert process.poll() is None, output.read_text()
        text = output.read_text()
        yield Demo(process, json.loads(text) if "--json" in arguments else {}, output)
    finally:
        process.terminate()
        process.wait(30)


def test_the_main_path_works_and_a_second_run_shows_the_same(tmp_path: Path) -> None:
    """All processes are real; Ctrl-C ends them with exit code 0 and no trace.

    A configuration that lies beside is another installation's, and changes nothing.
    """
    ports = free_ports()
    (tmp_path / "keygrove.toml").write_text(BESIDE)
    with running_demo(tmp_path, ports, "--json") as first:
        settings = {**os.environ, "ISSUER": first.shown["issuer"], "API": first.shown["api"]}
        script = [str(ROOT / "scripts" / "main-path.sh"), str(tmp_path / ".demo")]
        walked = subprocess.run(script, env=settings, capture_output=True, text=True, timeout=60, check=False)
        assert walked.returncode == 0, walked.stdout + walked.stderr
        checked = Shell(tmp_path).value("--data-dir", ".demo", "config", "check")["settings"]
        assert checked["issuer"] == {"value": first.shown["issuer"], "source": ".demo/keygrove.toml:2"}
        assert Shell(tmp_path).value("--data-dir", ".demo", "key", "list", "--company", "acme")
        token = subprocess.run(first.shown["token_command"], shell=True, capture_output=True, check=True)  # noqa: S602
        access = json.loads(token.stdout)["access_token"]
        call = first.shown["api_command"].replace("ACCESS_TOKEN", access)
        answered = subprocess.run(call, shell=True, capture_output=True, check=True)  # noqa: S602
        assert len(json.loads(answered.stdout)["items"]) == 3
        page = subprocess.run(["curl", "-sS", first.shown["marketplace"]], capture_output=True, check=True)
        assert b"Connect to Understory demo" in page.stdout
        children = first.children()
        assert len(children) >= 5
        os.killpg(first.process.pid, signal.SIGINT)
        assert first.process.wait(30) == 0
        assert not any(map(is_alive, children))
    assert (tmp_path / ".demo" / "demo.json").stat().st_mode & 0o777 == 0o600
    with running_demo(tmp_path, ports, "--json") as second:
        assert second.shown == first.shown
        second.process.terminate()
        assert second.process.wait(30) == 0
    texts = [path.read_text() for path in (tmp_path / ".demo").glob("*.log")]
    assert len(texts) == 3
    assert not any("Traceback" in text for text in [*texts, first.output.read_text()])
    kept = json.loads((tmp_path / ".demo" / "demo.json").read_text())
    for secret in (access, kept["client_secret"], kept["app_client_secret"], kept["password"]):
        assert not any(secret in text for text in texts)


def test_people_are_told_all_they_need(tmp_path: Path) -> None:
    """Where to sign in and with what, the key, both commands, the app; a key that was removed is replaced."""
    ports = free_ports()
    with running_demo(tmp_path, ports) as demo:
        text = demo.output.read_text()
        kept = json.loads((tmp_path / ".demo" / "demo.json").read_text())
        for part in (
            f"http://127.0.0.1:{ports[0]}/sign-in",
            f"http://localhost:{ports[2]}",
            "/oauth2/token",
            "/v1/marketing-consents",
            "Ctrl-C",
        ):
            assert part in text
        for name in ("email", "password", "client_id", "client_secret"):
            assert kept[name] in text
    settings = {"KEYGROVE_DATA_DIR": str(tmp_path / ".demo")}
    Shell(tmp_path, settings).value("key", "remove", kept["client_id"], "--yes")
    with running_demo(tmp_path, ports, "--json") as demo:
        assert demo.shown["password"] == kept["password"]
        assert demo.shown["client_id"] != kept["client_id"]


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    """For any of the three."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--port", "--api-port", "--app-port"):
            code, line = Shell(tmp_path).error("demo", *port_options(free_ports()), option, str(port))
            assert code == 1
            assert line.startswith(f"keygrove: port {port} is taken; ")
            assert "a demo may be running already" in line
            assert f"{option} {port + 10}" in line
    assert not (tmp_path / ".demo").exists()


@pytest.mark.parametrize("left", ["keygrove.toml", "keygrove.db"])
def test_a_folder_of_another_keygrove_is_left_alone(tmp_path: Path, left: str) -> None:
    """Whoever mistypes loses no issuer, no catalogue, and gets no admin whose password is written down."""
    path = tmp_path / left
    path.write_text(BESIDE)
    code, line = Shell(tmp_path).error("demo", *port_options(free_ports()), "--data-dir", ".")
    assert code == 1
    assert (
        line == f"keygrove: {tmp_path} is another Keygrove's; give the demo a folder of its own: --data-dir"
    )
    assert [each.name for each in tmp_path.iterdir()] == [left]
    assert path.read_text() == BESIDE


def test_a_demo_without_its_credentials_says_what_to_do(tmp_path: Path) -> None:
    """A password cannot be read back from the database."""
    ports = free_ports()
    with running_demo(tmp_path, ports):
        pass
    (tmp_path / ".demo" / "demo.json").unlink()
    code, line = Shell(tmp_path).error("demo", *port_options(ports))
    assert code == 1
    assert line.endswith(f"remove the folder {tmp_path}/.demo and start again")


def test_the_app_works_on_after_what_its_data_may_have_gone_through(tmp_path: Path) -> None:
    """Another port, a secret that is lost: each is put right, and the app is the same one."""
    ports = free_ports()
    with running_demo(tmp_path, ports):
        path = tmp_path / ".demo" / "demo.json"
        first = json.loads(path.read_text())
    path.write_text(json.dumps({**first, "app_client_secret": ""}))
    moved = ports[0], ports[1], free_port()
    with running_demo(tmp_path, moved):
        second = json.loads(path.read_text())
    assert second["app_client_id"] == first["app_client_id"]
    assert second["app_client_secret"] not in ("", first["app_client_secret"])
    shell = Shell(tmp_path, {"KEYGROVE_DATA_DIR": str(tmp_path / ".demo")})
    app = shell.value("app", "show", first["app_client_id"])
    assert app["redirect_uris"] == [f"http://localhost:{moved[2]}/callback"]
    assert app["state"] == "live"


def test_a_process_that_dies_ends_the_demo(tmp_path: Path) -> None:
    """With the name of its log."""
    with running_demo(tmp_path, free_ports()) as demo:
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        pids = {int(line.split()[0]): line for line in listed.splitlines()}
        (api,) = [pid for pid in demo.children() if "keygrove.demo.api" in pids.get(pid, "")]
        os.kill(api, signal.SIGKILL)
        assert demo.process.wait(30) == 1
        assert "keygrove: api stopped by itself" in demo.output.read_text()


def test_nothing_is_left_when_the_demo_is_killed(tmp_path: Path) -> None:
    """No process, and all ports are free for the next one."""
    ports = free_ports()
    with running_demo(tmp_path, ports) as demo:
        children = demo.children()
        assert len(children) >= 5
        demo.process.kill()
        demo.process.wait()
        try:
            wait_for(lambda: not any(map(is_alive, children)))
        finally:
            for left in filter(is_alive, children):
                os.kill(left, signal.SIGKILL)
    with running_demo(tmp_path, ports):
        pass
