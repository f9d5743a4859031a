"""Another node: the token endpoint in the test's own process, on the database of a running server."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from endpoints.asking import FORM
from endpoints.connecting import TOKEN
from keygrove.endpoints.token import token
from keygrove.house import House
from keygrove.protocol.grants.refresh_token import RefreshPolicy
from keygrove.protocol.message import Request, Response
from running import RunningServer


def posted(form: Mapping[str, str], path: str = TOKEN) -> Request:
    """A form as an endpoint is handed it."""
    headers = tuple((name.lower(), value) for name, value in FORM.items())
    return Request(method="POST", path=path, headers=headers, body=urlencode(form).encode(), request_id="r")


def ask_neighbor(
    server: RunningServer, form: Mapping[str, str], times: int = 1, *, policy: RefreshPolicy | None = None
) -> list[Response]:
    """Send the same token request to it, so many times at once; with its own rules for refresh tokens."""
    request = posted(form)

    async def ask(house: House) -> list[Response]:
        node = house.server
        if policy is not None:
            node = replace(node, policy=replace(node.policy, refresh=policy))
        return await asyncio.gather(*(token(node, request) for _ in range(times)))

    return server.in_house(ask)
