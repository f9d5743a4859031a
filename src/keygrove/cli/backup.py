"""`keygrove backup` while everything serves, `keygrove restore` into a new and empty database."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.output import CommandFailed, Json, show, table, time_text
from keygrove.cli.place import configuration

if TYPE_CHECKING:
    from keygrove.config.loading import Config
    from keygrove.storage.backup import Contents, Removal
    from keygrove.storage.journal import Event

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]
_AFTER = """\
The backup cannot tell what was removed, suspended or revoked after {made_at}: it is back now. Look through \
your notes, or name the lost database with --compare if it can still be read. Remove those keys again, then \
run: keygrove signing-key rotate --now"""
_AFTER_COMPARED = """\
Of these, what came back with the backup is to be removed again by hand; then run: keygrove signing-key \
rotate --now"""
_AFTER_DRY_RUN = """\
What was removed, suspended or revoked after {made_at} would be back when this is restored, and the backup \
cannot tell what that is. To have it listed, name the lost database with --compare if it can still be read."""
_AFTER_COMPARED_DRY_RUN = """\
Of these, what comes back when this is restored will have to be removed again by hand."""
_NO_MASTER_KEY = """\
The master key is not here: put the one that the backup was made with at {place}, or set \
KEYGROVE_MASTER_KEY. Without it Keygrove does not start."""
_SEALED = """\
The signing keys in it are sealed, and the master key is not in it. Keep a copy of the master key elsewhere: \
without it no signing key opens and no Secret Key is recognized."""


def backup(file: File, as_json: Json = False) -> None:
    """Write a backup while everything serves. It fits SQLite and PostgreSQL alike."""
    import asyncio
    import time
    from importlib.metadata import version

    from keygrove.storage.backup import back_up
    from keygrove.storage.backup_file import Head
    from keygrove.storage.schema import VERSION

    settings = configuration()
    made_at_s = int(time.time())
    head = Head(
        schema=VERSION,
        made_at_s=made_at_s,
        issuer=settings.issuer,
        keygrove=version("keygrove"),
        secrets_check=_secrets_check(settings, made_at_s),
    )
    counts, checksum = asyncio.run(back_up(settings.database, file, head))
    value = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "made_at": time_text(made_at_s),
        "schema": VERSION,
        "rows": dict(counts),
        "sha256": checksum,
    }
    show(as_json, value, f"Wrote {file} ({file.stat().st_size} bytes).\n\n{_rows(counts)}\n\n{_SEALED}")


def restore(
    file: File,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also check that the master key at hand is the one it needs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, restore nothing.")] = False,
    compare: Annotated[
        str,
        typer.Option(
            "--compare",
            metavar="URL",
            help="The lost database, if it can still be read: lists what was removed after the backup.",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Restore a backup into a new and empty database. Nothing is ever overwritten."""
    import asyncio

    from keygrove.storage.backup import examine
    from keygrove.storage.opening import SQLITE

    if not file.is_file():
        raise CommandFailed(f"{file} is not a file" if file.exists() else f"there is no file {file}")
    settings = configuration()
    contents = examine(file)
    if verify:
        _check_master_key(settings, contents)
    if compare.startswith(SQLITE) and not Path(compare.removeprefix(SQLITE)).is_file():
        raise CommandFailed(f"there is no database at {compare}")
    removed = asyncio.run(_removals(compare, contents.head.made_at_s)) if compare else None
    if not dry_run:
        asyncio.run(_restore(settings, file, contents))
    value = {
        "file": str(file),
        "made_at": time_text(contents.head.made_at_s),
        "issuer": contents.head.issuer,
        "schema": contents.head.schema,
        "restored": not dry_run,
        "verified": verify,
        "rows": dict(contents.counts),
        "signing_keys": sorted(contents.signing_keys),
        "removed_since": None if removed is None else [_value_of(each) for each in removed],
    }
    show(as_json, value, _report(settings, contents, removed, verify, dry_run))


async def _restore(settings: "Config", file: Path, contents: "Contents") -> None:
    from keygrove.storage.backup import NotEmpty
    from keygrove.storage.backup import restore as restore_rows
    from keygrove.storage.database import UniqueViolation
    from keygrove.storage.opening import make_place, open_database

    make_place(settings.database)
    database = await open_database(settings.database)
    try:
        await restore_rows(settings.database, database, file, _note(contents))
    except NotEmpty as error:
        raise CommandFailed(str(error)) from None
    except UniqueViolation:
        raise CommandFailed("somebody else fills the database: stop every Keygrove, then try again") from None
    finally:
        await database.close()


async def _removals(url: str, made_at_s: int) -> "list[Removal]":
    from keygrove.storage.backup import removals_since
    from keygrove.storage.opening import open_database

    database = await open_database(url)
    try:
        return await removals_since(database, made_at_s)
    finally:
        await database.close()


def _secrets_check(settings: "Config", made_at_s: int) -> str:
    """A digest that only this master key gives; empty without a master key."""
    from keygrove.crypto.secrets import Digests, derive_key
    from keygrove.crypto.vault import read_master_key

    master = settings.master_key or read_master_key(settings.master_key_file)
    return "" if master is None else Digests(derive_key(master, "digests")).of("backup", str(made_at_s))


def _check_master_key(settings: "Config", contents: "Contents") -> None:
    """Raises CommandFailed, MasterKeyError."""
    from keygrove.crypto.vault import Vault, read_master_key

    master = settings.master_key or read_master_key(settings.master_key_file)
    if master is None:
        raise CommandFailed(
            f"there is no master key: put it at {settings.master_key_file} or set KEYGROVE_MASTER_KEY"
        )
    vault = Vault(master)
    for kid, sealed in contents.signing_keys.items():
        vault.open(sealed, name=kid)
    check = contents.head.secrets_check
    if check and check != _secrets_check(settings, contents.head.made_at_s):
        raise CommandFailed(
            "the master key is not the one of this backup: it recognizes none of its Secret Keys"
        )


def _note(contents: "Contents") -> "Event":
    import time

    from keygrove.management.context import OPERATOR
    from keygrove.management.record import event

    detail = {"made_at": time_text(contents.head.made_at_s), "rows": dict(contents.counts)}
    return event(OPERATOR, "backup.restored", at=time.time(), target_id=contents.checksum, detail=detail)


def _report(
    settings: "Config", contents: "Contents", removed: "list[Removal] | None", verified: bool, dry_run: bool
) -> str:
    made_at = time_text(contents.head.made_at_s)
    done = "is complete; nothing was restored." if dry_run else "is restored."
    parts = [f"The backup of {contents.head.issuer} made at {made_at} {done}", _rows(contents.counts)]
    if contents.head.issuer != settings.issuer:
        parts.append(f"The configured issuer is another one, {settings.issuer}: tokens will name it.")
    if verified:
        parts.append(f"The master key opens every signing key: {', '.join(sorted(contents.signing_keys))}")
    if removed is None:
        parts.append((_AFTER_DRY_RUN if dry_run else _AFTER).format(made_at=made_at))
    elif removed:
        rows = [
            (time_text(each.at_us // 1_000_000), each.action, each.target_id, each.actor_name)
            for each in removed
        ]
        parts += [
            table(["WHEN", "WHAT", "OF", "BY"], rows),
            _AFTER_COMPARED_DRY_RUN if dry_run else _AFTER_COMPARED,
        ]
    else:
        parts.append(f"Nothing was removed, suspended or revoked after {made_at}.")
    if settings.master_key is None and not settings.master_key_file.exists():
        parts.append(_NO_MASTER_KEY.format(place=settings.master_key_file))
    return "\n\n".join(parts)


def _rows(counts: Mapping[str, int]) -> str:
    return table(["TABLE", "ROWS"], [(name, str(number)) for name, number in counts.items()])


def _value_of(removal: "Removal") -> dict[str, Any]:
    return {
        "at": time_text(removal.at_us // 1_000_000),
        "action": removal.action,
        "target_id": removal.target_id,
        "company_id": removal.company_id,
        "by": removal.actor_name,
    }


def add_to(commands: typer.Typer) -> None:
    """Add these commands at the top level."""
    commands.command("backup")(backup)
    commands.command("restore")(restore)
