"""Settings that are true or false."""

from pathlib import Path

import pytest

from keygrove.config.loading import ConfigInvalid, load, read

NAME, VARIABLE = "backchannel_logout_internal", "KEYGROVE_BACKCHANNEL_LOGOUT_INTERNAL"


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False), ("", False)]
)
def test_a_switch_comes_from_the_environment(tmp_path: Path, text: str, *, value: bool) -> None:
    """As words; empty counts as absent, which is off."""
    assert load(environ={VARIABLE: text}, folder=tmp_path).backchannel_logout_internal is value


@pytest.mark.parametrize("value", [True, False])
def test_a_switch_comes_from_the_file_and_is_shown(tmp_path: Path, *, value: bool) -> None:
    """In TOML's own words."""
    text = "true" if value else "false"
    (tmp_path / "keygrove.toml").write_text(f"{NAME} = {text}\n")
    reading = read(environ={}, folder=tmp_path)
    assert reading.config is not None
    assert reading.config.backchannel_logout_internal is value
    assert [shown.value for shown in reading.shown if shown.name == NAME] == [text]


@pytest.mark.parametrize("line", [f'{NAME} = "true"', f"{NAME} = 1", f"{NAME} = []"])
def test_nothing_else_is_a_switch_in_the_file(tmp_path: Path, line: str) -> None:
    """A text or a number is a slip."""
    (tmp_path / "keygrove.toml").write_text(line + "\n")
    with pytest.raises(ConfigInvalid, match=f"{NAME} must be true or false"):
        load(environ={}, folder=tmp_path)


def test_no_other_word_is_one_in_the_environment(tmp_path: Path) -> None:
    """Nobody guesses what was meant."""
    with pytest.raises(ConfigInvalid, match=f"{NAME} must be true or false"):
        load(environ={VARIABLE: "perhaps"}, folder=tmp_path)
