"""`keygrove demo`: Keygrove, a small protected API and a third party's app, three processes ready to try."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli import place
from keygrove.cli.output import CommandFailed, Json, WronglyUsed, members

if TYPE_CHECKING:
    from keygrove.demo.seed import Credentials

_HOST = "127.0.0.1"
_READY_WITHIN_S = 60
_STOPPED_WITHIN_S = 20
_DATA_DIR = Path(".demo")
_PORT_OPTIONS = ("--port", "--api-port", "--app-port")
_FIRST_PORT, _LAST_PORT = 1024, 65535
_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED = {*_STOP, signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1  # prctl(2)
_QUIET = ("--no-access-log", "--no-server-header", "--host", _HOST)


def _port(option: str, about: str) -> Any:
    return typer.Option(option, min=1, max=_LAST_PORT, help=about)


def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demo keeps its data.")] = _DATA_DIR,
    port: Annotated[int, _port("--port", "The port of Keygrove.")] = 8400,
    api_port: Annotated[int, _port("--api-port", "The port of the protected API.")] = 8401,
    app_port: Annotated[int, _port("--app-port", "The port of the third party's app.")] = 8402,
    as_json: Json = False,
) -> None:
    """Start Keygrove with an API that it protects and an app.

    How to try them is printed. Ctrl-C stops all three.
    """
    from keygrove.cli.demo_folder import write_configuration
    from keygrove.config.loading import load

    if any(value is not None for value in place.flags.values()):
        raise WronglyUsed(
            "the demo has its own configuration; its folder is: keygrove demo --data-dir FOLDER"
        )
    places = Places(
        issuer=f"http://{_HOST}:{port}",
        api=f"http://{_HOST}:{api_port}",
        marketplace=f"http://localhost:{app_port}",
    )
    folder = data_dir.resolve()
    _settle((port, api_port, app_port), data_dir, folder)
    write_configuration(folder, issuer=places.issuer, port=port)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KEYGROVE_")}
    serving = {
        **environ,
        "KEYGROVE_DATA_DIR": str(folder),
    }
    load(environ=serving, folder=folder)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    credentials = _seeded(serving, folder, places)
    commands = _commands(places, credentials, environ, folder)
    commands["keygrove"] = ["-m", "keygrove.cli.main", "serve"], serving, f"{places.issuer}/readyz"
    with contextlib.ExitStack() as running:
        children = {
            name: running.enter_context(_child(name, [sys.executable, *command], environ, folder))
            for name, (command, environ, _) in commands.items()
        }
        if _wait_until_ready(children, {name: url for name, (_, _, url) in commands.items()}, folder):
            _tell(credentials, places, data_dir, as_json)
            _wait_for_the_end(children, folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the three processes are found; the app is on another site than Keygrove, as browsers see it."""

    issuer: str
    api: str
    marketplace: str


def _commands(
    places: Places, credentials: "Credentials", environ: Mapping[str, str], folder: Path
) -> dict[str, tuple[list[str], Mapping[str, str], str]]:
    """How the API and the app are started, in which environment, and where each answers when it is ready."""

    def factory(module: str, address: str) -> list[str]:
        name, port = f"keygrove.demo.{module}:from_environment", address.rpartition(":")[2]
        return ["-m", "uvicorn", "--factory", name, *_QUIET, "--port", port]

    guarding = {
        **environ,
        "KEYGROVE_ISSUER": places.issuer,
        "KEYGROVE_DEMO_COMPANIES": str(folder / "companies.json"),
    }
    connecting = {
        **environ,
        "KEYGROVE_ISSUER": places.issuer,
        "KEYGROVE_CLIENT_ID": credentials.app_client_id,
        "KEYGROVE_CLIENT_SECRET": credentials.app_client_secret,
        "KEYGROVE_DEMO_MARKETPLACE": places.marketplace,
        "KEYGROVE_DEMO_API": places.api,
    }
    return {
        "api": (factory("api", places.api), guarding, f"{places.api}/v1/status"),
        "marketplace": (
            factory("marketplace", places.marketplace),
            connecting,
            f"{places.marketplace}/waves.css",
        ),
    }


def _program() -> str:
    """How to call this program: as `make run` did, or by its name alone."""
    return sys.argv[0] if sys.argv[0].startswith(".") else "keygrove"


def _is_taken(port: int) -> bool:
    from keygrove.cli.workers import listen

    try:
        listen(_HOST, port).close()
    except OSError:
        return True
    return False


def _settle(ports: Sequence[int], data_dir: Path, folder: Path) -> None:
    """Make the folder this demo's, on ports that are free. Raises CommandFailed, WronglyUsed."""
    from keygrove.cli.demo_folder import hold, refuse_another_installation

    others = _other_ports(ports)
    if len(set(ports)) < len(ports):
        raise WronglyUsed(f"the three ports must differ, as in: {_elsewhere(others, data_dir)}")
    refuse_another_installation(folder)
    taken = next(filter(_is_taken, ports), None)
    # A folder is made only for a demo that starts.
    if (taken is None or folder.exists()) and not hold(folder):
        free = ports if taken is None else others
        # `.` and `..` have no name to go beside.
        parent = folder.parent if data_dir.is_absolute() else Path(os.path.relpath(folder.parent))
        beside = parent / f"{folder.name}-{free[0]}"
        raise CommandFailed(
            f"a demo is running in {folder}; for another one beside it: {_elsewhere(free, beside)}"
        )
    if taken is not None:
        raise CommandFailed(
            f"port {taken} is taken; a demo may be running already. "
            f"For other ports: {_elsewhere(others, data_dir)}"
        )


def _elsewhere(ports: Sequence[int], data_dir: Path) -> str:
    """The command for a demo with these ports and this folder."""
    options = [f"{option} {port}" for option, port in zip(_PORT_OPTIONS, ports, strict=True)]
    if data_dir != _DATA_DIR:
        options.append(f"--data-dir {shlex.quote(str(data_dir))}")
    return f"{_program()} demo {' '.join(options)}"


def _other_ports(ports: Sequence[int]) -> tuple[int, ...]:
    """One for each of these, all different, none of these: any may be taken."""
    chosen: tuple[int, ...] = ()
    for port in ports:
        candidates = (*range(port + 10, _LAST_PORT + 1), *range(_FIRST_PORT, port))
        chosen += (next(each for each in candidates if each not in (*ports, *chosen)),)
    return chosen


def _seeded(environ: Mapping[str, str], folder: Path, places: Places) -> "Credentials":
    """Prepare the database and fill it."""
    import asyncio
    import logging

    from keygrove.config.loading import load
    from keygrove.demo.seed import DemoDamaged, seed
    from keygrove.house import open_house, prepare

    logging.disable(logging.WARNING)

    async def fill() -> "Credentials":
        settings = load(environ=environ, folder=folder)
        await prepare(settings)
        house = await open_house(settings)
        try:
            return await seed(house.management, folder, address=places.marketplace)
        finally:
            await house.database.close()

    try:
        return asyncio.run(fill())
    except DemoDamaged as error:
        raise CommandFailed(str(error)) from None


@contextlib.contextmanager
def _child(
    name: str, command: list[str], environ: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of its own group, so that Ctrl-C reaches the demo alone; stopped at the end of the block.

    Linux tells it to stop when the demo is killed: no code of ours would run then.
    """
    import ctypes

    from keygrove.cli.demo_folder import open_log

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def before_it_begins() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM.value)
        if os.getppid() != parent:
            os._exit(1)

    with open_log(folder, name) as log:
        process = subprocess.Popen(
            command,
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=before_it_begins,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(
    children: Mapping[str, "subprocess.Popen[bytes]"], addresses: Mapping[str, str], folder: Path
) -> bool:
    """True once both answer, False when told to stop first. Raises CommandFailed."""
    deadline = time.monotonic() + _READY_WITHIN_S
    waiting = dict(addresses)
    while waiting:
        _refuse_the_dead(children, folder)
        if time.monotonic() > deadline:
            raise CommandFailed(f"{next(iter(waiting))} did not get ready; its log is in {folder}")
        waiting = {name: url for name, url in waiting.items() if not _answers(url)}
        caught = signal.sigtimedwait(_STOP, 0.05 if waiting else 0)
        if caught is not None:
            return False
    return True


def _answers(url: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == 200)
    except OSError:
        return False


def _refuse_the_dead(children: Mapping[str, "subprocess.Popen[bytes]"], folder: Path) -> None:
    for name, process in children.items():
        if process.poll() is not None:
            raise CommandFailed(f"{name} stopped by itself; the end of {folder / f'{name}.log'} says why")


def _wait_for_the_end(children: Mapping[str, "subprocess.Popen[bytes]"], folder: Path) -> None:
    """Return when told to stop. Raises CommandFailed when a process stops by itself."""
    while signal.sigwait(_WATCHED) not in _STOP:
        _refuse_the_dead(children, folder)


def _tell(credentials: "Credentials", places: Places, data_dir: Path, as_json: bool) -> None:
    from keygrove.backoffice.examples import examples
    from keygrove.demo.platform import AUDIENCE

    token = examples(
        token_url=f"{places.issuer}/oauth2/token",
        audience=AUDIENCE,
        scope="openid marketing.read",
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
    )[0].text
    call = f"curl '{places.api}/v1/marketing-consents?limit=3' \\\n  -H 'Authorization: Bearer ACCESS_TOKEN'"
    sign_in = f"{places.issuer}/sign-in"
    shown = {name: getattr(credentials, name) for name in ("email", "password", "client_id", "client_secret")}
    if as_json:
        addresses = {"sign_in": sign_in, "audience": AUDIENCE, **asdict(places)}
        print(json.dumps({**addresses, **shown, "token_command": token, "api_command": call}), flush=True)
        return
    lines = [
        ("Backoffice", sign_in),
        ("E-mail", credentials.email),
        ("Password", credentials.password),
        ("Client ID", credentials.client_id),
        ("Secret Key", credentials.client_secret),
        ("An app to connect", places.marketplace),
        ("Logs", str(data_dir / "*.log")),
    ]
    command_line = f"{_program()} --data-dir {shlex.quote(str(data_dir))}"
    print(
        f"The demo is running. Ctrl-C stops it.\n\n{members(lines)}\n\n"
        f"The command line, in this folder: {command_line} company list\n\n"
        f"Get a token:\n\n{token}\n\nThen put it into a request to the API:\n\n{call}\n",
        flush=True,
    )


def add_to(commands: typer.Typer) -> None:
    """Add this command at the top level."""
    commands.command("demo")(demo)
