"""The four rules that hold for every hostile case, whatever else it must get.

1. No answer is a 5xx.
2. No stack trace, SQL, secret or token stands in an answer or in the log, which stays one JSON object a line.
3. Every answer comes within a second.
4. A good request succeeds right afterwards.

A case about time or about being busy says so: `slow` lifts the third rule, `busy` allows a 503 with
Retry-After.
"""

import json
import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2

from running import PASSWORD, Key, RunningServer, ask_for_token
from yardstick import in_time

LIMIT_S = 1.0
# What a person or program could sign in, ask for tokens or call an API with. A token is known by
# its first letters at the start of a word, or by two dots: the sealed request of a page has one
# dot, and the second it was made in can put these letters into its middle.
_CREDENTIAL = re.compile(
    r"kg_(?:sk|se|su|co|rt|rp)_[0-9A-Za-z]{8,}"
    r"|(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{8,}\.|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*\."
    r"|-----BEGIN|\$argon2",
    re.ASCII,
)
_INSIDES = re.compile(
    r"Traceback \(most recent|File \\?\"[^\"]*\.py|\bsqlite3?\.|UNIQUE constraint|no such (?:table|column)"
    r"|\basyncpg\.|duplicate key value|(?:relation|column) \\?\"[^\"]*\" does not exist"
    r"|\bselect [a-z_.*]+,? .{0,200}?\bfrom\b|\binsert into\b|\bupdate \w+ set\b",
    re.DOTALL,
)
_NOT_IMPLEMENTED = 501


@dataclass(slots=True)
class Rules:
    """Holds one server to the rules, from now on."""

    server: RunningServer
    good_key: Key
    http: httpx2.Client
    secrets: set[str] = field(default_factory=lambda: {PASSWORD})
    _log_from: int = 0

    def check(
        self,
        status: int,
        headers: Mapping[str, str],
        text: str,
        elapsed_s: float,
        *,
        slow: bool = False,
        busy: bool = False,
        shows: Collection[str] = (),
    ) -> None:
        """Hold one answer to the first three rules. `shows` are prefixes of what it is meant to show."""
        if busy and status == 503:
            assert "retry-after" in headers
        else:
            # A method that HTTP does not know is ours to refuse with 501 (RFC 9110 §9.1).
            assert status < 500 or status == _NOT_IMPLEMENTED, text[:500]
        shown = " ".join(f"{name}: {value}" for name, value in headers.items() if name != "set-cookie")
        assert_silent(f"{shown}\n{text}", self.secrets, shows=shows)
        assert slow or in_time(elapsed_s, LIMIT_S)

    def check_afterwards(self) -> None:
        """Hold the log since the start to the second rule, and the server to the fourth."""
        started = time.perf_counter()
        answer = ask_for_token(self.server, self.good_key)
        assert answer.status_code == 200, answer.text
        assert in_time(time.perf_counter() - started, LIMIT_S)
        assert_clean_log(
            self.server.log_text(since=self._log_from), {*self.secrets, self.good_key.client_secret}
        )


def assert_silent(text: str, secrets: Collection[str], *, shows: Collection[str] = ()) -> None:
    """Assert that a text gives nothing away."""
    found = [match for match in _CREDENTIAL.findall(text) if not match.startswith(tuple(shows))]
    assert found == []
    inside = _INSIDES.search(text)
    assert inside is None, text[max(0, inside.start() - 500) : inside.end() + 1500]
    assert [secret for secret in secrets if secret and secret in text] == []


def assert_clean_log(log: str, secrets: Collection[str]) -> None:
    """Assert that every line of a log is one JSON object, and that none gives anything away."""
    for line in log.splitlines():
        event = json.loads(line)
        assert isinstance(event, dict)
        assert event.get("level") != "critical"
    assert_silent(log, secrets)


@contextmanager
def holding(server: RunningServer, good_key: Key | None = None) -> Iterator[Rules]:
    """Hold a server to the rules for as long as the block runs, and look at its log afterwards."""
    log_from = server.log_bytes()
    with httpx2.Client(base_url=server.url, trust_env=False, verify=False, timeout=30) as http:
        rules = Rules(server, good_key or server.new_key("marketing.read"), http, _log_from=log_from)
        yield rules
        rules.check_afterwards()
