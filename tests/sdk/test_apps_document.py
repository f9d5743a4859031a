"""docs/apps.md, followed word for word at a Keygrove that really runs."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

import warm
from hostile_rules import Rules, holding
from house.tree import ROOT
from keygrove.sdk.resource_server import ResourceServer
from running import AUDIENCE, Key, RunningServer
from stores import ONLY_SQLITE
from web.apps import go_on, open_at
from web.visitor import Visitor

pytestmark = ONLY_SQLITE  # both databases give clients the same answers

PAGE = (ROOT / "docs" / "apps.md").read_text()
COMMANDS = [line.strip() for line in re.findall(r"^    keygrove \S+ create .*$", PAGE, re.MULTILINE)]
CLIENT_ID = re.compile(r"\bkg_ci_\w{28}\b")
SECRET_KEY = re.compile(r"\bkg_sk_\w{49}\b")


@pytest.fixture
def rules(server: RunningServer, key: Key) -> Iterator[Rules]:
    """The four rules of the hostile cases hold here too."""
    with holding(server, key) as rules:
        yield rules


def keygrove(server: RunningServer, command: str) -> str:
    """What a command of the page prints."""
    done = warm.run(shlex.split(command)[1:], environ=server.environ, folder=server.log.parent)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_page_can_be_followed(
    server: RunningServer, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands, its environment, its program, and the lines that try it."""
    printed = [keygrove(server, command) for command in COMMANDS]
    (client_id,), (secret,) = CLIENT_ID.findall(printed[-1]), SECRET_KEY.findall(printed[-1])
    shown = re.findall(r"^    export (\w+)=(\S+)$", PAGE, re.MULTILINE)
    known = {
        "http://127.0.0.1:8400": server.url, "YOUR_CLIENT_ID": client_id, "YOUR_SECRET_KEY": secret,
    }  # fmt: skip
    for name, placeholder in shown:
        monkeypatch.setenv(name, known.pop(placeholder))
    assert known == {}

    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    lines = re.findall(r"^>>> (.*)$", PAGE, re.MULTILINE)
    browser = Visitor(server, rules)
    (email,) = re.findall(r"--email (\S+)", COMMANDS[1])
    browser.begin_session(email)
    said: list[Any] = []

    def answered() -> str:
        page = open_at(browser, said[0].removeprefix(server.url))
        back = go_on(browser, page, "allow").headers["location"]
        return str(back).removeprefix("http://localhost:8403/callback?")

    names: dict[str, Any] = {"print": said.append, "input": answered}
    exec(compile("\n".join([program, *lines]), "docs/apps.md", "exec"), names)  # noqa: S102 - the page is ours
    principal = ResourceServer(issuer=server.url, audience=AUDIENCE).verify(said[1])
    assert (principal.client_id, principal.company_id) == (client_id, names["company_id"])
    names["disconnect"](names["company_id"], names["database"])
    assert names["database"] == {}
