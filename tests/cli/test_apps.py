"""`keygrove app` and `keygrove api-credential`, as operators type them."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from cli.command import Shell
from keygrove.crypto.secrets import is_whole

CREATE = (
    "app", "create", "--company", "acme", "--name", "Waves Marketplace", "--redirect-uri", "https://w.example/cb",
    "--permission", "booking.read,profile",
)  # fmt: skip
REVIEWED = (
    "--reason", "profile=Greets you.", "--description", "Sells tours.", "--owner", "Waves",
    "--policy-uri", "https://w.example/privacy", "--tos-uri", "https://w.example/terms",
    "--contact-email", "apps@w.example",
)  # fmt: skip


def test_a_live_app_is_one_command_and_its_secret_is_printed_once(shell: Shell) -> None:
    """Everything else can be seen again."""
    made = shell.value(*CREATE, "--live", "--reason", "booking.read=Shows what was booked.")
    assert is_whole(made["client_secret"])
    assert (made["state"], made["permissions"]) == ("live", ["booking.read", "profile"])
    assert (made["redirect_uris"], made["require_pkce"]) == (["https://w.example/cb"], True)
    assert made["reasons"] == {"booking.read": "Shows what was booked."}
    secret = made.pop("client_secret")
    assert shell.value("app", "show", made["client_id"]) == made | {"missed_sign_outs": []}
    assert shell.value("app", "list") == {"apps": [made]}
    assert shell.value("app", "list", "--state", "in_review") == {"apps": []}
    assert "kg_sk_" in shell.run(*CREATE[:5], "Second", *CREATE[6:]).stdout
    shown = shell.run("app", "show", made["client_id"]).stdout + shell.run("app", "list").stdout
    assert "booking.read: Shows what was booked." in shown
    assert secret not in shown


def test_what_an_app_was_not_told_is_shown_with_it(shell: Shell) -> None:
    """When Keygrove gave it up, after how many attempts, and why."""
    made = shell.value(*CREATE, "--live")
    detail = json.dumps({"reason": "it could not be reached", "attempts": 4})
    at = datetime.now(UTC).replace(microsecond=0)
    with closing(sqlite3.connect(shell.folder / ".keygrove" / "keygrove.db")) as connection, connection:
        connection.execute(
            "insert into journal (event_id, at_us, actor_kind, actor_id, actor_name, action, target_id, "
            "outcome, detail, address, request_id) values ('e', ?, 'system', 'k', 'K', "
            "'app.told_of_sign_out', ?, 'failed', ?, '', '')",
            (int(at.timestamp()) * 1_000_000, made["client_id"], detail),
        )
    when = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    shown = shell.value("app", "show", made["client_id"])["missed_sign_outs"]
    assert shown == [{"at": when, "reason": "it could not be reached", "attempts": 4}]
    last = shell.run("app", "show", made["client_id"]).stdout.splitlines()[-1]
    assert last.split(maxsplit=2) == [when, "4", "it could not be reached"]


def test_a_public_native_app_has_no_secret(shell: Shell) -> None:
    """It may have a scheme of its own."""
    made = shell.value(*CREATE, "--redirect-uri", "io.waves:/cb", "--public", "--native", "--pkce-optional")
    assert "client_secret" not in made
    assert (made["public"], made["application_type"], made["require_pkce"]) == (True, "native", True)
    assert made["redirect_uris"] == ["https://w.example/cb", "io.waves:/cb"]
    assert shell.error("app", "secret", made["client_id"], "--yes") == (
        1,
        "keygrove: A public app has no secret.",
    )


def test_an_app_that_signs_has_no_secret(shell: Shell, tmp_path: Path) -> None:
    """Its public keys are given instead; private ones are refused, and so is what is no key set."""
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    file = tmp_path / "jwks.json"
    wrong: list[object] = [{"keys": [key.as_dict(private=True)]}, {"keys": []}, "x"]
    for document in wrong:
        file.write_text(json.dumps(document))
        assert "JSON Web Key Set" in shell.error(*CREATE, "--jwks", str(file))[1]
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    made = shell.value(*CREATE, "--jwks", str(file))
    assert (made["signs"], made["public"], "client_secret" in made) == (True, False, False)
    assert shell.error("app", "secret", made["client_id"], "--yes") == (
        1,
        "keygrove: This app signs: it has no secret.",
    )
    assert shell.error(*CREATE, "--jwks", str(file), "--public")[0] == 2


def test_an_app_is_reviewed_changed_and_removed(shell: Shell) -> None:
    """Each step says the state; a step that does not follow is refused in one line."""
    made = shell.value(*CREATE, "--pkce-optional", "--optional-permission", "email")
    client_id = made["client_id"]
    assert (made["state"], made["require_pkce"]) == ("draft", False)
    assert made["optional_permissions"] == ["email"]
    draft = shell.error("app", "approve", client_id, made["revision"])
    assert draft == (1, "keygrove: state: The app is a draft. Nothing was changed.")
    changed = shell.value("app", "update", client_id, "--name", "Tides", "--permission", "event.read")
    assert (changed["name"], changed["permissions"], changed["state"]) == ("Tides", ["event.read"], "draft")
    assert changed["redirect_uris"] == made["redirect_uris"]
    assert shell.value("app", "suspend", client_id)["state"] == "suspended"
    assert "works again" in shell.run("app", "resume", client_id).stdout
    renewed = shell.value("app", "secret", client_id, "--yes")
    assert is_whole(renewed["client_secret"])
    assert renewed["client_secret"] != made["client_secret"]
    assert shell.value("app", "remove", client_id, "--yes") == {"client_id": client_id, "removed": True}
    assert shell.error("app", "show", client_id) == (1, "keygrove: There is no such app.")


def test_an_operator_approves_what_they_looked_at(shell: Shell) -> None:
    """The app names it; whoever approves reads once more what that is."""
    made = shell.value(*CREATE, "--reason", "booking.read=Shows what was booked.", *REVIEWED)
    client_id = made["client_id"]
    assert shell.value("app", "submit", client_id)["state"] == "in_review"
    waiting = shell.run("app", "list", "--state", "in_review").stdout
    seen = shell.value("app", "show", client_id)
    assert seen["submitted_at"] in waiting
    shell.value("app", "update", client_id, "--tos-uri", "https://w.example/other")
    code, line = shell.error("app", "approve", client_id, seen["revision"])
    now = shell.value("app", "show", client_id)["revision"]
    assert (code, line) == (1, "keygrove: revision: The app says something else by now. Look at it again.")
    shown = shell.run("app", "approve", client_id, now).stdout
    assert shown.startswith("You approved this, and every company can connect it:")
    assert "booking.read: Shows what was booked." in shown
    assert shell.error("app", "approve", client_id, now) == (
        1,
        "keygrove: state: The app is live. Nothing was changed.",
    )


def test_nobody_approves_what_they_have_not_seen(shell: Shell) -> None:
    """Without a revision the app is shown on the terminal and asked about; elsewhere nothing is approved."""
    client_id = shell.value(*CREATE, "--reason", "booking.read=Shows what was booked.", *REVIEWED)[
        "client_id"
    ]
    approve = ("app", "approve", client_id)
    draft = shell.on_a_terminal("y", *approve)
    assert (draft.returncode, draft.stderr.count("only what is in review can be approved")) == (1, 1)
    assert shell.error(*approve) == (1, draft.stderr.strip())
    shell.value("app", "submit", client_id)
    assert shell.error(*approve) == (
        2,
        "keygrove: there is no terminal to ask on: add the REVISION that `keygrove app show` names",
    )
    refused = shell.on_a_terminal("n", *approve)
    assert (refused.returncode, refused.stdout) == (130, "")
    assert "booking.read: Shows what was booked." in refused.stderr
    assert "Let every company connect this? [y/N]" in refused.stderr
    assert shell.value("app", "show", client_id)["state"] == "in_review"
    assert json.loads(shell.on_a_terminal("y", *approve, "--json").stdout)["state"] == "live"


def test_whatever_create_says_update_changes(shell: Shell, tmp_path: Path) -> None:
    """One thing at a time; an empty text takes away what may be left out."""
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "k1"}).as_dict(private=False)]}))
    made = shell.value(*CREATE, "--jwks", str(keys), "--optional-permission", "email")
    keys.write_text(json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "k2"}).as_dict(private=False)]}))
    given = {
        "--redirect-uri": ("redirect_uris", ["https://w.example/2"]),
        "--post-logout-redirect-uri": ("post_logout_redirect_uris", ["https://w.example/bye"]),
        "--backchannel-logout-uri": ("backchannel_logout_uri", "https://w.example/out"),
        "--description": ("description", "Sells tours."),
        "--logo-uri": ("logo_uri", "https://w.example/logo.svg"),
        "--policy-uri": ("policy_uri", "https://w.example/privacy"),
        "--tos-uri": ("tos_uri", "https://w.example/terms"),
        "--owner": ("owner", "Waves"),
        "--contact-email": ("contact_email", "apps@w.example"),
    }
    options = [
        word
        for option, (_, value) in given.items()
        for word in (option, value if isinstance(value, str) else value[0])
    ]
    more = (
        "--jwks",
        str(keys),
        "--pkce-optional",
        "--reason",
        "profile=Greets you.",
        "--permission",
        "profile",
    )
    changed = shell.value("app", "update", made["client_id"], *options, *more)
    assert {member: changed[member] for member, _ in given.values()} == dict(given.values())
    assert (changed["require_pkce"], changed["reasons"]) == (False, {"profile": "Greets you."})
    assert (changed["permissions"], changed["optional_permissions"]) == (["profile"], ["email"])
    assert "k2" in shell.run("app", "show", made["client_id"]).stdout
    bare = shell.value("app", "update", made["client_id"], "--tos-uri", "", "--post-logout-redirect-uri", "")
    assert (bare["tos_uri"], bare["post_logout_redirect_uris"]) == (None, [])


def test_a_credential_of_an_api_is_made_listed_and_removed(shell: Shell) -> None:
    """The API need not be named when there is only one."""
    made = shell.value("api-credential", "create", "--name", "Booking API")
    assert is_whole(made.pop("client_secret"))
    assert made["audience"] == "https://api.understory.io"
    assert shell.value("api-credential", "list") == {"api_credentials": [made]}
    assert made["client_id"] in shell.run("api-credential", "list").stdout
    shell.value("api-credential", "remove", made["client_id"], "--yes")
    assert shell.value("api-credential", "list") == {"api_credentials": []}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((*CREATE, "--reason", "because"), 2, "--reason: 'because' is not SCOPE=TEXT"),
        ((*CREATE, "--redirect-uri", "http://w.example/"), 1, "redirect_uris: Line 2: Use https"),
        ((*CREATE, "--logo-uri", "x"), 1, "logo_uri: "),
        (CREATE[:6], 2, "--redirect-uri"),
        (("app", "list", "--state", "gone"), 2, "--state: 'gone' is not one of draft"),
        (("app", "update", "kg_ci_x"), 1, "nothing to change"),
        (("app", "approve", "kg_ci_x", "revision"), 1, "no such app"),
        (("app", "approve", "kg_ci_x"), 1, "no such app"),
        (("app", "remove", "kg_ci_x"), 2, "add --yes"),
        (("api-credential", "create", "--name", "x", "--api", "https://o.example"), 1, "no such API"),
        (("api-credential", "remove", "kg_ci_x", "--yes"), 1, "no such API credential"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    shell: Shell, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """1 for what cannot be done, 2 for wrong usage."""
    got, line = shell.error(*arguments)
    assert got == code
    assert words in line
