"""The source tree as the house tests see it: modules, what they import, which floor they stand on."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = SRC / "keygrove"


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its dotted name, path, syntax tree, and every module that it imports anywhere."""

    name: str
    path: Path
    tree: ast.Module
    imports: frozenset[str]

    @property
    def floor(self) -> str:
        """The first part of the name below keygrove, or `keygrove` for the package itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else parts[0]


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class with the dotted path that leads to it inside its module."""

    module: Module
    path: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

    def __str__(self) -> str:
        return f"{self.module.path.relative_to(ROOT)}:{self.node.lineno} {self.path}"


def dotted_name(path: Path) -> str:
    """`src/keygrove/web/forms.py` is `keygrove.web.forms`."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package."""
    paths = sorted(PACKAGE.rglob("*.py"))
    names = {dotted_name(path) for path in paths}
    return tuple(_module(path, names) for path in paths)


def _module(path: Path, names: set[str]) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return Module(dotted_name(path), path, tree, frozenset(_imports(tree, names)))


def _imports(tree: ast.Module, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in names else node.module


def definitions(*, nested: bool = False) -> Iterator[Definition]:
    """Functions, classes and methods of the package; with `nested` also those inside functions."""
    for module in modules():
        yield from _definitions(module, module.tree, "", nested)


def _definitions(module: Module, parent: ast.AST, prefix: str, nested: bool) -> Iterator[Definition]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Definition(module, prefix + node.name, node)
            if nested or isinstance(node, ast.ClassDef):
                yield from _definitions(module, node, f"{prefix}{node.name}.", nested)
        elif not isinstance(node, ast.expr):
            yield from _definitions(module, node, prefix, nested)


def text_files(*suffixes: str) -> list[Path]:
    """Files with one of these suffixes in src, tests, bench, scripts, docs and at the top."""
    folders = [ROOT / name for name in ("src", "tests", "bench", "scripts", "docs")]
    found = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in suffixes and path.is_file()
    ]
    found += [path for path in ROOT.glob("*") if path.suffix in suffixes]
    return sorted(path for path in found if not {"node_modules", "__pycache__", "vendor"} & set(path.parts))
