"""One configuration to everything that answers and acts: database, keys, endpoints, management.

What the command line opens for an act is what a worker serves from; only a worker needs the web (app.py).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from keygrove.config.loading import Config
from keygrove.config.settings import is_loopback_issuer
from keygrove.crypto.passwords import Passwords
from keygrove.crypto.secrets import Digests, derive_key
from keygrove.crypto.vault import MasterKeyError, Vault, create_master_key, read_master_key
from keygrove.endpoints.backchannel_logout import Courier
from keygrove.endpoints.budget import FailureBudget
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.signer import Signer
from keygrove.endpoints.usage import UsageBook
from keygrove.management import signing_keys
from keygrove.management.context import Management
from keygrove.management.signing_keys import CurrentKeyring
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.protocol.token import Policy
from keygrove.storage import schema
from keygrove.storage.database import Database
from keygrove.storage.opening import look_for_damage, make_place, open_database
from keygrove.web.outgoing import Outgoing

Clock = Callable[[], float]
DAY_S = 24 * 3600
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
        idle_s=config.refresh_idle_days * DAY_S,
        absolute_s=config.refresh_absolute_days * DAY_S,
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
