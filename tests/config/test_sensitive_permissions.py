"""`sensitive` in the catalogue: read from the file and the environment, written by the template."""

from pathlib import Path

import pytest

from keygrove.config.loading import load, read
from keygrove.config.template import template
from keygrove.management.catalogue import SAMPLE

CATALOGUE = """
[[api]]
audience = "https://api.example.com"
name = "Example API"

[[api.permission]]
resource = "Invoices"
read = "invoice.read"
{}

[[api.permission]]
resource = "Reports"
read = "report.read"
"""


def sensitive(folder: Path, line: str, environ: dict[str, str] | None = None) -> list[bool]:
    """Which rows are sensitive with this line in the first one."""
    (folder / "keygrove.toml").write_text(CATALOGUE.format(line))
    (api,) = load({}, environ or {}, folder).catalogue.apis
    return [row.sensitive for row in api.permissions]


def test_a_permission_is_sensitive_only_where_it_says_so(tmp_path: Path) -> None:
    """In the file, or by a variable that goes before it."""
    assert sensitive(tmp_path, "") == [False, False]
    assert sensitive(tmp_path, "sensitive = false") == [False, False]
    assert sensitive(tmp_path, "sensitive = true") == [True, False]
    second = {"KEYGROVE_API__0__PERMISSION__1__SENSITIVE": "true"}
    assert sensitive(tmp_path, "sensitive = true", second) == [True, True]


@pytest.mark.parametrize("value", ['"true"', "1", '"yes"', "[]"])
def test_anything_else_is_a_fault(tmp_path: Path, value: str) -> None:
    """With its line, as `config check` shows it."""
    (tmp_path / "keygrove.toml").write_text(CATALOGUE.format(f"sensitive = {value}"))
    faults = [str(fault) for fault in read({}, {}, tmp_path).faults]
    assert faults == ["keygrove.toml:9: api.permission.sensitive must be true or false"]


def test_the_template_says_what_is_sensitive(tmp_path: Path) -> None:
    """Read back it is the sample."""
    (tmp_path / "keygrove.toml").write_text(template())
    assert load({}, {}, tmp_path).catalogue == SAMPLE
    assert template().count("\nsensitive = true\n") == 1
