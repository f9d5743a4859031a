"""Floors import only downwards, and nothing runs in a circle."""

import subprocess
import sys

import pytest

from house.tree import ROOT, Module, modules

ROOF = {"app", "cli", "config", "demo", "house", "logs", "upkeep"}
EVERYTHING = {
    "protocol", "crypto", "storage", "endpoints", "management", "web", "backoffice", "api", "sdk", *ROOF,
}  # fmt: skip

# The table of the house: which floors a floor may import, itself aside.
FLOORS = {
    "keygrove": set[str](),
    "protocol": set[str](),
    "crypto": set[str](),
    "sdk": {"protocol", "crypto"},
    "storage": {"protocol"},
    "endpoints": {"protocol", "crypto", "storage"},
    "management": {"protocol", "crypto", "storage"},
    "web": {"protocol", "endpoints", "management"},
    "backoffice": {"management", "web"},
    "api": {"management", "web"},
    **dict.fromkeys(ROOF, EVERYTHING),
}

# Which packages from elsewhere a floor may import. The roof may import any.
PACKAGES = {
    "keygrove": set[str](),
    "protocol": set[str](),
    "crypto": {"cryptography", "joserfc", "argon2"},
    "sdk": {"cryptography", "joserfc"},
    "storage": {"alembic", "sqlalchemy", "asyncpg"},
    "endpoints": {"msgspec"},
    "management": {"msgspec"},
    "web": {"starlette", "msgspec"},
    "backoffice": {"starlette", "jinja2", "markupsafe"},
    "api": {"starlette", "fastapi", "pydantic", "msgspec"},
}
# Single files with more: doors of the SDK to a framework, what of uvicorn is ours, and requests that we send.
FILES = {
    "keygrove.sdk.fastapi": {"fastapi", "starlette"},
    "keygrove.web.accepting": {"uvicorn"},
    "keygrove.web.connection": {"uvicorn", "httptools"},
    "keygrove.web.outgoing": {"httpx2"},
}

every_module = pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)


def from_elsewhere(module: Module) -> set[str]:
    """The third-party packages that a module imports."""
    tops = {name.partition(".")[0] for name in module.imports}
    return tops - sys.stdlib_module_names - {"keygrove", "__future__"}


def test_every_floor_is_in_the_table() -> None:
    """A new top-level folder or module needs its line in the table of floors first."""
    assert {module.floor for module in modules()} <= set(FLOORS)


@every_module
def test_a_floor_imports_only_floors_below(module: Module) -> None:
    """Imports point downwards, wherever in the file they stand."""
    ours = {name.split(".")[1] for name in module.imports if name.startswith("keygrove.")}
    assert ours - {module.floor} <= FLOORS[module.floor]


@every_module
def test_a_floor_imports_only_its_packages(module: Module) -> None:
    """The pure floors stay pure, and frameworks stay at the edge."""
    if module.floor in PACKAGES:
        allowed = PACKAGES[module.floor] | FILES.get(module.name, set())
        assert from_elsewhere(module) <= allowed


def test_only_the_roof_imports_the_roof() -> None:
    """Configuration never reaches below the roof: values are passed down."""
    climbers = [
        f"{module.name} imports {name}"
        for module in modules()
        for name in module.imports
        if module.floor not in ROOF and name.startswith("keygrove.") and name.split(".")[1] in ROOF
    ]
    assert climbers == []


def test_the_roof_reads_and_writes_rows_through_management() -> None:
    """Commands and the demo do what pages do, with the same checks and the same journal."""
    rows = {f"keygrove.storage.{name}" for name in ("clients", "companies", "people", "sessions")}
    past = [f"{module.name} imports {name}"
            for module in modules() if module.floor in ROOF for name in module.imports & rows]  # fmt: skip
    assert past == []


def test_nothing_runs_in_a_circle() -> None:
    """The graph of modules has no cycle."""
    edges = {
        module.name: {name for name in module.imports if name.startswith("keygrove")} for module in modules()
    }
    while leaves := {name for name, needs in edges.items() if not needs & set(edges)}:
        edges = {name: needs for name, needs in edges.items() if name not in leaves}
    assert sorted(edges) == []


def test_only_the_schema_knows_alembic() -> None:
    """Nothing on the serving path carries Alembic or SQLAlchemy along."""
    importers = {module.name for module in modules() if {"alembic", "sqlalchemy"} & from_elsewhere(module)}
    assert all(
        name.startswith(("keygrove.storage.schema", "keygrove.storage.migrations")) for name in importers
    )


@pytest.mark.parametrize(
    ("start", "absent"),
    [
        ("keygrove.endpoints.token", ["fastapi", "starlette", "pydantic", "alembic", "sqlalchemy", "typer"]),
        ("keygrove.house", ["starlette", "jinja2", "fastapi", "uvicorn", "alembic", "httpx2"]),
        ("keygrove.app", ["alembic", "sqlalchemy", "typer", "fastapi", "httpx2"]),
        (
            "keygrove.cli.main",
            ["starlette", "fastapi", "cryptography", "uvicorn", "alembic", "msgspec", "asyncio"],
        ),
    ],
)
def test_importing_one_module_does_not_bring_heavy_ones(start: str, absent: list[str]) -> None:
    """The token path is free of frameworks, the server of migrations, and `keygrove --help` of everything."""
    program = f"import sys, {start}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
