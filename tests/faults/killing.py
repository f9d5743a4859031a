"""Gives orders to `writer.py`, and remembers what it acknowledged."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.nodes import Node

PROGRAM = Path(__file__).with_name("writer.py")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child said before its end. `steps` is 0 when it was killed on the way."""

    said: dict[str, Any]
    killed: bool

    @property
    def steps(self) -> int:
        """How many steps the whole act has."""
        return int(self.said.get("steps", 0))


@dataclass(frozen=True, slots=True)
class Writer:
    """The program, waiting for orders."""

    process: "subprocess.Popen[str]"

    def order(self, act: str, **what: object) -> Outcome:
        """Let a child do one thing. Raises AssertionError when it fails otherwise than by being killed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"act": act, **what}) + "\n")
        self.process.stdin.flush()
        said: dict[str, Any] = {}
        while "ended" not in said:
            said |= json.loads(self.process.stdout.readline())
        assert said["ended"] in (0, -signal.SIGKILL)
        return Outcome(said, said["ended"] != 0)


@contextmanager
def writing_to(node: Node) -> Iterator[Writer]:
    """The program on a node's database."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        env=node.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Writer(process)
        assert process.stdin is not None
        process.stdin.close()


def deaths(steps: int, kills: int) -> Iterator[dict[str, Any]]:
    """When to die: at each step in turn, and every second time at any moment at all."""
    chance = random.Random(7)  # noqa: S311 - no secret
    order = list(range(1, steps + 1))
    chance.shuffle(order)
    for number in range(kills):
        if number % 2:
            yield {"after_s": chance.uniform(0.0, 0.15)}
        else:
            yield {"die_at": order[number // 2 % steps]}


def whole(outcome: Outcome) -> int:
    """The number of steps of an act that nobody stopped."""
    assert not outcome.killed
    assert outcome.steps > 4
    return outcome.steps
