"""The examples and the `.env` by themselves, without a browser."""

import re
import subprocess
import sys
from pathlib import Path

from keygrove.backoffice.examples import dotenv, examples

EXAMPLES = examples(
    token_url="https://auth.example.com/oauth2/token",
    audience="https://api.example.com",
    scope="openid invoice.read",
    client_id="kg_ci_0000000000000000000000000000",
)


def test_no_example_is_named_like_a_module_of_the_standard_library() -> None:
    """Saved under such a name it would stand in front of that module: `token.py` breaks `import asyncio`."""
    named = [name for each in EXAMPLES for name in re.findall(r"\b([\w-]+)\.(?:py|mjs)\b", each.caption)]
    assert len(named) == len(EXAMPLES) - 1
    assert [name for name in named if name in sys.stdlib_module_names] == []


def test_the_env_is_read_alike_by_a_shell_and_line_by_line(tmp_path: Path) -> None:
    """Docker and systemd take lines as they are, without quotes; a shell would take `&` for its own."""
    text = dotenv(issuer="https://[2001:db8::1]:8400", client_id="kg_ci_x", client_secret="kg_sk_y")
    values = [line for line in text.splitlines() if not line.startswith("#")]
    assert values == [
        "KEYGROVE_ISSUER=https://[2001:db8::1]:8400",
        "KEYGROVE_CLIENT_ID=kg_ci_x",
        "KEYGROVE_CLIENT_SECRET=kg_sk_y",
    ]
    (tmp_path / "keygrove.env").write_text(text)
    loaded = subprocess.run(
        ["bash", "-c", "set -aeu; . ./keygrove.env; env"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stderr == ""
    assert set(values) <= set(loaded.stdout.splitlines())


def test_the_env_says_that_the_server_is_not_started_with_it() -> None:
    """The server reads KEYGROVE_ISSUER too, as its own address."""
    text = dotenv(issuer="https://auth.example.com", client_id="kg_ci_x", client_secret="kg_sk_y")
    assert text.startswith("# For your program. Do not start Keygrove itself with it")
