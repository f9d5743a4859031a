"""The servers that are compared: made ready, started, watched, stopped."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import keys, machine
from bench.database import PostgresServer, pid
from keygrove.config.loading import load as load_config
from keygrove.config.template import template
from keygrove.endpoints.usage import LONGEST_WAIT_S

WORKERS = 2
PEER = Path(__file__).parent / "peers" / "node-oidc-provider"
_KEYGROVE = Path(sys.executable).with_name("keygrove")
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 15
_POLL_S = 0.004


class ServerFailed(Exception):
    """A server did not start or did not stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to run one server. `bodies` is a file with a token request a line; `ready_url` answers 200.

    `database_pid` is the parent process of the database server when there is one. For `later_s` seconds after
    a load the server may still write down what it counted in it.
    """

    name: str
    algorithm: str = "RS256"
    database_pid: int | None = None
    later_s: float = 0
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    token_url: str
    jwks_url: str
    ready_url: str
    bodies: Path


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs. `ready_s` is the time from its start to its first good answer, in seconds."""

    plan: Plan
    process: "subprocess.Popen[bytes]"
    ready_s: float

    def worker_pids(self) -> list[int]:
        """The processes that answer requests."""
        return machine.children(self.process.pid)

    def cpu_s(self) -> float:
        """Processor time of all its processes so far, in seconds, without its database."""
        return machine.cpu_s(self.process.pid)

    def database_cpu_s(self) -> float:
        """Processor time of its database's processes so far, in seconds; 0 when it has none."""
        return 0.0 if self.plan.database_pid is None else machine.cpu_s(self.plan.database_pid)

    def worker_mib(self) -> float:
        """Resident memory of the largest worker, in MiB."""
        return max(machine.resident_mib(pid) for pid in self.worker_pids())

    def stop(self) -> None:
        """End it in good order. Raises ServerFailed."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise ServerFailed(f"{self.plan.name} did not stop") from None


def start(plan: Plan) -> Server:
    """Start a server and wait until it is ready. Raises ServerFailed."""
    if _answers(plan.ready_url):
        raise ServerFailed(f"something else answers at {plan.ready_url}: choose another --port")
    with (plan.folder / "server.log").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            plan.command,
            cwd=plan.folder,
            env=plan.environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    while time.perf_counter() < began + _START_TIMEOUT_S:
        if _answers(plan.ready_url):
            return Server(plan, process, time.perf_counter() - began)
        if process.poll() is not None:
            break
        time.sleep(_POLL_S)
    process.kill()
    log_text = (plan.folder / "server.log").read_text(errors="replace")
    raise ServerFailed(f"{plan.name} did not start:\n{log_text[-2000:]}")


def time_start(plan: Plan) -> float:
    """Start a server and stop it; the time to its first good answer, in seconds. Raises ServerFailed."""
    server = start(plan)
    server.stop()
    return server.ready_s


@contextmanager
def running(plans: Sequence[Plan]) -> Iterator[list[Server]]:
    """All of them started, and stopped in the end. Raises ServerFailed."""
    with ExitStack() as stack:
        servers = []
        for plan in plans:
            servers.append(start(plan))
            stack.callback(servers[-1].stop)
        yield servers


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:  # refused, reset or timed out; urllib's errors are among them
        return False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server lives: a folder that does not exist yet, and a port of this machine."""

    folder: Path
    port: int


def keygrove(
    name: str,
    place: Place,
    *,
    key_count: int,
    algorithm: str = "RS256",
    postgres: PostgresServer | None = None,
) -> tuple[Plan, float]:
    """Keygrove with a database of its own that holds `key_count` keys, and its first start in seconds."""
    folder = place.folder
    folder.mkdir()
    database = f"sqlite:///{folder}/data/keygrove.db"
    if postgres is not None:
        database = postgres.url(postgres.new_database())
    issuer = f"http://127.0.0.1:{place.port}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KEYGROVE_")} | {
        "KEYGROVE_DATA_DIR": str(folder / "data"),
        "KEYGROVE_DATABASE": database,
        "KEYGROVE_ISSUER": issuer,
    }
    # The sample catalogue, with the algorithm of this server's tokens.
    catalogue = template().replace('"RS256"', f'"{algorithm}"')
    (folder / "keygrove.toml").write_text(catalogue, encoding="utf-8")
    plan = Plan(
        name=name,
        command=_serve(place.port, WORKERS),
        environment=environment,
        folder=folder,
        token_url=f"{issuer}/oauth2/token",
        jwks_url=f"{issuer}/.well-known/jwks.json",
        ready_url=f"{issuer}/readyz",
        bodies=folder / "bodies.txt",
        algorithm=algorithm,
        database_pid=None if postgres is None else pid(postgres),
        later_s=0 if key_count == 1 else LONGEST_WAIT_S + 2,
    )
    first_start_s = time_start(plan)
    company = _command(plan, "company", "create", "Bench")["id"]
    if key_count == 1:
        key = _command(
            plan, "key", "create", "--company", company, "--name", "Bench", "--permission", keys.PERMISSION
        )
        plan.bodies.write_text(keys.body(key["client_id"], key["client_secret"]) + "\n", encoding="ascii")
    else:
        keys.fill(load_config(environ=environment, folder=folder), company, key_count, plan.bodies)
    return plan, first_start_s


def node(plan: Plan, number: int, port: int) -> Plan:
    """One more Keygrove of one worker on the database of another, as if on a machine of its own."""
    address = f"http://127.0.0.1:{port}"
    return replace(
        plan,
        name=f"{plan.name}, node {number}",
        command=_serve(port, 1),
        token_url=f"{address}/oauth2/token",
        jwks_url=f"{address}/.well-known/jwks.json",
        ready_url=f"{address}/readyz",
    )


def _serve(port: int, workers: int) -> tuple[str, ...]:
    flags = {"--host": "127.0.0.1", "--port": port, "--workers": workers}
    return (str(_KEYGROVE), "serve", *(str(word) for flag in flags.items() for word in flag))


def _command(plan: Plan, *words: str) -> dict[str, str]:
    done = subprocess.run(
        [_KEYGROVE, *words, "--json"],
        cwd=plan.folder,
        env=plan.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


def node_oidc_provider(name: str, place: Place) -> Plan:
    """The peer with one client, in memory."""
    folder, port = place.folder, place.port
    folder.mkdir()
    issuer = f"http://127.0.0.1:{port}"
    client_id, client_secret = "bench", secrets.token_urlsafe(32)
    bodies = folder / "bodies.txt"
    bodies.write_text(keys.body(client_id, client_secret) + "\n", encoding="ascii")
    arguments = (port, WORKERS, client_id, client_secret, keys.AUDIENCE, keys.SCOPE)
    return Plan(
        name=name,
        command=("node", str(PEER / "server.js"), *map(str, arguments)),
        environment=os.environ | {"NODE_ENV": "production"},
        folder=folder,
        token_url=f"{issuer}/token",
        jwks_url=f"{issuer}/jwks",
        ready_url=f"{issuer}/.well-known/openid-configuration",
        bodies=bodies,
    )
