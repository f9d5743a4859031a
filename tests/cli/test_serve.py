"""`keygrove serve`: ready at once, workers replaced, everything stopped in order."""

import json
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

import warm
from cli.command import Shell
from ports import free_port
from waiting import wait_for
from yardstick import here


@dataclass(frozen=True, slots=True)
class Serving:
    """A running `keygrove serve` with its log."""

    process: warm.Started
    url: str
    log: Path

    def workers(self) -> set[int]:
        """The process ids of the workers."""
        return set(
            map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())
        )

    def answers(self) -> bool:
        """Whether it is ready."""
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=2, verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    def lines(self) -> list[dict[str, object]]:
        """What it has logged, without a line that it is still writing."""
        lines = self.log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and is not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextmanager
def serving(folder: Path, *, port: int = 0, program: Sequence[str] = ()) -> Iterator[Serving]:
    """Start with two workers, on any free port unless told, and end whatever is left."""
    port = port or free_port()
    log = folder / "serve.log"
    process = Shell(folder).start("serve", "--port", str(port), "--workers", "2", output=log, program=program)
    running = Serving(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_for(lambda: running.answers() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        process.kill()
        process.wait()


def processor_seconds(pid: int) -> float:
    """The processor time of a process and of those children that it has collected."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def test_it_is_ready_within_two_seconds_and_its_workers_are_small(tmp_path: Path) -> None:
    """From the second start on; processor time counts, since other processes are busy too."""
    limit_s = here(2)
    with serving(tmp_path):
        pass
    with serving(tmp_path, program=warm.COLD) as running:
        wait_for(lambda: len(running.workers()) == 2)
        assert sum(map(processor_seconds, {running.process.pid, *running.workers()})) < limit_s
        for pid in running.workers():
            memory = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            assert memory is not None
            assert int(memory[1]) < 120 * 1024


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Also Ctrl-C, which reaches the whole group: exit code 0, no trace, no worker left."""
    with serving(tmp_path) as running:
        workers = running.workers()
        os.killpg(running.process.pid, number)
        assert running.process.wait(15) == 0
        assert not any(map(is_alive, workers))
        text = running.log.read_text()
        assert "Traceback" not in text
        assert running.lines()[-1]["event"] == "stopping"


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """The others go on serving meanwhile."""
    with serving(tmp_path) as running:
        wait_for(lambda: len(running.workers()) == 2)
        before = running.workers()
        victim = min(before)
        os.kill(victim, signal.SIGSEGV)
        wait_for(lambda: len(running.workers() - {victim}) == 2)
        assert running.answers()
        assert {"worker died"} <= {str(line["event"]) for line in running.lines()}


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    """Nothing is left that holds the port."""
    with serving(tmp_path) as running:
        workers = running.workers()
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not any(map(is_alive, workers)))


def test_requests_under_way_are_answered_before_the_end(tmp_path: Path) -> None:
    """A stop is not seen by who was there first."""
    with serving(tmp_path) as running, httpx2.Client() as client:
        assert client.get(f"{running.url}/livez").status_code == 200
        running.process.terminate()
        assert running.process.wait(15) == 0


def test_the_first_start_prints_a_set_up_link_that_works_and_is_not_logged(tmp_path: Path) -> None:
    """Log lines are JSON and hold no secret; the link stands beside them."""
    with serving(tmp_path) as running:
        link = re.search(rf"{running.url}/setup\?token=kg_su_\w+", running.log.read_text())
        assert link is not None
        assert httpx2.get(link[0]).status_code == 200
        logged = json.dumps(running.lines())
        assert "kg_su_" not in logged.replace("kg_su_<secret>", "")
        assert "no catalogue is configured; the sample catalogue is used" in logged


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """And nothing is started."""
    with serving(tmp_path) as running:
        port = running.url.rpartition(":")[2]
        code, line = Shell(tmp_path).error("serve", "--port", port)
        said = f"keygrove: cannot listen on 127.0.0.1:{port}: Address already in use"
        way = "set port in keygrove.toml, or KEYGROVE_PORT, for all commands"
        assert (code, line) == (1, f"{said}; to choose another port, {way}")
    helped = " ".join(Shell(tmp_path).run("serve", "--help").stdout.split())
    assert f"Other commands do not see this, and print links to another port; {way}." in helped


def test_links_of_other_commands_lead_to_the_port_that_all_are_told(tmp_path: Path) -> None:
    """A log warns, once, when they would not: when the issuer follows from a flag that those do not see."""

    def warned(running: Serving) -> list[dict[str, object]]:
        return [line for line in running.lines() if "other commands do not see --port" in str(line["event"])]

    with serving(tmp_path) as running:
        other = Shell(tmp_path).value("setup-link")["url"].partition("/setup")[0]
        (line,) = warned(running)
        assert (line["level"], line["issuer"], line["their_issuer"]) == ("warning", running.url, other)
        assert other != running.url
        assert "set port in keygrove.toml, or KEYGROVE_PORT" in str(line["event"])
    port = free_port()
    for setting, issuer in (
        (f"port = {port}", f"http://127.0.0.1:{port}"),
        ('issuer = "https://auth.example.com"', "https://auth.example.com"),
    ):
        (tmp_path / "keygrove.toml").write_text(setting)
        with serving(tmp_path, port=port) as running:
            assert warned(running) == []
            assert Shell(tmp_path).value("setup-link")["url"].startswith(f"{issuer}/setup")


def test_no_header_tells_the_server_software(tmp_path: Path) -> None:
    """And forwarded headers from this machine, a trusted proxy, are believed."""
    with serving(tmp_path) as running:
        answer = httpx2.get(f"{running.url}/sign-in", headers={"X-Forwarded-For": "203.0.113.7"})
        assert "server" not in answer.headers
        wait_for(lambda: any(line.get("ip") == "203.0.113.7" for line in running.lines()))


def test_a_missing_master_key_refuses_to_start(tmp_path: Path) -> None:
    """No other signing key is made in silence."""
    shell = Shell(tmp_path)
    shell.value("company", "create", "Acme")
    (tmp_path / ".keygrove" / "master.key").unlink()
    done = shell.run("serve", "--port", str(free_port()))
    assert done.returncode == 1
    assert "the master key is missing" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
