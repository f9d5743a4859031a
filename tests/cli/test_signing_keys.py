"""`keygrove signing-key`: what it prints, for people and as JSON, and how it fails."""

import re
from typing import Any

from cli.command import Shell
from house.tree import ROOT
from keygrove.app import RELOAD_S
from keygrove.config.settings import SETTINGS
from keygrove.endpoints.discovery import MAX_AGE_S
from keygrove.management.signing_keys import AUTOMATIC_AHEAD_S, KEPT_S, PUBLISH_AHEAD_S
from keygrove.sdk import key_cache

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def keys(shell: Shell) -> list[dict[str, Any]]:
    """Every signing key, newest first."""
    found = shell.value("signing-key", "list")["signing_keys"]
    assert isinstance(found, list)
    return found


def test_a_key_is_listed_rotated_and_revoked(shell: Shell) -> None:
    """Published first, hastened with --now, then taken back: a new one is made in its place."""
    (first,) = keys(shell)
    assert set(first) == {
        "kid", "algorithm", "state", "created_at", "signs_from", "published_until", "revoked_at",
    }  # fmt: skip
    assert (first["algorithm"], first["state"], first["published_until"]) == ("RS256", "current", None)
    (ahead,) = shell.value("signing-key", "rotate")["rotations"]
    assert (ahead["made"], ahead["state"]) == (True, "next")
    assert RFC3339.fullmatch(ahead["signs_from"])
    (again,) = shell.value("signing-key", "rotate")["rotations"]
    assert again == ahead | {"made": False}
    (hastened,) = shell.value("signing-key", "rotate", "--now")["rotations"]
    assert (hastened["kid"], hastened["state"]) == (ahead["kid"], "current")
    assert [key["state"] for key in keys(shell)] == ["current", "previous"]
    done = shell.value("signing-key", "revoke", ahead["kid"], "--yes")
    assert (done["revoked"]["kid"], done["revoked"]["state"]) == (ahead["kid"], "revoked")
    assert done["successor"]["state"] == "current"
    assert shell.value("signing-key", "revoke", first["kid"], "--yes")["successor"] is None
    assert [key["state"] for key in keys(shell)] == ["current", "revoked", "revoked"]


def test_people_read_sentences_and_a_table(shell: Shell) -> None:
    """The whole kid stands in each line, to be copied."""
    kid = keys(shell)[0]["kid"]
    assert re.search(
        rf"^{re.escape(kid)} +RS256 +current +\d{{4}}-", shell.run("signing-key", "list").stdout, re.M
    )
    assert " signs from 2" in shell.run("signing-key", "rotate").stdout
    assert ", as somebody decided before." in shell.run("signing-key", "rotate").stdout
    assert " signs from now on." in shell.run("signing-key", "rotate", "--now").stdout
    assert kid in shell.run("signing-key", "revoke", kid, "--yes").stdout


def test_how_long_a_revoked_key_is_believed_is_told(shell: Shell) -> None:
    """By the help, the question, and the command when it is done: never that it is over at once."""
    assert (RELOAD_S, key_cache.OLD_S, MAX_AGE_S) == (15, 15 * 60, 3600)
    (key,) = keys(shell)
    helped = shell.run("signing-key", "revoke", "--help").stdout
    asked = shell.on_a_terminal("n", "signing-key", "revoke", key["kid"]).stderr
    done = shell.run("signing-key", "revoke", key["kid"], "--yes").stdout
    for text in (helped, asked, done):
        assert "APIs refuse its tokens once they have fetched the keys again" in " ".join(text.split())
    for text in (helped, done):
        words = " ".join(text.split())
        assert "Servers publish it no more within 15 seconds." in words
        assert "within 15 minutes with Keygrove's SDK, an hour with others that obey max-age." in words


def test_the_handbook_tells_of_rotation_what_the_code_does() -> None:
    """Its numbers are those of the code."""
    text = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    (days,) = [setting.default for setting in SETTINGS if setting.name == "rotation_days"]
    for words in (
        f"every {days} days by default (`rotation_days`; 0 for never)",
        f"published {AUTOMATIC_AHEAD_S // 3600} hours before it signs",
        f"published for {KEPT_S // 60} minutes after",
        f"it signs in {PUBLISH_AHEAD_S // 3600} hours",
        f"at most every {key_cache.RETRY_S} seconds",
        f"Within {RELOAD_S:.0f} seconds no running server publishes it",
        f"within {key_cache.OLD_S // 60} minutes with Keygrove's SDK (a day at most",
        "with others when their copy ends, an hour if they obey its max-age",
    ):
        assert words in text, words
    assert (key_cache.LOST_S, MAX_AGE_S) == (24 * 3600, 3600)


def test_the_algorithm_is_one_that_an_api_uses(shell: Shell) -> None:
    """Without --algorithm all of them are rotated."""
    code, line = shell.error("signing-key", "rotate", "--algorithm", "ES256")
    assert (code, line) == (1, "keygrove: no API's tokens are signed with 'ES256'; in use: RS256")
    assert shell.run("init").returncode == 0
    file = shell.folder / "keygrove.toml"
    file.write_text(file.read_text().replace('signing_algorithm = "RS256"', 'signing_algorithm = "ES256"'))
    (one,) = shell.value("signing-key", "rotate", "--algorithm", "ES256")["rotations"]
    assert one["algorithm"] == "ES256"
    both = shell.value("signing-key", "rotate")["rotations"]
    assert [(each["algorithm"], each["made"]) for each in both] == [("ES256", False), ("RS256", True)]


def test_a_kid_may_begin_with_a_dash(shell: Shell) -> None:
    """It is base64url: it must not be taken for an option."""
    for kid in ("-Wm0Zg", "--abc", "nobody"):
        said = shell.error("signing-key", "revoke", kid, "--yes")
        assert said == (1, f"keygrove: There is no signing key {kid}.")
