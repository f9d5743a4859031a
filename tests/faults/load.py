"""Clients that ask for tokens without a pause, and what they were answered."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from faults.nodes import Node
from running import AUDIENCE, Key
from yardstick import in_time

SLOWEST_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: when it was asked for (monotonic seconds), how long it took, what it was.

    `status` is 0 when the connection ended without an answer.
    """

    sent_at: float
    took_s: float
    status: int
    error: str = ""
    retry_after_s: int = 0

    @property
    def is_token(self) -> bool:
        """Whether it brought a token."""
        return self.status == 200

    @property
    def is_honest(self) -> bool:
        """A token, or the word that there is none at the moment: nothing against the client, and in time."""
        away = (self.status, self.error) == (503, "temporarily_unavailable") and self.retry_after_s >= 1
        return (self.is_token or away) and in_time(self.took_s, SLOWEST_S)


@dataclass(slots=True)
class Load:
    """What the clients were answered so far."""

    answers: list[Answer] = field(default_factory=list)

    def since(self, moment: float) -> list[Answer]:
        """What was asked for after a moment."""
        return [answer for answer in list(self.answers) if answer.sent_at >= moment]

    def dishonest(self) -> list[Answer]:
        """What no client may be answered."""
        return [answer for answer in list(self.answers) if not answer.is_honest]

    def slowest_s(self, share: float = 1.0) -> float:
        """The time within which that share of the answers came."""
        times = sorted(answer.took_s for answer in list(self.answers))
        return times[int(share * (len(times) - 1))]


class Client:
    """One program with a connection that it keeps."""

    def __init__(self, node: Node, key: Key) -> None:
        self._address = urlsplit(node.url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=20)
        self._body = urlencode(
            {
                "grant_type": "client_credentials",
                "scope": "openid marketing.read",
                "audience": AUDIENCE,
                "client_id": key.client_id,
                "client_secret": key.client_secret,
            }
        )

    def ask(self) -> Answer:
        """Ask for one token."""
        sent_at = time.monotonic()
        try:
            self._connection.request(
                "POST", "/oauth2/token", self._body, {"Content-Type": "application/x-www-form-urlencoded"}
            )
            answer = self._connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return Answer(sent_at=sent_at, took_s=time.monotonic() - sent_at, status=0)
        return Answer(
            sent_at=sent_at,
            took_s=time.monotonic() - sent_at,
            status=answer.status,
            error=body.get("error", ""),
            retry_after_s=int(answer.headers.get("retry-after", "0")),
        )

    def close(self) -> None:
        """End the connection; the next question opens another one."""
        self._connection.close()


@contextmanager
def asking(node: Node, key: Key, *, clients: int = 3) -> Iterator[Load]:
    """Some clients that ask until the block ends."""
    load, over = Load(), threading.Event()

    def run() -> None:
        with contextlib.closing(Client(node, key)) as client:
            while not over.is_set():
                answer = client.ask()
                load.answers.append(answer)
                over.wait(0.02 if answer.is_token else 0.1)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        wait_for_tokens(load)
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def wait_for_tokens(load: Load, number: int = 5) -> float:
    """Return when that many more tokens have come; the seconds that it took."""
    began = time.monotonic()
    while sum(answer.is_token for answer in load.since(began)) < number:
        assert time.monotonic() - began < 20, load.answers[-3:]
        time.sleep(0.01)
    return time.monotonic() - began
