"""An app's address for logout tokens: a real server on this machine that keeps what it is sent."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet

from sdk.loopback import QuietHandler, listening

PATH = "/told"


@dataclass(slots=True)
class Receiver:
    """What came, and what to answer: statuses in turn, the last one for ever."""

    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    url: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def tokens(self) -> list[str]:
        """The logout tokens that were sent, in forms of one field (§2.5)."""
        forms = [parse_qs(body.decode(), strict_parsing=True) for _, _, body in self.requests]
        assert all(list(form) == ["logout_token"] for form in forms)
        return [form["logout_token"][0] for form in forms]

    def wait(self, number: int = 1, *, within_s: float = 20.0) -> None:
        """Return when so many requests have come."""
        deadline = time.monotonic() + within_s
        with self.came:
            while len(self.requests) < number:
                assert self.came.wait(deadline - time.monotonic()), f"{len(self.requests)} of {number} came"

    def next_status(self) -> int:
        """What to answer now."""
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def receiving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Let the receiver answer at its `url` until the block ends."""

    class Handler(QuietHandler):
        def answer(self) -> None:
            """Keep the request, and answer it."""
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            with receiver.came:
                receiver.requests.append((f"{self.command} {self.path}", dict(self.headers), body))
                receiver.came.notify_all()
            time.sleep(receiver.pause_s)
            # Who waited too long is gone.
            with suppress(ConnectionError):
                self.send_response(receiver.next_status())
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

        do_POST = do_GET = answer

    with listening(Handler, tls) as url:
        receiver.url = url + PATH
        yield receiver


def opened(token: str, issuer: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and claims of a token, its signature verified with the keys that the issuer publishes."""
    keys = KeySet.import_key_set(json.loads(httpx2.get(f"{issuer}/.well-known/jwks.json").text))
    found = jwt.decode(token, keys, algorithms=["RS256"])
    return dict(found.header), dict(found.claims)
