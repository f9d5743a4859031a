"""An app's own site: a real server on this machine that notes what the browser brings back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Callback:
    """Where it is, and what came, pictures aside: method, target and body of each request."""

    url: str
    came: list[tuple[str, str, str]] = field(default_factory=list)
    onward: str = ""

    @property
    def redirect_uri(self) -> str:
        """The app's redirect URI."""
        return f"{self.url}/cb"


@contextmanager
def callback_site() -> Iterator[Callback]:
    """Serve until the block ends. With `onward` set, the callback itself redirects there."""
    site = Callback("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, body: str) -> None:
            if self.path != "/favicon.ico":
                site.came.append((self.command, self.path, body))
            page = b"<title>The app</title><h1>Back at the app</h1>"
            if site.onward and self.path.startswith("/cb"):
                self.send_response(303)
                self.send_header("Location", site.onward)
                page = b""
            else:
                self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with serve(Handler) as site.url:
        yield site


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve at an address of this machine, which it gives, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
