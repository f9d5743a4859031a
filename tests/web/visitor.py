"""A browser without script: keeps cookies, takes the form from a page and posts it as browsers do."""

import itertools
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from ipaddress import IPv4Address
from urllib.parse import urlencode

import httpx2

from hostile_rules import Rules
from running import PASSWORD, RunningServer

Fields = Sequence[tuple[str, str]]
FORM_TYPE = "application/x-www-form-urlencoded"
# One address each, so that the failures of one test do not throttle another.
_numbers = itertools.count(1)


class _Forms(HTMLParser):
    """Every form of a page: its action, and the fields that a browser would send untouched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, and what an input would send."""
        of = dict(attrs)
        if tag == "form":
            self.found.append((of.get("action") or "", []))
        elif tag == "input" and self.found and "name" in of and "disabled" not in of:
            chosen = of.get("type") not in ("radio", "checkbox") or "checked" in of
            self.found[-1][1].extend([(str(of["name"]), of.get("value") or "")] if chosen else [])


def fields_of(html: str, action: str) -> dict[str, str]:
    """The fields of the page's form for `action`, as they stand. Raises KeyError when there is none."""
    return dict(dict(_Forms(html).found)[action])


@dataclass(slots=True)
class Visitor:
    """One browser. `over_tls` says it comes through the proxy on this machine, by HTTPS."""

    server: RunningServer
    rules: Rules
    over_tls: bool = False
    address: str = field(default_factory=lambda: str(IPv4Address("10.0.0.0") + next(_numbers)))
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    def get(self, path: str, *, slow: bool = False, **headers: str) -> httpx2.Response:
        """Open a page."""
        return self.send("GET", path, headers=headers, slow=slow)

    def post(
        self,
        path: str,
        fields: Fields | Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        slow: bool = False,
        busy: bool = False,
        shows: Collection[str] = (),
    ) -> httpx2.Response:
        """Post a form; by default with the headers of a browser on its own page."""
        if headers is None:
            headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        return self.send(
            "POST",
            path,
            headers={"Content-Type": FORM_TYPE, **headers},
            content=urlencode(fields).encode(),
            slow=slow,
            busy=busy,
            shows=shows,
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str | bytes],
        content: bytes | Iterable[bytes] = b"",
        slow: bool = False,
        busy: bool = False,
        shows: Collection[str] = (),
    ) -> httpx2.Response:
        """Send any request and hold its answer to the rules."""
        sent: dict[str, str | bytes] = {"X-Forwarded-For": self.address, **headers}
        if self.over_tls:
            sent["X-Forwarded-Proto"] = "https"
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        started = time.perf_counter()
        answer = self.rules.http.request(
            method,
            path,
            headers=[
                (name.encode(), value if isinstance(value, bytes) else value.encode())
                for name, value in sent.items()
            ],
            content=content or None,
        )
        elapsed_s = time.perf_counter() - started
        self.rules.http.cookies.clear()
        self._keep_cookies(answer)
        self.rules.check(
            answer.status_code, answer.headers, answer.text, elapsed_s, slow=slow, busy=busy, shows=shows
        )
        return answer

    def fill(self, path: str, action: str = "", **values: str) -> dict[str, str]:
        """The form on a page, with some of its fields filled in."""
        return fields_of(self.get(path).text, action or path) | values

    def submit(
        self, path: str, action: str = "", *, shows: Collection[str] = (), **values: str
    ) -> httpx2.Response:
        """Open a page, fill in its form, send it."""
        return self.post(action or path, self.fill(path, action, **values), shows=shows)

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx2.Response:
        """Try to sign in."""
        return self.submit("/sign-in", email=email, password=password)

    def begin_session(self, email: str) -> None:
        """Be signed in, where signing in itself is not what a test is about."""
        self.cookies[self.session_name] = self.server.new_session(email)
        self.rules.secrets.add(self.session)

    @property
    def session_name(self) -> str:
        """The session cookie's name."""
        return "__Host-keygrove_session" if self.over_tls else "keygrove_session"

    @property
    def session(self) -> str:
        """The session cookie, empty when there is none."""
        return self.cookies.get(self.session_name, "")

    def _keep_cookies(self, answer: httpx2.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            self.set_cookies.append(line)
            name, _, value = line.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        if self.session:
            self.rules.secrets.add(self.session)
