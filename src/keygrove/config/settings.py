"""Every setting with its type, default, meaning and check; docs/configuration.md is tested against this."""

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta

from keygrove.storage.opening import POSTGRES

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
# Nothing that means something to a shell: the issuer stands in the `.env` that people get for their programs.
_HOST_AND_PORT = re.compile(
    r"([a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9]|\[(?P<ipv6>[0-9a-f:.]+)\])(:[0-9]+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `expects` completes "must be …"; `check` raises ValueError, each argument a sentence.

    A default that follows from other settings or from the machine is None here; `derived` says from what,
    and `example` is a value to show instead.
    """

    name: str
    type: Any
    expects: str
    meaning: str
    default: Any = None
    derived: str = ""
    example: Any = None
    check: Callable[[Any], None] = lambda _: None
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "KEYGROVE_" + self.name.upper()

    @property
    def default_shown(self) -> str:
        """The default as documents show it."""
        return self.derived or ", ".join(f"`{value}`" for value in words_of(self.default))


def words_of(value: object) -> list[str]:
    """A value as documents and commands show it, each member of a list by itself."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(each) for each in (value if isinstance(value, tuple) else (value,))]


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be reached from this machine."""
    try:
        return host in _LOOPBACK_NAMES or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_issuer(issuer: str) -> bool:
    """Whether an issuer can only be reached from this machine: somebody tries Keygrove out."""
    return is_loopback(urlsplit(issuer).hostname or "")


def check_issuer(issuer: str) -> None:
    """https, or http on loopback; a host, perhaps a port, nothing more (RFC 8414 §2).

    Raises ValueError with every fault.
    """
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname or "", parts.port
        found = _HOST_AND_PORT.fullmatch(parts.netloc.rpartition("@")[2])
        if found and found["ipv6"]:
            ipaddress.IPv6Address(found["ipv6"])
    except ValueError:
        raise ValueError("must be a URL such as https://auth.example.com") from None
    is_url = re.fullmatch(r"[!-~]+", issuer) and parts.scheme in ("http", "https")
    if not is_url or not found:
        raise ValueError("must be a URL such as https://auth.example.com")
    faults = [
        said
        for wrong, said in (
            (
                parts.scheme == "http" and not is_loopback(host),
                "must begin with https:// unless its host is this machine (127.0.0.1)",
            ),
            (
                parts.netloc != parts.netloc.lower(),
                "must have its host in lower case: clients compare it exactly",
            ),
            (
                "?" in issuer or "#" in issuer or parts.username is not None,
                "must not have a query, a fragment or a user name",
            ),
            (
                parts.path.strip("/"),
                "must not have a path: clients find its documents at the root of the host",
            ),
            (issuer.endswith("/"), "must not end with a slash: clients compare it exactly"),
        )
        if wrong
    ]
    if faults:
        raise ValueError(*faults)


def check_database(url: str) -> None:
    """A SQLite file or a PostgreSQL database. Raises ValueError."""
    if url.startswith(POSTGRES):
        parts = urlsplit(url)
        if not parts.path.strip("/"):
            raise ValueError("must name the database: postgresql://user:password@host/name")
        return
    if not url.startswith("sqlite:///") or url.removeprefix("sqlite:///") in ("", ":memory:") or "?" in url:
        raise ValueError("must be sqlite:/// and the path of a file, or postgresql://user:password@host/name")


def check_proxies(proxies: tuple[str, ...]) -> None:
    """IP addresses and networks. Other spellings of either would match no peer, in silence.

    Raises ValueError.
    """
    for proxy in proxies:
        try:
            address = ipaddress.ip_interface(proxy)
        except ValueError:
            raise ValueError(f"{proxy!r} is neither an IP address nor a network such as 10.0.0.0/8") from None
        if address.version == 6 and address.ipv4_mapped:
            raise ValueError(f"{proxy!r} is IPv4 mapped to IPv6; write it as IPv4, such as 10.0.0.0/8")
        if "/" in proxy and address.ip != address.network.network_address:
            raise ValueError(f"{proxy!r} is an address in a network; write the network, {address.network}")


def check_log_level(level: str) -> None:
    """One of four words. Raises ValueError."""
    if level not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")


def check_master_key(text: str) -> None:
    """32 bytes as base64 or hexadecimal. Raises ValueError."""
    from keygrove.crypto.vault import MasterKeyError, parse_master_key

    try:
        parse_master_key(text)
    except MasterKeyError:
        raise ValueError("must be 32 bytes, written as base64 or hexadecimal") from None


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MOST_WORKERS = 8
LOG_LEVELS = ("debug", "info", "warning", "error")
Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
NAME_EXPECTS = "text of 1 to 80 characters on one line"
_TEXT = Annotated[str, Meta(min_length=1)]

SETTINGS = (
    Setting(
        name="issuer",
        type=_TEXT,
        expects="a URL",
        derived="http://127.0.0.1 and the port, when the host is this machine; otherwise it must be set",
        example="https://auth.example.com",
        meaning="The address at which the world reaches Keygrove; tokens carry it, clients compare it.",
        check=check_issuer,
    ),
    Setting(
        name="database",
        type=_TEXT,
        expects="sqlite:/// and the path of a file, or the URL of a PostgreSQL database",
        derived="`keygrove.db` in the data folder",
        example="sqlite:///keygrove.db",
        meaning="Where everything is kept: `sqlite:///relative/path`, `sqlite:////absolute/path` or "
        "`postgresql://user:password@host/name`.",
        check=check_database,
    ),
    Setting(
        name="data_dir",
        type=_TEXT,
        expects="the path of a folder",
        default=".keygrove",
        meaning="The folder of the database and of the master key file.",
    ),
    Setting(
        name="host",
        type=_TEXT,
        expects="an address or host name",
        default="127.0.0.1",
        meaning="The address that `keygrove serve` listens on.",
    ),
    Setting(
        name="port",
        type=Annotated[int, Meta(ge=1, le=65535)],
        expects="a whole number from 1 to 65535",
        default=8400,
        meaning="The port that `keygrove serve` listens on.",
    ),
    Setting(
        name="workers",
        type=Annotated[int, Meta(ge=1, le=64)],
        expects="a whole number from 1 to 64",
        derived=f"one for each processor, {MOST_WORKERS} at most",
        example=2,
        meaning="How many worker processes `keygrove serve` runs.",
    ),
    Setting(
        name="platform_name",
        type=Name,
        expects=NAME_EXPECTS,
        default="Keygrove",
        meaning="Your platform's name, as Backoffice shows it.",
    ),
    Setting(
        name="master_key",
        type=_TEXT,
        expects="32 bytes, written as base64 or hexadecimal",
        derived="the file `master.key` in the data folder, made at first start",
        meaning="Encrypts the signing keys. Only from the environment, also `KEYGROVE_MASTER_KEY_FILE`.",
        check=check_master_key,
        secret=True,
    ),
    Setting(
        name="trusted_proxies",
        type=tuple[str, ...],
        expects="a list of IP addresses and networks",
        default=("127.0.0.1", "::1"),
        meaning="The only peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
        check=check_proxies,
    ),
    Setting(
        name="rotation_days",
        type=Annotated[int, Meta(ge=0, le=3650)],
        expects="a whole number from 0 to 3650, 0 for never",
        default=90,
        meaning="How many days a signing key signs before the next one takes over by itself; 0 for never.",
    ),
    Setting(
        name="refresh_idle_days",
        type=Annotated[int, Meta(ge=1, le=3650)],
        expects="a whole number from 1 to 3650",
        default=30,
        meaning="How many days a refresh token may stay unused before a person must connect the app again.",
    ),
    Setting(
        name="refresh_absolute_days",
        type=Annotated[int, Meta(ge=1, le=3650)],
        expects="a whole number from 1 to 3650",
        default=365,
        meaning="After how many days a person must connect an app again, however often it was used.",
    ),
    Setting(
        name="refresh_grace_seconds",
        type=Annotated[int, Meta(ge=0, le=60)],
        expects="a whole number from 0 to 60, 0 for not at all",
        default=10,
        meaning="For how long a used refresh token gives the same successor again, since answers get lost.",
    ),
    Setting(
        name="failures_per_client",
        type=Annotated[int, Meta(ge=0)],
        expects="a whole number, 0 for no limit",
        default=20,
        meaning="Failed token requests a minute for one Client ID, before the answer is 429.",
    ),
    Setting(
        name="failures_per_address",
        type=Annotated[int, Meta(ge=0)],
        expects="a whole number, 0 for no limit",
        default=60,
        meaning="Failed token requests a minute from one address, before the answer is 429.",
    ),
    Setting(
        name="backchannel_logout_internal",
        type=bool,
        expects="true or false",
        default=False,
        meaning="Whether apps on private networks and on this machine are told of sign-outs.",
    ),
    Setting(
        name="log_level",
        type=_TEXT,
        expects=f"one of {', '.join(LOG_LEVELS)}",
        default="info",
        meaning="The least severe events that are logged: `debug`, `info`, `warning` or `error`.",
        check=check_log_level,
    ),
)
