"""What cannot be undone: asked about on a terminal, only with --yes elsewhere."""

import pytest

from cli.command import Shell

COMMANDS = {"key": ("key", "remove"), "signing key": ("signing-key", "revoke")}


def victim(shell: Shell, case: str) -> str:
    """What is to go: a key, or the signing key."""
    if case == "signing key":
        return str(shell.value("signing-key", "list")["signing_keys"][0]["kid"])
    command = ("key", "create", "--company", "acme", "--name", "Short life", "--permission", "event.read")
    return str(shell.value(*command)["client_id"])


def is_there(shell: Shell, case: str, name: str) -> bool:
    """Whether it still works."""
    if case == "key":
        return shell.run("key", "show", name).returncode == 0
    listed = shell.value("signing-key", "list")["signing_keys"]
    return any(key["kid"] == name and key["state"] == "current" for key in listed)


@pytest.mark.parametrize("case", COMMANDS)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_terminal_it_takes_a_yes(shell: Shell, case: str, options: tuple[str, ...]) -> None:
    """A script that forgot it changes nothing, and is told."""
    name = victim(shell, case)
    said = "keygrove: this cannot be undone and there is no terminal to ask on: add --yes"
    assert shell.error(*COMMANDS[case], name, *options) == (2, said)
    assert is_there(shell, case, name)
    assert shell.run(*COMMANDS[case], name, *options, "--yes").returncode == 0
    assert not is_there(shell, case, name)


@pytest.mark.parametrize("case", COMMANDS)
def test_on_a_terminal_it_asks(shell: Shell, case: str) -> None:
    """On standard error, so that what is printed for programs stays whole."""
    name = victim(shell, case)
    refused = shell.on_a_terminal("n", *COMMANDS[case], name, "--json")
    assert (refused.returncode, refused.stdout) == (130, "")
    assert f"{name}?" in refused.stderr
    assert "This cannot be undone. [y/N]" in refused.stderr
    assert is_there(shell, case, name)
    assert shell.on_a_terminal("y", *COMMANDS[case], name).returncode == 0
    assert not is_there(shell, case, name)


def test_what_can_be_undone_is_done_at_once(shell: Shell) -> None:
    """There is a command for the way back."""
    address = "ana@acme.example"
    shell.value("person", "create", "--company", "acme", "--email", address)
    for there, back, name in (("suspend", "resume", "acme"), ("disable", "enable", address)):
        group = "company" if name == "acme" else "person"
        assert shell.run(group, there, name).returncode == 0
        assert shell.run(group, back, name).returncode == 0
