"""`protocol/` is pure: no waiting, no clock, no chance, no environment, and its tests prove it quickly."""

import ast
import subprocess
import sys

import pytest

from house.tree import ROOT, Module, modules

PURE_LIBRARY = {
    "__future__", "abc", "base64", "binascii", "collections", "dataclasses", "enum", "functools", "hashlib",
    "hmac", "ipaddress", "itertools", "json", "operator", "re", "string", "types", "typing", "unicodedata",
    "urllib",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "exec", "eval"}

protocol_modules = pytest.mark.parametrize(
    "module", [module for module in modules() if module.floor == "protocol"], ids=lambda module: module.name
)


@protocol_modules
def test_protocol_imports_pure_modules_only(module: Module) -> None:
    """Time and chance are arguments; nothing here can log, read a file or reach a network."""
    tops = {name.partition(".")[0] for name in module.imports if not name.startswith("keygrove")}
    assert tops <= PURE_LIBRARY
    assert not {name for name in module.imports if name.startswith(("urllib.request", "urllib.robotparser"))}


@protocol_modules
def test_protocol_neither_waits_nor_acts(module: Module) -> None:
    """No `await`, no `async`, no file, no printing."""
    waiting = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    found = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, waiting)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS)
    ]
    assert found == []


MEASURED_RUN = """
import sys, time
import pytest

class Watch:
    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self):
        from yardstick import here

        limit_s, before = here(1.5), time.process_time()
        result = yield
        print("of the limit:", (time.process_time() - before) / limit_s, file=sys.stderr)
        return result

unused = [part for name in ("cacheprovider", "xdist", "anyio") for part in ("-p", f"no:{name}")]
sys.exit(pytest.main(["tests/protocol", *unused], plugins=[Watch()]))
"""


def test_protocol_tests_run_in_about_a_second() -> None:
    """With network, disk and clock taken away (see their conftest.py), in processor time."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED_RUN], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert float(done.stderr.rpartition("of the limit:")[2]) < 1
