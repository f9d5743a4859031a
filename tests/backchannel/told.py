"""Apps as a courier sees them, and what tests do with sign-outs."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from clocks import NOW
from keygrove.endpoints.backchannel_logout import Courier, NotReached
from keygrove.house import House
from keygrove.storage import sessions
from stores import Store


@dataclass(slots=True)
class World:
    """What apps answer, in turn and then the last one for ever; what they were sent."""

    answers: list[int | str] = field(default_factory=lambda: [200])
    sent: list[tuple[str, str]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    slow: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    at_once: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0

    async def send(self, uri: str, body: bytes) -> int:
        """As `Outgoing.post_form` does it."""
        form = parse_qs(body.decode(), strict_parsing=True)
        self.sent.append((uri, form.pop("logout_token")[0]))
        assert form == {}
        self.at_once[uri] += 1
        self.most_at_once = max(self.most_at_once, self.at_once.total())
        if self.gate is not None and (not self.slow or uri in self.slow):
            await self.gate.wait()
        self.at_once[uri] -= 1
        if uri in self.dead:
            raise NotReached("no answer")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise NotReached(answer)
        return answer


async def end(house: House, digest: str = "session sid1") -> None:
    """Sign Ana out."""
    async with house.database.transaction() as tx:
        assert await sessions.end(tx, digest, at_s=house.management.now())


async def arrived(world: World, number: int) -> None:
    """Wait until so many were sent, and for a moment longer: there may be more on their way."""
    async with asyncio.timeout(20):
        while len(world.sent) < number:  # noqa: ASYNC110 - it happens in tasks of the courier's own
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


async def go_round(courier: Courier) -> None:
    """One turn of the duty, and what it began."""
    await courier.start_due()
    await courier.finish()


def left(store: Store) -> list[tuple[object, ...]]:
    """What is still to be told: attempts, and in how many seconds."""
    rows = store.query("select attempts, due_at_s from logout_notices order by sid, client_id")
    return [(attempts, int(str(due_at_s)) - int(NOW)) for attempts, due_at_s in rows]
