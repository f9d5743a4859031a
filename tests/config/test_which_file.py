"""Which keygrove.toml is read."""

from pathlib import Path

from keygrove.config.loading import load, read


def test_the_file_is_named_or_here_or_in_the_data_folder(tmp_path: Path) -> None:
    """KEYGROVE_CONFIG goes before all; a data folder that is named before here, and here before another."""
    named, data, usual = tmp_path / "named.toml", tmp_path / "data", tmp_path / ".keygrove"
    data.mkdir()
    usual.mkdir()
    named.write_text("port = 1001")
    (data / "keygrove.toml").write_text("port = 1003")
    environ = {"KEYGROVE_DATA_DIR": str(data)}
    (usual / "keygrove.toml").write_text("port = 1004")
    assert load({}, {}, tmp_path).port == 1004
    (tmp_path / "keygrove.toml").write_text("port = 1002")
    assert load({}, {}, tmp_path).port == 1002
    assert load({}, environ, tmp_path).port == 1003
    assert load({"data_dir": data}, {}, tmp_path).port == 1003
    (data / "keygrove.toml").unlink()
    assert load({}, environ, tmp_path).port == 1002
    (data / "keygrove.toml").write_text("port = 1003")
    assert load({}, environ | {"KEYGROVE_CONFIG": str(named)}, tmp_path).port == 1001


def test_a_named_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    """Starting without it would start something else."""
    faults = read({}, {"KEYGROVE_CONFIG": "gone.toml"}, tmp_path).faults
    assert [str(fault) for fault in faults] == ["gone.toml: cannot be read: No such file or directory"]
