"""`keygrove journal`: who did what to what, for people and as JSON, without secrets."""

import re
import sqlite3
from contextlib import closing

import pytest

from cli.command import Shell


def new_key(shell: Shell, name: str = "Billing sync") -> dict[str, str]:
    """A key of the company."""
    made = shell.value("key", "create", "--company", "acme", "--name", name, "--permission", "marketing.read")
    assert isinstance(made, dict)
    return made


def test_a_removed_key_and_what_was_done_to_it_is_one_line_each(shell: Shell) -> None:
    """With its name, who it was and from where; what changed is told as before and after."""
    key = new_key(shell)["client_id"]
    shell.value("key", "update", key, "--name", "Billing", "--permission", "order.read")
    shell.value("key", "remove", key, "--yes")
    heading, *lines = shell.run("journal", "--target", key).stdout.splitlines()
    assert heading.split() == ["TIME", "WHO", "FROM", "WHAT", "TO", "WHAT", "OUTCOME", "COMPANY", "MORE"]
    told = [re.split(r" {3,}", line) for line in lines]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line[0]) for line in told)
    assert [line[1:] for line in told] == [
        ["Operator", "command line", "key.removed", f"{key} (Billing)", "done", "acme"],
        ["Operator", "command line", "key.updated", f"{key} (Billing)", "done", "acme",
         "name: Billing sync -> Billing; permissions: marketing.read -> order.read"],
        ["Operator", "command line", "key.created", f"{key} (Billing sync)", "done", "acme",
         "permissions: marketing.read"],
    ]  # fmt: skip


def test_json_has_every_detail_and_no_secret(shell: Shell) -> None:
    """Neither a Secret Key nor a password, nor a link's token."""
    made = new_key(shell)
    address = "ana@acme.example"
    password = shell.value("person", "create", "--company", "acme", "--email", address)["password"]
    url = shell.value("person", "reset-link", address)["url"]
    app = shell.value(
        "app", "create", "--company", "acme", "--name", "An app", "--permission", "marketing.read",
        "--redirect-uri", "https://app.example/back",
    )  # fmt: skip
    told = shell.value("journal")
    assert told["more"] is False
    (line,) = [each for each in told["events"] if each["action"] == "key.created"]
    company = shell.value("company", "list")["companies"][0]["id"]
    assert (line.pop("id")[:3], line.pop("at")[-1]) == ("ev_", "Z")
    assert line == {
        "actor_kind": "cli",
        "actor_id": "operator",
        "actor_name": "Operator",
        "address": "",
        "action": "key.created",
        "target_id": made["client_id"],
        "outcome": "done",
        "company_id": company,
        "detail": {"name": "Billing sync", "permissions": ["marketing.read"]},
        "request_id": "",
    }
    secrets = [made["client_secret"], password, url.partition("token=")[2], app["client_secret"]]
    printed = str(told) + shell.run("journal").stdout
    assert [secret for secret in secrets if not secret or secret in printed] == []


def test_it_is_narrowed_down(shell: Shell) -> None:
    """By company, action and time; how many lines at most, and whether there are more."""
    for number in range(3):
        new_key(shell, f"Key {number}")
    shell.value("company", "create", "Rival")
    assert [each["action"] for each in shell.value("journal", "--limit", "1")["events"]] == [
        "company.created"
    ]
    of_acme = shell.value("journal", "--company", "acme", "--limit", "3")
    assert ([each["action"] for each in of_acme["events"]], of_acme["more"]) == (["key.created"] * 3, True)
    assert len(shell.value("journal", "--action", "company.created")["events"]) == 2
    assert "There are older lines" in shell.run("journal", "--limit", "1").stdout
    assert "There are older lines" not in shell.run("journal").stdout
    for when in ("1h", "30m", "7d", "2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+02:00"):
        assert len(shell.value("journal", "--since", when)["events"]) == 5
    assert shell.value("journal", "--since", "2999-01-01") == {"events": [], "more": False}
    assert shell.run("journal", "--since", "2999-01-01").stdout == "Nothing is in the journal about that.\n"


@pytest.mark.parametrize("when", ["yesterday", "1y", "12", "-1h", "2026-13-01", "9999999d"])
def test_a_time_that_is_none_is_told(shell: Shell, when: str) -> None:
    """With examples of what is one."""
    code, line = shell.error("journal", f"--since={when}")
    assert (code, line.startswith("keygrove: --since: give a time such as 2026-03-01 or ")) == (2, True)


def test_what_a_stranger_sent_does_nothing_to_the_terminal(shell: Shell) -> None:
    """A target that was refused may hold anything; it stays on its line, and JSON has it as it is."""
    with closing(sqlite3.connect(shell.folder / ".keygrove" / "keygrove.db")) as connection, connection:
        connection.execute("update journal set target_id = ?", ("\x1b]0;x\x07\u202e\ndone\u200d\xa0é",))
    text = shell.run("journal").stdout
    assert len(text.splitlines()) == 2
    assert not set("\x1b\x07\u202e") & set(text)
    assert "\ufffd]0;x\ufffd\ufffd\ufffddone\u200d\xa0é (Acme)" in text
    assert shell.value("journal")["events"][0]["target_id"] == "\x1b]0;x\x07\u202e\ndone\u200d\xa0é"


def test_who_asks_for_what_is_not_there_is_told(shell: Shell) -> None:
    """A company is looked for; a database is not made."""
    assert shell.error("journal", "--company", "nobody")[0] == 1
    assert shell.run("journal", "--limit", "0").returncode == 2
    empty = Shell(shell.folder / "empty")
    empty.folder.mkdir()
    assert "there is no database" in empty.error("journal")[1]
    assert list(empty.folder.iterdir()) == []
