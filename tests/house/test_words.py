"""Names speak, docstrings say what a thing means, and nothing is left unfinished."""

import ast
import re

from house.tree import ROOT, Definition, definitions, modules, text_files

JUNK_DRAWERS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "manager",
    "service",
    "services",
    "misc",
}
# Assembled, so that this file does not accuse itself.
UNFINISHED = re.compile(
    "|".join(["TO" + "DO", "FIX" + "ME", r"pytest\.sk" + "ip", r"mark\.(sk" + "ip|x" + "fail)"])
)


def is_public(definition: Definition) -> bool:
    """No part of its path begins with an underscore."""
    return not any(part.startswith("_") for part in definition.path.split("."))


def overrides_or_overloads(definition: Definition) -> bool:
    """Marked with @overload or @override: its meaning is written elsewhere."""
    decorators = {ast.unparse(node).rpartition(".")[2] for node in definition.node.decorator_list}
    return bool(decorators & {"overload", "override"})


def test_no_file_or_folder_is_a_junk_drawer() -> None:
    """A name says what is inside."""
    parts = {
        part.lower().strip("_")
        for path in text_files(".py")
        for part in path.relative_to(ROOT).with_suffix("").parts
    }
    assert parts & JUNK_DRAWERS == set()


def test_no_import_is_relative() -> None:
    """Where a name comes from is written in full."""
    relative = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_init_files_are_maps_of_their_folders() -> None:
    """`__init__.py` holds a docstring and nothing else, except the registry of grants."""
    wrong = [
        module.name
        for module in modules()
        if module.path.name == "__init__.py"
        and module.name != "keygrove.protocol.grants"
        and not (ast.get_docstring(module.tree) and len(module.tree.body) == 1)
    ]
    assert wrong == []


def test_every_folder_has_its_map() -> None:
    """A folder of modules has an `__init__.py`."""
    folders = {module.path.parent for module in modules()}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_module_and_public_name_has_a_docstring() -> None:
    """Meaning, units and errors are written where the name is defined."""
    silent = [module.name for module in modules() if not ast.get_docstring(module.tree)]
    silent += [
        str(definition)
        for definition in definitions()
        if is_public(definition)
        and not ast.get_docstring(definition.node)
        and not overrides_or_overloads(definition)
    ]
    assert silent == []


def test_every_test_says_one_sentence() -> None:
    """In its name, of three words or more, or in its docstring."""
    mute = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in text_files(".py")
        if path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name.split("_")) < 4
        and not ast.get_docstring(node)
    ]
    assert mute == []


def test_nothing_is_left_for_later() -> None:
    """No unfinished work and no skipped test."""
    marked = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files(".py", ".html", ".css", ".js", ".sh")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert marked == []


def test_the_journal_is_only_ever_appended_to() -> None:
    """No SQL text of the product changes or removes an entry."""
    tampering = re.compile(
        r"\b(update|delete\s+from|replace\s+into|drop\s+table|truncate)\s+(if\s+exists\s+)?journal\b", re.I
    )
    found = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and tampering.search(node.value)
    ]
    assert found == []
