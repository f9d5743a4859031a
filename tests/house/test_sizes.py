"""No file passes 400 lines and every function fits on a screen."""

import ast
from pathlib import Path

from house.tree import ROOT, text_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def lines_of(path: Path) -> int:
    """Lines of a text file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_passes_400_lines() -> None:
    """Code, pages, styles, scripts and documents alike."""
    kinds = (".py", ".html", ".css", ".js", ".mjs", ".sh", ".sql", ".md")
    long = {
        str(path.relative_to(ROOT)): lines_of(path)
        for path in text_files(*kinds)
        if lines_of(path) > LONGEST_FILE
    }
    assert long == {}


def test_no_function_passes_60_lines() -> None:
    """From `def` to its last line, in the code, the tests and the bench."""
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in text_files(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}
