"""The clients that judge us: the tests run by this list, and the table of docs/clients.md is made from it."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clients import apache, python_clients, toolchains
from clients.dialogue import Outcome, Person, Registration
from clients.tls_front import Certificate
from clients.toolchains import Toolchain

ROOT = Path(__file__).resolve().parents[2]


class ForItself(Protocol):
    """A client that gets tokens for itself."""

    def client_credentials(self, told: Registration) -> Outcome:
        """Get one."""


class ForPeople(Protocol):
    """A client that gets tokens for people."""

    def code(self, told: Registration, person: Person) -> Outcome:
        """Send the person, and make tokens of what the person brings back."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Where a version is pinned: a file, and what stands around the version in it."""

    file: str
    pattern: str

    def version(self) -> str:
        """The version there. Raises AssertionError when there is none."""
        found = re.search(self.pattern, (ROOT / self.file).read_text(), re.MULTILINE)
        assert found is not None, f"{self.file} does not have {self.pattern}"
        return found[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealClient:
    """One library, and what the tests see it do. `checks_id_token` means: its signature too.

    Some are also seen to sign what proves them (`signs`), to take an answer by `form_post`, and to sign a
    person out (`signs_out`).
    """

    name: str
    toolchain: Toolchain
    lock: Lock | None
    for_itself: Callable[[Certificate], ForItself] | None = None
    for_people: Callable[[Certificate], ForPeople] | None = None
    public: bool = False
    checks_id_token: bool = True
    asks_userinfo: bool = True
    signs: bool = False
    takes_form_post: bool = False
    signs_out: bool = False
    note: str = ""

    def row(self) -> str:
        """Its line in the table."""
        people = self.for_people is not None
        return line(
            (
                self.name,
                self.toolchain.name,
                self.lock.version() if self.lock else "Debian's",
                _said(self.for_itself is not None),
                _said(people),
                _said(people),
                _said(people and self.asks_userinfo),
                _said(people and self.checks_id_token),
                self._more(),
                self.note or " ",
            )
        )

    def _more(self) -> str:
        seen = {
            "`private_key_jwt`": self.signs,
            "`form_post`": self.takes_form_post,
            "logout": self.signs_out,
        }
        return ", ".join(name for name, does in seen.items() if does) or " "


def _said(does: bool) -> str:
    return "yes" if does else "no"


def _python(name: str) -> Lock:
    return Lock("requirements/test.lock", rf"^{name}==(\S+)")


def _node(name: str) -> Lock:
    return Lock("tests/clients/node/package-lock.json", rf'"node_modules/{name}": {{\s+"version": "([^"]+)"')


def _go(name: str) -> Lock:
    return Lock("tests/clients/go/go.mod", rf"{name} v(\S+)")


def _rust(name: str) -> Lock:
    return Lock("tests/clients/rust/Cargo.lock", rf'name = "{name}"\nversion = "([^"]+)"')


def _maven(name: str) -> Lock:
    return Lock("tests/clients/java/pom.xml", rf"{name}</artifactId>\s+<version>([^<]+)")


CLIENTS = (
    RealClient(
        name="Authlib",
        toolchain=toolchains.PYTHON,
        lock=_python("authlib"),
        for_itself=lambda _: python_clients.Authlib(),
        for_people=lambda _: python_clients.Authlib(),
        signs=True,
    ),
    RealClient(
        name="requests-oauthlib",
        toolchain=toolchains.PYTHON,
        lock=_python("requests-oauthlib"),
        for_itself=lambda _: python_clients.RequestsOauthlib(),
        for_people=lambda _: python_clients.RequestsOauthlib(),
        checks_id_token=False,
        note="knows no ID tokens",
    ),
    RealClient(
        name="requests-oauth2client",
        toolchain=toolchains.PYTHON,
        lock=_python("requests-oauth2client"),
        for_itself=lambda _: python_clients.RequestsOauth2client(),
        for_people=lambda _: python_clients.RequestsOauth2client(),
    ),
    RealClient(
        name="httpx-oauth",
        toolchain=toolchains.PYTHON,
        lock=_python("httpx-oauth"),
        for_people=lambda _: python_clients.HttpxOauth(),
        checks_id_token=False,
        note="signs people in only; asks userinfo instead of the ID token",
    ),
    RealClient(
        name="openid-client",
        toolchain=toolchains.NODE,
        lock=_node("openid-client"),
        for_itself=toolchains.node("openid-client.mjs"),
        for_people=toolchains.node("openid-client.mjs"),
        signs=True,
        takes_form_post=True,
        signs_out=True,
    ),
    RealClient(
        name="oauth4webapi",
        toolchain=toolchains.NODE,
        lock=_node("oauth4webapi"),
        for_itself=toolchains.node("oauth4webapi.mjs"),
        for_people=toolchains.node("oauth4webapi.mjs"),
        signs=True,
    ),
    RealClient(
        name="oidc-client-ts",
        toolchain=toolchains.NODE,
        lock=_node("oidc-client-ts"),
        for_people=toolchains.node("oidc-client-ts.mjs"),
        public=True,
        checks_id_token=False,
        note="a public client; reads the ID token's nonce and subject, not its signature",
    ),
    RealClient(
        name="golang.org/x/oauth2, go-oidc",
        toolchain=toolchains.GO,
        lock=_go("golang.org/x/oauth2"),
        for_itself=toolchains.go,
        for_people=toolchains.go,
    ),
    RealClient(
        name="oauth2 (crate)",
        toolchain=toolchains.RUST,
        lock=_rust("oauth2"),
        for_itself=toolchains.rust("oauth2"),
        for_people=toolchains.rust("oauth2"),
        checks_id_token=False,
        asks_userinfo=False,
        note="knows neither ID tokens nor userinfo",
    ),
    RealClient(
        name="openidconnect (crate)",
        toolchain=toolchains.RUST,
        lock=_rust("openidconnect"),
        for_itself=toolchains.rust("openidconnect"),
        for_people=toolchains.rust("openidconnect"),
    ),
    RealClient(
        name="Nimbus OAuth 2.0 SDK",
        toolchain=toolchains.JAVA,
        lock=_maven("oauth2-oidc-sdk"),
        for_itself=toolchains.java("NimbusClient.java"),
        for_people=toolchains.java("NimbusClient.java"),
    ),
    RealClient(
        name="Spring Security",
        toolchain=toolchains.JAVA,
        lock=_maven("spring-security-oauth2-client"),
        for_itself=toolchains.java("SpringClient.java"),
        for_people=toolchains.java("SpringClient.java"),
    ),
    RealClient(
        name="mod_auth_openidc",
        toolchain=toolchains.APACHE,
        lock=None,
        for_people=apache.Apache,
        note="signs people in only",
    ),
)


def chosen() -> tuple[RealClient, ...]:
    """The clients to run: all that this machine can run, when KEYGROVE_TEST_CLIENTS=all says so."""
    every = os.environ.get("KEYGROVE_TEST_CLIENTS") == "all"
    return tuple(
        client for client in CLIENTS if (every or client.toolchain.always) and not client.toolchain.missing()
    )


def left_out() -> list[str]:
    """Which clients do not run, and why, in a line for each toolchain."""
    running = chosen()
    absent: dict[Toolchain, list[str]] = {}
    for client in CLIENTS:
        if client not in running:
            absent.setdefault(client.toolchain, []).append(client.name)
    return [
        f"clients left out: {', '.join(names)}: {toolchain.missing() or 'only `make clients` runs them'}"
        for toolchain, names in absent.items()
    ]


def table() -> str:
    """All clients and what the tests see them do, as docs/clients.md has it."""
    heads = (
        "client",
        "in",
        "version",
        "client credentials",
        "code + PKCE",
        "refresh",
        "userinfo",
        "ID token verified",
        "also",
        "remarks",
    )
    rows = [client.row() for client in CLIENTS]
    return "\n".join((line(heads), line(["---"] * len(heads)), *rows))


def line(cells: Iterable[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"
