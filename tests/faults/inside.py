"""The house opened in this process, with a clock that tests set, and its token endpoint without HTTP."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from keygrove.config.loading import load
from keygrove.endpoints.token import token
from keygrove.house import House, open_house
from keygrove.protocol.message import Request
from running import AUDIENCE, Key


@dataclass(slots=True)
class Clock:
    """A clock that stands still until a test moves it, in either direction."""

    now: float = 1_800_000_000.5

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.now


@asynccontextmanager
async def opened(environ: Mapping[str, str], clock: Clock) -> AsyncIterator[House]:
    """Everything wired, on the database of these settings."""
    house = await open_house(load(environ=environ), clock=clock)
    try:
        yield house
    finally:
        await house.database.close()


async def ask(house: House, key: Key) -> tuple[int, dict[str, Any]]:
    """Ask for a token; status and body of the answer."""
    form = {
        "grant_type": "client_credentials",
        "scope": "openid marketing.read",
        "audience": AUDIENCE,
        "client_id": key.client_id,
        "client_secret": key.client_secret,
    }
    request = Request(
        method="POST",
        path="/oauth2/token",
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(form).encode(),
        address="203.0.113.7",
        request_id="r1",
    )
    answer = await token(house.server, request)
    return answer.status, json.loads(answer.body)


def claims(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a token says."""
    payload = body["access_token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found
