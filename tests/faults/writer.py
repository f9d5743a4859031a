"""A program for tests: each order is carried out by a child process of its own, which may die on the way.

Orders come as JSON lines: `act`, what it needs, and when to die: `die_at` a step (a statement's beginning or
end, as the driver sees it) or `after_s` seconds. What is finished is said in JSON lines at once, as an answer
over HTTP would; then `ended` tells the step at which the child ended by itself, 0 when it was killed.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from keygrove.config.loading import load
from keygrove.endpoints.token import token
from keygrove.house import House, open_house
from keygrove.management import integrations, sign_in, signing_keys
from keygrove.management.context import OPERATOR
from keygrove.management.creations import FormUsed
from keygrove.protocol.message import Request
from keygrove.storage import sqlite

steps = 0


def step(die_at: int) -> None:
    """Count a step, and die there without a word if it is the one."""
    global steps
    steps += 1
    if steps == die_at:
        os.kill(os.getpid(), signal.SIGKILL)


def watch_sqlite(die_at: int) -> None:
    """Let each statement of the writer, `commit` included, begin and end with a step."""
    original = sqlite._run

    def run(connection: Any, sql: str, values: tuple[Any, ...]) -> int:
        step(die_at)
        touched = original(connection, sql, values)
        step(die_at)
        return touched

    sqlite._run = run


def watch_postgres(die_at: int) -> None:
    """Let each exchange with the server begin and end with a step."""
    from keygrove.storage import postgres

    original = postgres.patiently

    async def patiently(work: Awaitable[Any]) -> Any:
        step(die_at)
        answer = await original(work)
        step(die_at)
        return answer

    setattr(postgres, "patiently", patiently)  # noqa: B010 - a generic function by a plain one


async def carry_out(order: dict[str, Any]) -> None:
    """Open everything, then do what is asked."""
    house = await open_house(load(environ=os.environ))
    watch = watch_sqlite if os.environ["KEYGROVE_DATABASE"].startswith("sqlite") else watch_postgres
    watch(order.get("die_at", 0))
    say(begun=order["act"])
    await ACTS[order["act"]](house, order)


async def create(house: House, order: dict[str, Any]) -> None:
    """Make a key through a form, which is sent again when its answer was lost."""
    try:
        made = await integrations.create_key(
            house.management,
            OPERATOR,
            order["company_id"],
            name=order["name"],
            permissions=("booking.write", "marketing.read"),
            form_token=order["name"],
        )
        say(made=made.key.client_id)
    except FormUsed as earlier:
        say(made=earlier.made.client_id)


async def remove(house: House, order: dict[str, Any]) -> None:
    """Remove a key."""
    await integrations.remove_key(house.management, OPERATOR, order["company_id"], order["client_id"])
    say(removed=order["client_id"])


async def rotate(house: House, order: dict[str, Any]) -> None:
    """Let a new signing key take over."""
    rotation = await signing_keys.rotate(
        house.management,
        OPERATOR,
        house.vault,
        algorithm=order["algorithm"],
        immediately=order["immediately"],
    )
    say(rotated=rotation.key.kid)


async def sign_out(house: House, order: dict[str, Any]) -> None:
    """End a session."""
    session = await sign_in.find_session(house.management, order["token"])
    assert session is not None
    await sign_in.sign_out(house.management, session, address="127.0.0.1", request_id="r1")
    say(signed_out=session.sid)


async def ask(house: House, order: dict[str, Any]) -> None:
    """Ask the token endpoint, past HTTP, at the second `now`; the answer is said when it would be sent."""
    request = Request(
        method="POST",
        path="/oauth2/token",
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(order["form"]).encode(),
    )
    answer = await token(replace(house.server, clock=lambda: order["now"]), request)
    say(status=answer.status, members=json.loads(answer.body))


ACTS: dict[str, Callable[[House, dict[str, Any]], Awaitable[None]]] = {
    "create": create,
    "remove": remove,
    "rotate": rotate,
    "sign_out": sign_out,
    "ask": ask,
}


def say(**words: object) -> None:
    """Print one JSON line, past every buffer."""
    os.write(1, json.dumps(words).encode() + b"\n")


def child(order: dict[str, Any]) -> int:
    """The child's whole life."""
    try:
        asyncio.run(carry_out(order))
        say(steps=steps)
        return 0
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        return 1


def main() -> None:
    """Read orders until there are none."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(child(order))
        if "after_s" in order:
            time.sleep(order["after_s"])
            os.kill(pid, signal.SIGKILL)
        say(ended=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
