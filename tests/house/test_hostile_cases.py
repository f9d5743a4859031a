"""No hostile case is forgotten: each id has a test, or a line that says which feature it waits for."""

import ast
import re
from functools import cache

from house.tree import ROOT, text_files

LATER = ROOT / "tests" / "endpoints" / "LATER.md"
CASES = {
    "A": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21 22 23 25 26 27 29 30 31 33 34 35 37 38 39 41 42 43"
    " 45 46 47 49 50",
    "T": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21 22 23 25 26 27 29 30 31",
    "B": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21 22 23 25 26",
    "S": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19",
    "J": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21 22 23 25 26 27 29 30 31 33 34 35 37 38 39 41 42 43"
    " 45 46 47",
    "P": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21",
    "R": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19",
    "K": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21 22 23 25 26",
    "L": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19",
    "H": "01 02 03 05 06 07 09 10 11 13 14 15",
    "F": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19 21 22 23 25 26 27 29 30 31 33 34 35 37 38",
    "D": "01 02 03 05 06 07 09 10 11 13 14 15 17 18 19",
}  # fmt: skip
IDS = {table + number for table, numbers in CASES.items() for number in numbers.split()}
# In a test's name (test_t01_…), or at the start of the name of one of its inputs (J06-kid-sql).
IN_A_NAME = re.compile(r"_([a-z]\d\d)(?=_|$)")
IN_AN_INPUT = re.compile(r"([A-Z]\d\d)-")


@cache
def ids_in_tests() -> frozenset[str]:
    """The ids that tests carry."""
    found = set()
    for path in text_files(".py"):
        if path.is_relative_to(ROOT / "tests"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    found |= {id.upper() for id in IN_A_NAME.findall(node.name)}
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    match = IN_AN_INPUT.match(node.value)
                    found |= {match[1]} if match else set()
    return frozenset(found)


def waiting(*, wholly: bool = False) -> set[str]:
    """The ids that wait for a feature; with `wholly` without those of which a half is tested."""
    lines = re.findall(r"^\| ([A-Z]\d\d) \| (\S.*) \|$", LATER.read_text(encoding="utf-8"), re.MULTILINE)
    return {id for id, what in lines if not (wholly and re.search("half|tested", what))}


def test_every_hostile_case_is_tested_or_waits() -> None:
    """Both lists together are complete."""
    assert sorted(IDS - ids_in_tests() - waiting()) == []


def test_no_hostile_case_is_tested_and_waits() -> None:
    """A line goes when its test comes; and no id is invented."""
    assert sorted(ids_in_tests() & waiting(wholly=True)) == []
    assert sorted(waiting() - IDS) == []
