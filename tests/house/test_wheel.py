"""What is shipped: the wheel holds more than Python, and the SDK needs nothing of the server."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from house.tree import PACKAGE, ROOT, SRC, modules

SDK_BRINGS = {"cryptography", "joserfc", "keygrove"}
# Of these two packages' own needs.
THEIR_NEEDS = {"cffi", "_cffi_backend", "pycparser", "typing_extensions"}

LONELY_IMPORT = """
import sys

class OnlyTheSdk:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names | ALLOWED and not top.startswith("_"):
            raise ImportError(f"{name} does not come with the SDK")
        return None

sys.meta_path.insert(0, OnlyTheSdk())
import importlib
for name in NAMES:
    importlib.import_module(name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        str(folder),
        ".",
    ]
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("keygrove-*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package(wheel: set[str]) -> None:
    """Templates, styles, scripts and migrations too."""
    files = {
        str(path.relative_to(SRC))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files - wheel == set()
    assert {Path(name).suffix for name in files} >= {".py", ".html", ".css", ".js"}


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    """No tests, no demo data of this folder, no secrets."""
    assert {name for name in wheel if not name.startswith(("keygrove/", "keygrove-"))} == set()


def test_the_sdk_imports_with_its_own_two_packages_only() -> None:
    """`pip install keygrove` is enough; only the doors to a framework need that framework."""
    names = [
        module.name for module in modules() if module.floor == "sdk" and module.name != "keygrove.sdk.fastapi"
    ]
    program = f"ALLOWED = {SDK_BRINGS | THEIR_NEEDS!r}\nNAMES = {names!r}\n{LONELY_IMPORT}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
