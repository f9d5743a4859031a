"""`keygrove serve`: prepares once, then lets workers serve."""

import errno
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from keygrove.cli import place
from keygrove.cli.output import CommandFailed, Json, time_text
from keygrove.cli.place import configuration
from keygrove.cli.upkeep import setup_url

if TYPE_CHECKING:
    import socket

    from keygrove.config.loading import Config
    from keygrove.web.accepting import Crowd

_GRACE_S = 10
_NO_PORT = {errno.EADDRINUSE, errno.EACCES}
_FOR_ALL = "set port in keygrove.toml, or KEYGROVE_PORT, for all commands"
_PORT_HELP = (
    f"The port to listen on. Other commands do not see this, and print links to another port; {_FOR_ALL}."
)
# Clients that ask for many tokens keep their connection; idle ones are closed when there are too many.
_KEEP_ALIVE_S = 30
# Twice what a worker lets in as connections (web.connection.MAX_CONNECTIONS).
_OPEN_FILES = 8192


def serve(
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help=_PORT_HELP)] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="How many worker processes.")] = None,
    as_json: Json = False,
) -> None:
    """Run Keygrove until it is told to stop. Logs go to standard output, one JSON object a line."""
    import asyncio
    import gc
    import logging
    import os
    from importlib import import_module

    from keygrove import logs
    from keygrove.cli.workers import Supervisor, aside, in_a_child, listen
    from keygrove.config.sources import environment_of
    from keygrove.web.accepting import Crowd

    # The workers inherit these modules instead of importing them again.
    import_module("keygrove.app")
    import_module("keygrove.web.connection")
    flags = {"host": host, "port": port, "workers": workers}
    settings = configuration(flags)
    elsewhere = None if port is None else _issuer_of_other_commands()
    os.environ.update(environment_of({**place.flags, **flags}))
    logs.configure(settings.log_level)
    _set_limits()
    log = logging.getLogger("keygrove")
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        choice = f"; to choose another port, {_FOR_ALL}" if error.errno in _NO_PORT else ""
        where = f"{settings.host}:{settings.port}"
        raise CommandFailed(f"cannot listen on {where}: {error.strerror}{choice}") from None
    if code := in_a_child(lambda: asyncio.run(_prepare(settings, as_json))):
        sys.exit(code)
    aside(lambda: _look_for_dropped_permissions(settings, listener))
    if settings.catalogue_is_sample:
        log.info("no catalogue is configured; the sample catalogue is used")
    log.info("serving", extra={"issuer": settings.issuer, "host": settings.host, "port": settings.port,
                               "workers": settings.workers})  # fmt: skip
    if elsewhere not in (None, settings.issuer):
        log.warning(
            f"other commands do not see --port, and print links to another issuer; {_FOR_ALL}",
            extra={"issuer": settings.issuer, "their_issuer": elsewhere},
        )
    crowd = Crowd(settings.workers)
    work = partial(_work, settings, crowd)
    # What is here now lives as long as the process: no worker needs to look through it for garbage again.
    gc.freeze()
    sys.exit(Supervisor(work, listener, settings.workers).run())


def _issuer_of_other_commands() -> str | None:
    """What the issuer is without this command's own flags; None when these would be told of faults first."""
    from keygrove.config.loading import read

    config = read(place.flags).config
    return config.issuer if config else None


def _set_limits() -> None:
    """For this process and its workers: no core dump, which would hold secrets; enough open connections."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _prepare(settings: "Config", as_json: bool) -> None:
    """Get the database and keys ready, and tell the set-up link when nobody can sign in yet."""
    from keygrove.house import open_house, prepare
    from keygrove.management import setup

    await prepare(settings)
    house = await open_house(settings)
    try:
        if not await setup.is_needed(house.management):
            return
        token = await setup.new_link(house.management)
        expires_at = time_text(house.management.now() + setup.LINK_LIFE_S)
        _tell_set_up_link(setup_url(settings.issuer, token.reveal()), expires_at, as_json)
    finally:
        await house.database.close()


def _look_for_dropped_permissions(settings: "Config", listener: "socket.socket") -> None:
    """Warn of each; a million keys take a second, and nobody waits for that."""
    import asyncio
    import logging

    from keygrove.management.catalogue import dropped
    from keygrove.storage.database import DatabaseUnavailable
    from keygrove.storage.opening import open_database

    log = logging.getLogger("keygrove")
    listener.close()

    async def look() -> None:
        database = await open_database(settings.database)
        try:
            for each in await dropped(database, settings.catalogue):
                log.warning(
                    "keys hold a permission that the catalogue no longer offers",
                    extra={"permission": each.scope, "audience": each.audience, "keys": each.keys},
                )
        finally:
            await database.close()

    try:
        asyncio.run(look())
    except DatabaseUnavailable as error:
        log.warning("nobody looked for permissions no longer offered", extra={"reason": str(error)})


def _tell_set_up_link(url: str, expires_at: str | None, as_json: bool) -> None:
    """On standard error: the link is a secret, and logs are kept."""
    if as_json:
        print(json.dumps({"setup_url": url, "expires_at": expires_at}), file=sys.stderr)
    else:
        print(
            f"Nobody can sign in yet. Open this link, once, before {expires_at}:\n\n  {url}\n",
            file=sys.stderr,
        )


def _work(settings: "Config", crowd: "Crowd", bound: "socket.socket", place: int) -> None:
    """What one worker does: serve the application on the bound socket."""
    import uvicorn

    from keygrove.web.accepting import FairServer
    from keygrove.web.connection import LimitedConnection

    server = FairServer(
        uvicorn.Config(
            "keygrove.app:from_environment",
            factory=True,
            interface="asgi3",
            loop="uvloop",
            http=LimitedConnection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        ),
        crowd,
        place,
    )
    server.run([bound])


def add_to(commands: typer.Typer) -> None:
    """Add this command at the top level."""
    commands.command("serve")(serve)
