"""What runs the clients: which toolchains this machine has, and the programs that they make."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clients import apache
from clients.dialogue import Program
from clients.tls_front import TRUST_STORE_PASSWORD, Certificate

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "clients"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A way to run clients. `missing` gives the reason when this machine does not have it, else nothing.

    One that is `always` there is set up for `make test`; the others are for `make clients`.
    """

    name: str
    missing: Callable[[], str]
    always: bool = False


def trusting(certificate: Certificate) -> dict[str, str]:
    """The environment in which OpenSSL, requests, Node and Go trust the test's certificate."""
    authority = str(certificate.authority)
    return {
        "SSL_CERT_FILE": authority,
        "REQUESTS_CA_BUNDLE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
    }


def environ_for(certificate: Certificate) -> Mapping[str, str]:
    """What a client's process gets to see: that, and where programs are."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | trusting(certificate)


def node(script: str) -> Callable[[Certificate], Program]:
    """A client for Node."""
    return lambda certificate: Program(["node", str(HERE / "node" / script)], environ_for(certificate))


def go(certificate: Certificate) -> Program:
    """The Go client."""
    return Program([_go_program()], environ_for(certificate))


@cache
def _go_program() -> Path:
    program = BUILD / "go" / "client"
    build(["go", "build", "-o", str(program), "."], HERE / "go")
    return program


def rust(name: str) -> Callable[[Certificate], Program]:
    """A Rust client."""
    return lambda certificate: Program([_rust_programs() / name], environ_for(certificate))


@cache
def _rust_programs() -> Path:
    target = BUILD / "rust"
    build(["cargo", "build", "--quiet", "--locked", "--target-dir", str(target)], HERE / "rust")
    return target / "debug"


def java(source: str) -> Callable[[Certificate], Program]:
    """A Java client, from its source."""

    def program(certificate: Certificate) -> Program:
        trust = f"-Djavax.net.ssl.trustStore={certificate.trust_store}"
        password = f"-Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}"
        libraries = f"{_java_libraries()}/*"
        command = ["java", trust, password, "-cp", libraries, str(HERE / "java" / source)]
        return Program(command, environ_for(certificate))

    return program


@cache
def _java_libraries() -> Path:
    libraries = BUILD / "java"
    copy = [
        "mvn",
        "--quiet",
        "--batch-mode",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={libraries}",
    ]
    build(copy, HERE / "java")
    return libraries


def build(command: Sequence[str | Path], folder: Path) -> None:
    """Run what makes a client. Raises AssertionError with what it printed when it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def older(oldest: tuple[int, int], *command: str) -> Callable[[], str]:
    """Missing when a command does not exist, or names a version of itself before `oldest`."""

    @cache
    def missing() -> str:
        if shutil.which(command[0]) is None:
            return f"there is no {command[0]}"
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"(\d+)\.(\d+)", said)
        if found is None or (int(found[1]), int(found[2])) < oldest:
            return f"{said.splitlines()[0]} is older than {oldest[0]}.{oldest[1]}"
        return ""

    return missing


def _node_missing() -> str:
    installed = (HERE / "node" / "node_modules").exists()
    return _node_too_old() or ("" if installed else "scripts/setup.sh test has not run")


def _java_missing() -> str:
    return _java_too_old() or ("" if shutil.which("mvn") else "there is no mvn")


_node_too_old = older((20, 0), "node", "--version")
_java_too_old = older((17, 0), "java", "--version")

PYTHON = Toolchain("Python", lambda: "", always=True)
NODE = Toolchain("Node", _node_missing, always=True)
GO = Toolchain("Go", older((1, 26), "go", "version"))
RUST = Toolchain("Rust", older((1, 88), "cargo", "--version"))
JAVA = Toolchain("Java", _java_missing)
APACHE = Toolchain("Apache", apache.missing)
