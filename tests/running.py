"""A Keygrove that really runs: `keygrove serve` as its own process, over sockets, on its own database."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, TypeVar

import httpx2

import warm
from beside import Beside
from keygrove.config.loading import load
from keygrove.crypto.passwords import Passwords
from keygrove.house import House, open_house, prepare
from keygrove.management import companies, integrations, people, sign_in
from keygrove.management.context import OPERATOR, Management, Role
from keygrove.storage import people as stored_people
from keygrove.storage.people import Person
from ports import free_port

T = TypeVar("T")
AUDIENCE = "https://api.understory.io"
READY_WITHIN_S = 15
# Each request has a connection of its own, as those of different programs have, but not a client of its own:
# to make one takes longer than the request. There is no TLS here.
_programs = httpx2.Client(verify=False, trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))
PASSWORD = "a clearing in a forest"


@dataclass(frozen=True, slots=True)
class Key:
    """An integration key with its secret, as a customer's program has it."""

    client_id: str
    client_secret: str
    company_id: str


class KnownPasswords(Passwords):
    """Hashes a password once. Most people of the tests have the same one, and a hash is slow on purpose.

    Whoever tests a change of password must take another one: the same again is the same hash here.
    """

    _known: ClassVar[dict[str, str]] = {}

    async def hash(self, password: str) -> str:
        """The argon2id hash of the password, made now or before."""
        if password not in self._known:
            self._known[password] = await super().hash(password)
        return self._known[password]


@dataclass(frozen=True, slots=True)
class Desk:
    """A server's data, open in this process too for as long as the server runs."""

    beside: Beside
    house: House


@dataclass(slots=True)
class RunningServer:
    """A server process, and a way to its data from beside it."""

    url: str
    environ: Mapping[str, str]
    log: Path
    process: warm.Started
    company_id: str = ""
    slug: str = ""
    names: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    desk: Desk | None = None

    def manage(self, act: Callable[[Management], Awaitable[T]]) -> T:
        """Do something through the management functions, on the same database, from this process."""
        return self.in_house(lambda house: act(house.management))

    def in_house(self, act: Callable[[House], Awaitable[T]]) -> T:
        """Do something on the same database and with the same keys, as another node would."""
        desk = self.desk
        if desk is None:
            return asyncio.run(_in_a_house(self.environ, act))

        async def run() -> T:
            return await act(desk.house)

        return desk.beside.run(run())

    def new_company(self, name: str) -> companies.Company:
        """Add a company."""
        return self.manage(lambda m: companies.create(m, OPERATOR, name))

    def new_key(self, *permissions: str, company_id: str = "", name: str = "") -> Key:
        """Make a key; by default of the first company, for marketing consents."""
        company_id = company_id or self.company_id
        new = self.manage(
            lambda m: integrations.create_key(
                m,
                OPERATOR,
                company_id,
                name=name or f"key number {next(self.names)}",
                permissions=permissions or ("marketing.read",),
            )
        )
        return Key(new.key.client_id, new.client_secret.reveal(), company_id)

    def new_person(self, email: str, *, role: Role = "admin", company_id: str = "") -> Person:
        """Add a person with PASSWORD."""
        return self.manage(
            lambda m: people.create(
                m,
                OPERATOR,
                company_id=company_id or self.company_id,
                email=email,
                password=PASSWORD,
                role=role,
            )
        )

    def new_session(self, email: str) -> str:
        """The session cookie of a person who has just signed in."""

        async def begin(m: Management) -> str:
            async with m.database.transaction() as tx:
                account = await stored_people.by_email(tx, people.email_key(email))
            assert account is not None
            new = await sign_in.begin(m, account.person, address="192.0.2.1", user_agent="", request_id="")
            return new.token.reveal()

        return self.manage(begin)

    def log_bytes(self) -> int:
        """How much the server has printed so far."""
        return self.log.stat().st_size

    def log_text(self, since: int = 0) -> str:
        """What the server has printed from that byte on, without a line that it is still writing."""
        with self.log.open("rb") as log:
            log.seek(since)
            text = log.read().decode(errors="replace")
        return text[: text.rfind("\n") + 1]


@contextmanager
def running_server(
    folder: Path,
    *,
    database: str = "",
    workers: int = 1,
    settings: Mapping[str, str] | None = None,
    program: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """Start `keygrove serve` in `folder`, with one company, and stop it at the end.

    `database` is its URL, by default that of a file in the data folder; `program` as in `warm.start`.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("KEYGROVE_")}
    environ = {
        **own,
        "KEYGROVE_DATA_DIR": str(folder / "data"),
        "KEYGROVE_DATABASE": database or f"sqlite:///{folder / 'data' / 'keygrove.db'}",
        "KEYGROVE_ISSUER": url,
        "KEYGROVE_PORT": str(port),
        "KEYGROVE_LOG_LEVEL": "debug",
        # The hostile cases fail hundreds of times a minute; the budget has tests of its own.
        "KEYGROVE_FAILURES_PER_CLIENT": "0",
        "KEYGROVE_FAILURES_PER_ADDRESS": "0",
        **(settings or {}),
    }
    log = folder / "server.log"
    command = ["serve", "--workers", str(workers)]
    with Beside() as beside:
        beside.run(prepare(load(environ=environ, folder=folder)))
        with log.open("wb") as output:
            process = warm.start(command, environ=environ, folder=folder, output=output, program=program)
        try:
            server = RunningServer(url, environ, log, process)
            with _open_desk(server, beside):
                company = server.new_company("Acme")
                server.company_id, server.slug = company.id, company.slug
                wait_until_ready(server)
                yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _open_desk(server: RunningServer, beside: Beside) -> Iterator[None]:
    """Opening everything for each act would take longer than most acts, above all on PostgreSQL."""
    house = beside.run(open_house(load(environ=server.environ)))
    management = replace(house.management, passwords=KnownPasswords())
    server.desk = Desk(beside, replace(house, management=management))
    try:
        yield
    finally:
        server.desk = None
        beside.run(house.database.close())


async def _in_a_house(environ: Mapping[str, str], act: Callable[[House], Awaitable[T]]) -> T:
    """Open everything for one act: a database that comes and goes cannot be kept open."""
    house = await open_house(load(environ=environ))
    try:
        return await act(house)
    finally:
        await house.database.close()


def wait_until_ready(server: RunningServer) -> None:
    """Return once /readyz answers 200. Raises AssertionError with the log when it does not."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if _programs.get(f"{server.url}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not get ready:\n{server.log_text()}")


def ask_for_token(server: RunningServer, key: Key, **changes: str) -> httpx2.Response:
    """Post a token request as the reference's curl does; `changes` replace or add parameters."""
    form = {
        "grant_type": "client_credentials",
        "scope": "openid marketing.read",
        "audience": AUDIENCE,
        "client_id": key.client_id,
        "client_secret": key.client_secret,
    }
    return _programs.post(f"{server.url}/oauth2/token", data={**form, **changes})
