"""`keygrove journal`: who did what to what, when, from where."""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keygrove.cli.output import Json, WronglyUsed, show, table, time_text
from keygrove.cli.work import find_company, with_management

if TYPE_CHECKING:
    from keygrove.management.context import Management
    from keygrove.management.journal import Event

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS_S = {"m": 60, "h": 3600, "d": 24 * 3600}
_WHEN = "--since: give a time such as 2026-03-01 or 2026-03-01T12:00:00Z (UTC), or how long ago: 30m, 12h, 7d"
_MORE_CHARACTERS = 160


def journal(
    company: Annotated[
        str, typer.Option("--company", metavar="ID", help="Only what was done in this company (id or slug).")
    ] = "",
    target: Annotated[
        str,
        typer.Option("--target", metavar="ID", help="Only what was done to this: a key, also a removed one."),
    ] = "",
    action: Annotated[
        str, typer.Option("--action", metavar="NAME", help="Only this action, such as key.removed.")
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="2026-03-01, 2026-03-01T12:00:00Z, 30m, 12h or 7d.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="How many lines at most.")
    ] = 100,
    as_json: Json = False,
) -> None:
    """Show who did what to what, newest first.

    And when, and from where. A line that says refused was tried and not done.
    --json prints every detail.
    """
    from keygrove.management.names import legible

    since_s = _since(since, int(time.time())) if since else 0

    async def read(m: "Management") -> "tuple[tuple[Event, ...], dict[str, str]]":
        from keygrove.management import companies
        from keygrove.management import journal as lines

        company_id = (await find_company(m, company)).id if company else ""
        found = await lines.read(
            m, company_id=company_id, target_id=target, action=action, since_s=since_s, limit=limit + 1
        )
        return found, {each.id: each.slug for each in await companies.every(m)}

    found, slugs = with_management(read, create=False)
    events, more = found[:limit], len(found) > limit
    text = "Nothing is in the journal about that."
    if events:
        headings = ["TIME", "WHO", "FROM", "WHAT", "TO WHAT", "OUTCOME", "COMPANY", "MORE"]
        # A target that was refused may be whatever a stranger sent.
        text = table(headings, [[legible(cell) for cell in _cells(each, slugs)] for each in events])
    if more:
        text += "\n\nThere are older lines: see --limit and --since."
    show(as_json, {"events": [value_of(each) for each in events], "more": more}, text)


def value_of(event: "Event") -> dict[str, Any]:
    """A line as JSON has it."""
    return {
        "id": event.id,
        "at": time_text(event.at_us // 1_000_000),
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "actor_name": event.actor_name,
        "address": event.address,
        "action": event.action,
        "target_id": event.target_id,
        "outcome": event.outcome,
        "company_id": event.company_id,
        "detail": json.loads(event.detail),
        "request_id": event.request_id,
    }


def _since(text: str, now_s: int) -> int:
    """Epoch seconds. Raises WronglyUsed."""
    if ago := _AGO.fullmatch(text):
        return now_s - int(ago[1]) * _UNITS_S[ago[2]]
    try:
        at = datetime.fromisoformat(text)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise WronglyUsed(_WHEN) from None


def _cells(event: "Event", slugs: Mapping[str, str]) -> Sequence[str]:
    detail = json.loads(event.detail)
    name = detail.get("name") or detail.get("email")
    if isinstance(detail.get("after"), dict):
        name = detail["after"].get("name", name)
    return (
        time_text(event.at_us // 1_000_000) or "",
        event.actor_name or "nobody",
        "command line" if event.actor_kind == "cli" else event.address,
        event.action,
        f"{event.target_id} ({name})" if name else event.target_id,
        event.outcome,
        slugs.get(event.company_id or "", event.company_id or ""),
        _short("; ".join(_more(detail))),
    )


def _more(detail: Mapping[str, Any]) -> Iterator[str]:
    """What else the line says, in short."""
    before, after = detail.get("before"), detail.get("after")
    if isinstance(before, dict) and isinstance(after, dict):
        for field in after:
            if after[field] != before.get(field):
                yield f"{field}: {_words(before.get(field))} -> {_words(after[field])}"
    elif before is not None:
        yield f"{_words(before)} -> {_words(after)}"
    for field, value in detail.items():
        if field not in ("name", "email", "before", "after") and value not in (None, "", [], {}):
            if field.endswith("_s") and isinstance(value, int):
                field, value = field.removesuffix("_s"), time_text(value)
            yield f"{field}: {_words(value)}"


def _words(value: object) -> str:
    match value:
        case list():
            return " ".join(map(str, value)) or "nothing"
        case dict():
            return " ".join(f"{name}={each}" for name, each in value.items()) or "nothing"
        case None | "":
            return "nothing"
        case _:
            return str(value)


def _short(text: str) -> str:
    return text if len(text) <= _MORE_CHARACTERS else f"{text[:_MORE_CHARACTERS]}…"


def add_to(commands: typer.Typer) -> None:
    """Add this command at the top level."""
    commands.command("journal")(journal)
