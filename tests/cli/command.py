"""Runs `keygrove` as people do: a process with an environment and a folder."""

import json
import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import warm


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder to run commands in, with nothing of this process's own settings."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("KEYGROVE_")}
        return {**own, **self.settings}

    def run(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return warm.run(arguments, environ=self.environ, folder=self.folder, text=text)

    def on_a_terminal(self, answer: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command whose standard input is a terminal on which somebody types an answer."""
        here, there = pty.openpty()
        try:
            os.write(here, f"{answer}\n".encode())
            return warm.run(arguments, environ=self.environ, folder=self.folder, stdin=there)
        finally:
            os.close(here)
            os.close(there)

    def value(self, *arguments: str, text: str = "") -> Any:
        """The one JSON object that a command prints with --json."""
        done = self.run(*arguments, "--json", text=text)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def error(self, *arguments: str) -> tuple[int, str]:
        """Exit code and the one line of a command that fails."""
        done = self.run(*arguments)
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        return done.returncode, done.stderr.strip()

    def start(self, *arguments: str, output: Path, program: Sequence[str] = ()) -> warm.Started:
        """Start a command that goes on, in a process group of its own (`program` as in `warm.start`)."""
        with output.open("wb") as log:
            return warm.start(
                arguments,
                environ=self.environ,
                folder=self.folder,
                output=log,
                own_group=True,
                program=program,
            )
