"""`keygrove demo`: Keygrove, a small protected API and a third party's app, three processes ready to try."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keygrove.cli import place
from keygrove.cli.output import CommandFailed, Json, WronglyUsed, members

if TYPE_CHECKING:
    from keygrove.demo.seed import Credentials

_HOST = "127.0.0.1"
_READY_WITHIN_S = 60
_STOPPED_WITHIN_S = 20
_STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WATCHED = {*_STOP, signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1  # prctl(2)
_ITS_OWN = "# Written by `keygrove demo`"
_QUIET = ("--no-access-log", "--no-server-header", "--host", _HOST)


def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demo keeps its data.")] = Path(
        ".demo"
    ),
    port: Annotated[int, typer.Option("--port", help="The port of Keygrove.")] = 8400,
    api_port: Annotated[int, typer.Option("--api-port", help="The port of the protected API.")] = 8401,
    app_port: Annotated[int, typer.Option("--app-port", help="The port of the third party's app.")] = 8402,
    as_json: Json = False,
) -> None:
    """Start Keygrove with an API that it protects and an app.

    How to try them is printed. Ctrl-C stops all three.
    """
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
    another = (
        f"For other ports: {_program()} demo "
        f"--port {port + 10} --api-port {api_port + 10} --app-port {app_port + 10}"
    )
    for taken in (port, api_port, app_port):
        _refuse_taken_port(taken, another)
    _refuse_another_installation(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_configuration(folder, issuer=places.issuer, port=port)
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


def _refuse_another_installation(folder: Path) -> None:
    """Raises CommandFailed when the folder has a Keygrove that no demo made."""
    from keygrove.config.sources import FILE_NAME

    path = folder / FILE_NAME
    if path.exists():
        others = not path.read_bytes().startswith(_ITS_OWN.encode())
    else:
        others = (folder / "keygrove.db").exists()
    if others:
        raise CommandFailed(f"{folder} is another Keygrove's; give the demo a folder of its own: --data-dir")


def _write_configuration(folder: Path, *, issuer: str, port: int) -> None:
    """What the demo runs with, for the command line too: it reads the file of the folder it is told."""
    from keygrove.config.sources import FILE_NAME

    lines = (
        f"{_ITS_OWN} whenever it starts. `keygrove --data-dir` with this folder reads it.",
        f"issuer = {json.dumps(issuer)}",
        f"port = {port}",
        "workers = 2",
        'platform_name = "Understory"',
    )
    draft = folder / f"{FILE_NAME}.draft"
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.replace(folder / FILE_NAME)


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


def _refuse_taken_port(port: int, another: str) -> None:
    from keygrove.cli.workers import listen

    try:
        listen(_HOST, port).close()
    except OSError:
        raise CommandFailed(f"port {port} is taken; a demo may be running already. {another}") from None


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

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def before_it_begins() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM.value)
        if os.getppid() != parent:
            os._exit(1)

    with (folder / f"{name}.log").open("wb") as log:
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
            raise CommandFailed(f"{name} stopped by itself; {folder / f'{name}.log'} says why")


def _wait_for_the_end(children: Mapping[str, "subprocess.Popen[bytes]"], folder: Path) -> None:
    """Return when told to stop. Raises CommandFailed when a process stops by itself."""
    while signal.sigwait(_WATCHED) not in _STOP:
        _refuse_the_dead(children, folder)


def _tell(credentials: "Credentials", places: Places, data_dir: Path, as_json: bool) -> None:
    from keygrove.backoffice.examples import examples
    from keygrove.demo.api import AUDIENCE

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
    ]
    print(
        f"The demo is running. Ctrl-C stops it.\n\n{members(lines)}\n\n"
        f"The command line, in this folder: {_program()} --data-dir {data_dir} company list\n\n"
        f"Get a token:\n\n{token}\n\nThen put it into a request to the API:\n\n{call}\n",
        flush=True,
    )


def add_to(commands: typer.Typer) -> None:
    """Add this command at the top level."""
    commands.command("demo")(demo)
