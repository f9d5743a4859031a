"""One request of a program: answered, refused or failed.

The token, revocation, introspection and userinfo endpoints differ in what they do; what they log, count and
send when it goes wrong is the same, and stands here.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from keygrove.crypto.secrets import is_whole
from keygrove.endpoints.answers import error_response
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.cross_origin import readable
from keygrove.protocol.client_authentication import Credentials
from keygrove.protocol.errors import (
    InvalidClient,
    OAuthError,
    ServerError,
    TemporarilyUnavailable,
    TooManyFailures,
)
from keygrove.protocol.message import Request, Response
from keygrove.protocol.token import Facts
from keygrove.storage.database import DatabaseUnavailable

Name = Literal["token", "introspection", "revocation", "userinfo", "push"]
HeadersOf = Callable[[OAuthError], Mapping[str, str]]
LOGS = {name: logging.getLogger(f"keygrove.{name}") for name in get_args(Name)}


def no_headers(_error: OAuthError) -> Mapping[str, str]:
    """What most endpoints send beside an error: nothing of their own."""
    return {}


@dataclass(slots=True)
class Exchange:
    """A request, and what is known of it so far: whom it claims to come from, and what the store says.

    `headers_of` says what the endpoint sends beside an error.
    """

    server: AuthorizationServer
    request: Request
    name: Name
    headers_of: HeadersOf = no_headers
    credentials: Credentials | None = None
    facts: Facts | None = None

    async def answer(self, act: Callable[["Exchange"], Awaitable[Response]]) -> Response:
        """What `act` answers, or the error that it raises as RFC 6749 §5.2 sends it. Raises nothing."""
        try:
            response = await act(self)
        except OAuthError as error:
            return self.refuse(error)
        except DatabaseUnavailable as error:
            LOGS[self.name].warning(f"{self.name} unavailable", extra=self.who() | {"reason": str(error)})
            failure: OAuthError = TemporarilyUnavailable("The server is not able to answer right now.")
        except Exception:
            LOGS[self.name].exception(f"{self.name} failed", extra=self.who())
            failure = ServerError("The server failed.")
        else:
            client = self.facts.client if self.facts is not None else None
            if client is None or not client.public:
                return response
            return readable(response, self.request, client)
        return self._send(failure)

    def refuse(self, error: OAuthError) -> Response:
        """Log why it was refused, for the owner, and answer with what the client may know."""
        server, now = self.server, int(self.server.clock())
        client_id = self.credentials.client_id if self.credentials is not None else ""
        if self.name == "token" and self.facts is not None and self.facts.client is not None:
            server.usage.refused(client_id, now=now)
        reason = str(error)
        if isinstance(error, InvalidClient):
            reason += self._slip()
            wait_s = server.budget.spend(
                client_id=client_id, address=self.request.address, by_header=error.challenge, now=now
            )
            if wait_s is not None:
                error = TooManyFailures(error, retry_after_s=wait_s)
        LOGS[self.name].info(
            f"{self.name} refused", extra=self.who() | {"error": error.code, "reason": reason}
        )
        return self._send(error)

    def _send(self, error: OAuthError) -> Response:
        headers = self.headers_of(error)
        return error_response(error, request_id=self.request.request_id, headers_beside=headers)

    def who(self) -> dict[str, str]:
        """Who asks and from where, for the log."""
        client_id = self.credentials.client_id[:64] if self.credentials is not None else ""
        return {
            "request_id": self.request.request_id,
            "ip": self.request.address,
            "client_id": client_id,
        }

    def _slip(self) -> str:
        """What the checksum tells of the credential that was wrong: a slip of copying looks like this."""
        sent = self.credentials
        if sent is None or self.facts is None:
            return ""
        unknown = self.facts.client is None
        name, value = ("client_id", sent.client_id) if unknown else ("client_secret", sent.client_secret)
        return "" if not value or is_whole(value) else f"; the {name} is cut off or mistyped"
