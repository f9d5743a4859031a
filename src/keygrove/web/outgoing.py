"""The requests that Keygrove sends to addresses which others registered: to public ones only, never led on.

A name is looked up once, and the connection goes to the very address that was judged: a name that answers
otherwise the second time gains nothing. TLS is held to the name. No proxy, cookie or password of the
environment is used.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from keygrove.endpoints.backchannel_logout import NotReached
from keygrove.web.addresses import is_loopback_name, may_go_to

if TYPE_CHECKING:
    import ssl

Value = TypeVar("Value")
LIMIT_S = 5.0
_CONNECT_S = 2.0
_MOST_ADDRESSES = 4
# More than attempts leave behind, four in five seconds, before a resolver gives up.
_MOST_THREADS = 32
_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "Keygrove",
    "Connection": "close",
}


@dataclass(slots=True)
class _Threads:
    """Threads for what may hang, such as looking up a name: nobody can end it.

    The event loop's own are for others, and whoever stops waits for those; for these nobody waits.
    """

    busy: int = 0

    async def run(self, work: Callable[[], Value]) -> Value:
        """What the work returns or raises. Raises NotReached when too many hang."""
        if self.busy >= _MOST_THREADS:
            raise NotReached("too many names are being looked up")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Value] = loop.create_future()

        def finish(tell: Callable[[], None]) -> None:
            self.busy -= 1
            if not future.done():
                tell()

        def act() -> None:
            try:
                tell = partial(future.set_result, work())
            except Exception as error:
                tell = partial(future.set_exception, error)
            # The loop may be closed by now.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, tell)

        threading.Thread(target=act, daemon=True).start()
        self.busy += 1
        return await future


@dataclass(slots=True)
class Outgoing:
    """Sends forms. `internal` lets them go to private networks and this machine.

    `loopback` lets them go to this machine where their address says so in words, for trying things out.
    """

    internal: bool = False
    loopback: bool = False
    _tls: "ssl.SSLContext | None" = field(default=None, repr=False)
    _threads: _Threads = field(default_factory=_Threads, repr=False)

    async def post_form(self, uri: str, body: bytes) -> int:
        """Post a form and return the status of the answer, whose body nobody reads.

        It takes LIMIT_S seconds in all at most. Raises NotReached; ssl.SSLError, OSError when the
        certificates of those to trust cannot be read.
        """
        try:
            async with asyncio.timeout(LIMIT_S):
                if self._tls is None:
                    # A quarter of a second, in which the event loop has others to serve.
                    self._tls = await self._threads.run(_get_ready)
                return await self._try_to_post(uri, body, self._tls)
        except TimeoutError:
            raise NotReached(f"no answer within {LIMIT_S:g} seconds") from None

    async def _try_to_post(self, uri: str, body: bytes, tls: "ssl.SSLContext") -> int:
        import httpx2

        try:
            return await self._post(uri, body, tls)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise NotReached(f"{type(error).__name__}: {error}"[:200]) from error

    async def _post(self, uri: str, body: bytes, tls: "ssl.SSLContext") -> int:
        import httpx2

        parts = urlsplit(uri)
        host = parts.hostname or ""
        addresses = await self._addresses(host, parts.port or (443 if parts.scheme == "https" else 80))
        headers = {**_HEADERS, "Host": parts.netloc}
        async with httpx2.AsyncClient(
            verify=tls, trust_env=False, follow_redirects=False, timeout=LIMIT_S
        ) as client:
            for last, address in enumerate(addresses, start=1 - len(addresses)):
                url = httpx2.URL(uri).copy_with(host=address)
                request = client.build_request(
                    "POST", url, content=body, headers=headers,
                    timeout=httpx2.Timeout(LIMIT_S, connect=_CONNECT_S),
                    extensions={"sni_hostname": host},
                )  # fmt: skip
                try:
                    response = await client.send(request, stream=True)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    if last == 0:
                        raise
                    continue
                await response.aclose()
                return response.status_code
        raise NotReached("the host has no address")

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Where the host is, only what may be gone to. Raises NotReached, OSError, ValueError."""
        found = await self._threads.run(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
        )
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        loopback = self.loopback and is_loopback_name(host)
        allowed = [
            address for address in addresses if may_go_to(address, internal=self.internal, loopback=loopback)
        ]
        if addresses and not allowed:
            raise NotReached("the host is at an internal address")
        return allowed[:_MOST_ADDRESSES]


def _get_ready() -> "ssl.SSLContext":
    """Load what only senders need, and whom to trust: most workers never send anything."""
    import ssl

    import httpx2

    tls = ssl.create_default_context()
    # The first client of a process loads the rest.
    httpx2.AsyncClient(verify=tls, trust_env=False)
    return tls
