"""One configuration to one ASGI application: the house, the web before it, and what a worker does beside."""

import asyncio
import contextlib
import logging
import time
from importlib.metadata import version

from starlette.applications import Starlette

from keygrove.backoffice.errors import exception_handlers
from keygrove.backoffice.routes import routes
from keygrove.config.loading import Config, load
from keygrove.endpoints.usage import purge
from keygrove.house import DAY_S, Clock, House, open_house
from keygrove.logs import configure
from keygrove.management import retention, signing_keys
from keygrove.storage.database import DatabaseUnavailable
from keygrove.upkeep import ClockWatch, Duty, run_duties
from keygrove.web.adapter import Callee, Receive, Scope, Send, program_endpoints, public_documents
from keygrove.web.defenses import defended, refusal, send_bare_status
from keygrove.web.health import health_endpoints

RELOAD_S = 15.0
log = logging.getLogger("keygrove")


def duties(house: House, config: Config) -> tuple[Duty, ...]:
    """What a worker does beside answering."""
    management, keyring, server = house.management, house.keyring, house.server

    async def flush() -> None:
        await server.usage.flush_when_due(house.database)

    async def share() -> None:
        await server.budget.share(house.database, now=management.now())

    async def forget() -> None:
        await purge(house.database, now=management.now())
        await retention.forget(management, server.policy.refresh)

    async def reload() -> None:
        await keyring.reload(now=management.now())

    async def rotate() -> None:
        period_s = config.rotation_days * DAY_S
        await signing_keys.rotate_when_due(management, house.vault, keyring, period_s=period_s)

    return (
        Duty("watch the clock", 10, ClockWatch().look),
        Duty("write down usage", 1, flush),
        Duty("share failures", 1, share),
        Duty("tell apps of sign-outs", 1, house.courier.start_due),
        Duty("forget what has ended", 3600, forget),
        Duty("reload signing keys", RELOAD_S, reload),
        Duty("rotate signing keys", 60, rotate),
    )


class Application:
    """The ASGI application. Protocol endpoints are looked up by path before any framework is asked."""

    def __init__(self, config: Config, *, clock: Clock = time.time) -> None:
        self._config = config
        self._clock = clock
        self._endpoints: dict[str, Callee] = {}
        self._pages: Callee | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request, or the server's own start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http" or self._pages is None:
            return
        elif status := refusal(scope):
            await send_bare_status(scope, send, status)
        else:
            await self._endpoints.get(scope["path"], self._pages)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            house = await self._start()
        except Exception as error:
            log.error("cannot start", extra={"reason": str(error)})
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        stop = asyncio.Event()
        upkeep = asyncio.create_task(run_duties(duties(house, self._config), stop))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # A duty that is under way ends first: half-way, nobody could tell what it has written.
        stop.set()
        await upkeep
        await house.courier.finish()
        with contextlib.suppress(DatabaseUnavailable):
            await house.server.usage.flush(house.database)
        await house.database.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> House:
        house = await open_house(self._config, clock=self._clock)
        over_tls = self._config.issuer.startswith("https://")
        pages = Starlette(routes=routes(), exception_handlers=exception_handlers())
        # A slash too many is another address; a redirect would be built from the Host header.
        pages.router.redirect_slashes = False
        pages.state.management = house.management
        pages.state.server = house.server
        self._endpoints = {
            **program_endpoints(house.server),
            **public_documents(house.server),
            **health_endpoints(house.server, version("keygrove")),
        }
        self._pages = defended(pages, over_tls=over_tls)
        return house


def from_environment() -> Application:
    """The application as an ASGI server's factory: `uvicorn --factory keygrove.app:from_environment`.

    Raises ConfigInvalid.
    """
    config = load()
    configure(config.log_level)
    return Application(config)
