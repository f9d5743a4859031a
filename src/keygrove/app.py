"""One configuration to one ASGI application: the only place where the floors are wired together."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from starlette.applications import Starlette

from keygrove.backoffice.errors import exception_handlers
from keygrove.backoffice.routes import routes
from keygrove.config.loading import Config, load
from keygrove.config.settings import is_loopback_issuer
from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests, derive_key
from keygrove.crypto.vault import MasterKeyError, Vault, create_master_key, read_master_key
from keygrove.endpoints.backchannel_logout import Courier
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.signer import Signer
from keygrove.endpoints.usage import UsageBook, purge
from keygrove.logs import configure
from keygrove.management import retention, signing_keys
from keygrove.management.context import Management
from keygrove.management.signing_keys import CurrentKeyring
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.protocol.token import Policy
from keygrove.storage import schema
from keygrove.storage.database import Database, DatabaseUnavailable
from keygrove.storage.opening import look_for_damage, make_place, open_database
from keygrove.upkeep import ClockWatch, Duty, run_duties
from keygrove.web.adapter import Callee, Receive, Scope, Send, program_endpoints, public_documents
from keygrove.web.defenses import defended, refusal, send_bare_status
from keygrove.web.health import health_endpoints
from keygrove.web.outgoing import Outgoing

Clock = Callable[[], float]
RELOAD_S = 15.0
_DAY_S = 24 * 3600
log = logging.getLogger("keygrove")


async def prepare(config: Config) -> None:
    """Get ready to serve, once, before any worker starts: data folder, master key, schema, signing key.

    Raises MasterKeyError, SchemaMismatch, DatabaseUnavailable, DatabaseDamaged.
    """
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_place(config.database)
    look_for_damage(config.database)
    database = await open_database(config.database)
    try:
        if await schema.version(database) is None:
            await schema.migrate(config.database)
        await schema.check(database)
        master = await master_key(config, database, create=True)
        vault = Vault(master)
        now, algorithms = int(time.time()), config.catalogue.signing_algorithms()
        await signing_keys.ensure(database, vault, now=now, algorithms=algorithms)
        await signing_keys.load(database, vault, now=now)
    finally:
        await database.close()


async def master_key(config: Config, database: Database, *, create: bool = False) -> bytes:
    """The master key, from the environment or its file.

    A new one is made only while nothing depends on it. Raises MasterKeyError when it is missing.
    """
    key = config.master_key or read_master_key(config.master_key_file)
    if key is not None:
        return key
    if not create or await signing_keys.exist(database):
        raise MasterKeyError(
            f"the master key is missing: put it back at {config.master_key_file} or set KEYGROVE_MASTER_KEY. "
            "Without it the signing keys cannot be opened and no Secret Key is recognized"
        )
    log.info("made a master key", extra={"file": str(config.master_key_file)})
    return create_master_key(config.master_key_file)


@dataclass(frozen=True, slots=True)
class House:
    """Everything wired: a server for programs, management for people, one database and its keys for both."""

    server: AuthorizationServer
    courier: Courier
    management: Management
    database: Database
    vault: Vault
    keyring: CurrentKeyring


async def open_house(config: Config, *, clock: Clock = time.time) -> House:
    """Open the database and the keys. Raises MasterKeyError, SchemaMismatch, DatabaseUnavailable."""
    database = await open_database(config.database)
    try:
        await schema.check(database)
        master = await master_key(config, database)
        vault = Vault(master)
        keyring = CurrentKeyring(database, vault, await signing_keys.load(database, vault, now=int(clock())))
    except BaseException:
        await database.close()
        raise
    digests = Digests(derive_key(master, "digests"))
    refresh = RefreshPolicy(
        idle_s=config.refresh_idle_days * _DAY_S,
        absolute_s=config.refresh_absolute_days * _DAY_S,
        grace_s=config.refresh_grace_seconds,
    )
    policy = Policy(config.issuer, {api.audience: api.as_api() for api in config.catalogue.apis}, refresh)
    server = AuthorizationServer(
        policy=policy,
        database=database,
        keyring=keyring,
        signer=Signer(),
        digests=digests,
        pushed=Vault(derive_key(master, "pushed requests")),
        clock=clock,
        usage=UsageBook(),
        budget=FailureBudget(config.failures_per_client, config.failures_per_address),
    )
    outgoing = Outgoing(
        internal=config.backchannel_logout_internal, loopback=is_loopback_issuer(config.issuer)
    )
    return House(
        server,
        Courier(server, outgoing.post_form),
        Management(
            issuer=config.issuer,
            platform_name=config.platform_name,
            catalogue=config.catalogue,
            database=database,
            digests=digests,
            passwords=Passwords(),
            clock=clock,
        ),
        database,
        vault,
        keyring,
    )


def duties(house: House, config: Config) -> tuple[Duty, ...]:
    """What a worker does beside answering."""
    management, keyring, server = house.management, house.keyring, house.server

    async def flush() -> None:
        await server.usage.flush(house.database)

    async def share() -> None:
        await server.budget.share(house.database, now=management.now())

    async def forget() -> None:
        await purge(house.database, now=management.now())
        await retention.forget(management, server.policy.refresh)

    async def reload() -> None:
        await keyring.reload(now=management.now())

    async def rotate() -> None:
        period_s = config.rotation_days * _DAY_S
        await signing_keys.rotate_when_due(management, house.vault, keyring, period_s=period_s)

    return (
        Duty("watch the clock", 10, ClockWatch().look),
        # Thousands of keys at once: the more of them are written together, the less each one costs.
        Duty("write down usage", 1, flush, slowest_s=5),
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
