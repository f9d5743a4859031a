"""The reference's own request, word for word, with the real curl."""

import os
import re
import subprocess

from endpoints.asking import PATH, Asker, body_of, granted
from hostile_rules import Rules


def test_the_references_curl_prints_the_references_answer(ask: Asker, rules: Rules) -> None:
    """Unchanged but for address and credentials: raw blank, colon and slashes; four members in this order."""
    body = (
        "grant_type=client_credentials&scope=openid marketing.read&audience=https://api.understory.io"
        f"&client_id={ask.key.client_id}&client_secret={ask.key.client_secret}"
    )
    command = ["curl", "--silent", "--show-error", "--request", "POST", "--url", f"{rules.server.url}{PATH}"]
    command += ["--header", "Content-Type: application/x-www-form-urlencoded"]
    command += ["--header", "User-Agent: My-Company/Marketing-Automation-App", "--data", body]
    shape = (
        rb'\{"access_token":"eyJ[\w-]+\.[\w-]+\.[\w-]+","expires_in":(\d+),'
        rb'"scope":"openid marketing\.read","token_type":"bearer"\}'
    )
    lives = set()
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "no_proxy": "*"})
        assert done.stderr == b""
        printed = re.fullmatch(shape, done.stdout)
        assert printed is not None, done.stdout
        lives.add(int(printed[1]))
    # A second may just have ended between two looks at the clock.
    assert lives <= {3598, 3599}
    assert 3599 in lives


def test_parameters_come_in_any_order_and_encoding(ask: Asker) -> None:
    """`+` or `%20`, `~` or `%7E`, `:` or `%3A`; with or without User-Agent and `openid`."""
    forward = body_of(ask)
    backward = b"&".join(reversed(forward.split(b"&")))
    for body in (
        forward,
        backward,
        forward.replace(b"+", b"%20"),
        forward.replace(b"%3A", b":").replace(b"%2F", b"/"),
    ):
        granted(ask.post(body))
        granted(ask.post(body, {"User-Agent": ""}))
    assert granted(ask(scope="marketing.read"))["scope"] == "marketing.read"
