"""docs/conformance.md names tests that exist, and each of its rows says how it stands."""

import ast
import itertools
import re

from house.tree import ROOT

PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
NAMED = re.compile(r"(tests/[\w/.-]+\.py)::(\w+)")
# What stands in the place of a test.
SAID = re.compile(r"not met|no test yet|\| the same \|", re.IGNORECASE)


def names_in(path: str) -> set[str]:
    """The names of the tests of a file, also of those in classes; none when there is no such file."""
    file = ROOT / path
    if not file.exists():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def rows() -> list[str]:
    """The rows of all tables, without their heads."""
    lines = PAGE.splitlines()
    return [
        line
        for above, line in itertools.pairwise(lines)
        if line.startswith("| ") and above.startswith("| ") and not line.startswith("| --- ")
    ]


def test_every_test_that_the_page_names_exists() -> None:
    """A test that is renamed or removed is renamed there, or its requirement is not proved any more."""
    named = NAMED.findall(PAGE)
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []
    # A misspelled reference would not be looked at.
    assert PAGE.count("::") == len(named)


def test_every_requirement_is_proved_or_said_not_to_be() -> None:
    """No row leaves it open."""
    assert len(rows()) > 100
    assert [row for row in rows() if not NAMED.search(row) and not SAID.search(row)] == []
