"""`keygrove demo`: three processes, printed credentials, the main path by curl, and a clean end."""

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import warm
from cli.command import Shell
from cli.test_serve import is_alive
from house.tree import ROOT
from keygrove.cli.demo_folder import LARGE_LOG
from ports import free_port
from waiting import wait_for


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo and what it printed."""

    process: warm.Started
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
LOGS = {"keygrove.log", "api.log", "marketplace.log"}
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


def contents(folder: Path) -> dict[str, bytes]:
    """What a folder of a running demo holds, apart from its database."""
    return {
        each.name: each.read_bytes() for each in folder.iterdir() if not each.name.startswith("keygrove.db")
    }


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


@dataclass(frozen=True, slots=True)
class Used:
    """The folder of a demo that has run and was stopped, and what it told people."""

    folder: Path
    ports: Ports
    told: str

    @property
    def kept(self) -> dict[str, str]:
        """The credentials that it wrote down."""
        kept: dict[str, str] = json.loads(self.credentials.read_text())
        return kept

    @property
    def credentials(self) -> Path:
        """Where it wrote them down."""
        return self.folder / ".demo" / "demo.json"

    @property
    def shell(self) -> Shell:
        """To use its Keygrove by commands."""
        return Shell(self.folder, {"KEYGROVE_DATA_DIR": str(self.folder / ".demo")})


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Used:
    """A demo that ran, for tests to copy: a first start takes longest."""
    folder, ports = tmp_path_factory.mktemp("demo"), free_ports()
    with running_demo(folder, ports) as demo:
        told = demo.output.read_text()
    return Used(folder, ports, told)


@pytest.fixture
def used(first_run: Used, tmp_path: Path) -> Used:
    """A demo that has run before, of this test alone; it comes back on other ports."""
    shutil.copytree(first_run.folder, tmp_path, dirs_exist_ok=True)
    return replace(first_run, folder=tmp_path, ports=free_ports())


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
        assert b"Connect to Understory" in page.stdout
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


def test_people_are_told_all_they_need(first_run: Used) -> None:
    """Where to sign in and with what, the key, both commands, the app."""
    for part in (
        f"http://127.0.0.1:{first_run.ports[0]}/sign-in",
        f"http://localhost:{first_run.ports[2]}",
        "/oauth2/token",
        "/v1/marketing-consents",
        "Ctrl-C",
    ):
        assert part in first_run.told
    for name in ("email", "password", "client_id", "client_secret"):
        assert first_run.kept[name] in first_run.told


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
            assert "--data-dir" not in line
    assert not (tmp_path / ".demo").exists()


def test_other_ports_are_three_and_the_folder_stays(tmp_path: Path) -> None:
    """What is proposed can be typed as it is."""
    for ports in ((8410, 8410, 8410), (65530, 65530, 65530), (8400, 8390, 8400), (8390, 8400, 8390)):
        code, line = Shell(tmp_path).error("demo", *port_options(ports), "--data-dir", "my demo")
        assert code == 2
        assert line.startswith("keygrove: the three ports must differ, as in: ")
        proposed = shlex.split(line.partition(": keygrove ")[2])
        assert proposed[0] == "demo"
        given = dict(zip(proposed[1::2], proposed[2::2], strict=True))
        assert given.pop("--data-dir") == "my demo"
        assert list(given) == ["--port", "--api-port", "--app-port"]
        assert len(set(given.values())) == 3
        assert set(given.values()).isdisjoint(map(str, ports))
        assert all(1024 <= int(each) <= 65535 for each in given.values())
    assert list(tmp_path.iterdir()) == []


def test_a_second_demo_in_the_same_folder_changes_nothing(used: Used) -> None:
    """On other ports or the same ones, it says what to do; when the first is killed the folder is free."""
    folder = used.folder / ".demo"
    with running_demo(used.folder, used.ports, "--json") as demo:
        before = contents(folder)
        (port, api_port, app_port), other = used.ports, free_ports()
        for ports, beside in (
            (used.ports, (port + 10, api_port + 10, app_port + 10)),
            (other, other),
        ):
            code, line = Shell(used.folder).error("demo", *port_options(ports))
            assert code == 1
            assert line == (
                f"keygrove: a demo is running in {folder}; for another one beside it: keygrove demo "
                f"{' '.join(port_options(beside))} --data-dir .demo-{beside[0]}"
            )
        after = contents(folder)
        assert {name: after[name][: len(text)] for name, text in before.items()} == before
        assert {name for name in after if len(after[name]) > len(before.get(name, ""))} <= LOGS
        children = demo.children()
        demo.process.kill()
        demo.process.wait()
        wait_for(lambda: not any(map(is_alive, children)))
    with running_demo(used.folder, used.ports, "--json") as again:
        assert again.shown == demo.shown


@pytest.mark.parametrize(
    ("where", "data_dir", "parent"),
    [
        ("main", ".", "../"),
        ("main/sub", "..", "../../"),
        ("", "main", ""),
        ("", "other/../main/", ""),
        ("other", "../main", "../"),
        ("other", "{top}/main", "{top}/"),
    ],
)
def test_another_demo_goes_beside_the_folder_never_into_it(
    tmp_path: Path, where: str, data_dir: str, parent: str
) -> None:
    """However the folder is written."""
    for name in ("main/sub", "other"):
        (tmp_path / name).mkdir(parents=True)
    ports = free_ports()
    given, proposed = (text.format(top=tmp_path) for text in (data_dir, f"{parent}main-{ports[0]}"))
    with (tmp_path / "main" / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, line = Shell(tmp_path / where).error("demo", *port_options(ports), "--data-dir", given)
    assert code == 1
    assert line.startswith(f"keygrove: a demo is running in {tmp_path}/main; ")
    assert line.endswith(f" --data-dir {proposed}")


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


def test_the_logs_of_earlier_runs_stay(used: Used) -> None:
    """A large one is set aside at the next start, once; what is printed names them."""
    assert re.search(r"^  Logs +\.demo/\*\.log$", used.told, re.M)
    folder = used.folder / ".demo"
    before = {name: (folder / name).read_text() for name in LOGS}
    large = "x" * (LARGE_LOG + 1)
    (folder / "api.log").write_text(large)
    (folder / "api.log.1").write_text("oldest")
    with running_demo(used.folder, used.ports):
        pass
    for name in LOGS - {"api.log"}:
        assert before[name]
        assert (folder / name).read_text().startswith(before[name])
        assert len((folder / name).read_text()) > len(before[name])
    assert (folder / "api.log.1").read_text() == large
    assert 0 < len((folder / "api.log").read_text()) < LARGE_LOG
    assert not (folder / "keygrove.log.1").exists()


def test_a_demo_without_its_credentials_says_what_to_do(used: Used) -> None:
    """A password cannot be read back from the database."""
    used.credentials.unlink()
    code, line = Shell(used.folder).error("demo", *port_options(used.ports))
    assert code == 1
    assert line.endswith(f"remove the folder {used.folder}/.demo and start again")


def test_a_demo_works_on_after_what_its_data_may_have_gone_through(used: Used) -> None:
    """A removed key is replaced; other ports, a lost secret: the app is the same one, put right."""
    first = used.kept
    used.shell.value("key", "remove", first["client_id"], "--yes")
    used.credentials.write_text(json.dumps({**first, "app_client_secret": ""}))
    with running_demo(used.folder, used.ports, "--json") as demo:
        second = used.kept
        assert demo.shown["password"] == first["password"]
        assert demo.shown["client_id"] != first["client_id"]
    assert second["app_client_id"] == first["app_client_id"]
    assert second["app_client_secret"] not in ("", first["app_client_secret"])
    app = used.shell.value("app", "show", first["app_client_id"])
    assert app["redirect_uris"] == [f"http://localhost:{used.ports[2]}/callback"]
    assert app["state"] == "live"


def test_a_process_that_dies_ends_the_demo(used: Used) -> None:
    """With the name of its log."""
    with running_demo(used.folder, used.ports) as demo:
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        pids = {int(line.split()[0]): line for line in listed.splitlines()}
        (api,) = [pid for pid in demo.children() if "keygrove.demo.api" in pids.get(pid, "")]
        os.kill(api, signal.SIGKILL)
        assert demo.process.wait(30) == 1
        assert "keygrove: api stopped by itself" in demo.output.read_text()


def test_nothing_is_left_when_the_demo_is_killed(used: Used) -> None:
    """No process, and all ports are free for the next one."""
    with running_demo(used.folder, used.ports) as demo:
        children = demo.children()
        assert len(children) >= 5
        demo.process.kill()
        demo.process.wait()
        try:
            wait_for(lambda: not any(map(is_alive, children)))
        finally:
            for left in filter(is_alive, children):
                os.kill(left, signal.SIGKILL)
    with running_demo(used.folder, used.ports):
        pass
