"""A token endpoint on a loopback socket, broken, busy, slow or wrong; and an API that takes its tokens."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from sdk.loopback import QuietHandler, listening

SECRET = "kg_sk_" + "s" * 49


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint answers once. A body of None means a fresh token."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


class TokenServer:
    """What the server does; a test changes it while it runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.queue: list[Answer] = []
        self.always = Answer()
        self.delay_s = 0.0
        self.expires_in: object = 3600
        self.issued = 0
        self.forms: list[dict[str, list[str]]] = []
        self.authorizations: list[str | None] = []
        self.moved_to = ""
        self.api_refuses: set[str] = set()
        self.api_calls: list[tuple[str | None, bytes]] = []
        self.metadata: dict[str, object] = {
            "issuer": url,
            "token_endpoint": f"{url}/oauth2/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }

    def next_answer(self) -> Answer:
        """The queued answers first, then the one for always."""
        answer = self.queue.pop(0) if self.queue else self.always
        if answer.body is None and answer.status == 200:
            self.issued += 1
            body = {
                "access_token": f"token-{self.issued}",
                "expires_in": self.expires_in,
                "token_type": "bearer",
            }
            return Answer(200, {name: value for name, value in body.items() if value is not None})
        return answer


@contextmanager
def running_token_server() -> Iterator[TokenServer]:
    """Serve until the block ends."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/.well-known"):
                self.answer(Answer(200, state.metadata))
            else:
                self.call_api(b"")

        def do_POST(self) -> None:
            body = self.read_body()
            if self.path != "/oauth2/token":
                self.call_api(body)
                return
            state.forms.append(parse_qs(body.decode(), strict_parsing=True))
            state.authorizations.append(self.headers["Authorization"])
            time.sleep(state.delay_s)
            self.answer(state.next_answer())

        def read_body(self) -> bytes:
            if self.headers["Transfer-Encoding"] != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def call_api(self, body: bytes) -> None:
            field = self.headers["Authorization"]
            if state.moved_to:
                self.answer(Answer(302, {}, {"Location": state.moved_to}))
                return
            state.api_calls.append((field, body))
            refused = field is None or field.removeprefix("Bearer ") in state.api_refuses
            self.answer(Answer(401, {}) if refused else Answer(200, {"seen": field}))

        def answer(self, answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as url:
        state = TokenServer(url)
        yield state
