"""What an app asks for, in words: what it could do, why it says so, and what it still could not do."""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace

from keygrove.management.catalogue import ApiListing, Catalogue, Permission
from keygrove.web.asking import AppCard, AskToAllow

# Of OpenID Connect, and so of no API in the catalogue.
_ABOUT_YOU = {
    "openid": ("Know that it is you", "An ID for your account, and the company that you act for."),
    "profile": ("See your name", "As it stands in your account here."),
    "email": ("See your e-mail address", "The one you sign in with."),
    "offline": ("Stay connected", "It can do all of this when you are not there."),
}
_SPELLED = {"offline_access": "offline"}
_NAME_CHARACTERS, _REASON_CHARACTERS = 60, 240
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """One permission: what it lets the app do, what that means, the app's reason, whether it is new.

    `choice` is what its tick box sends, scopes separated by blanks; empty when it is not left to the person.
    """

    title: str
    meaning: str
    reason: str
    is_new: bool
    is_sensitive: bool = False
    choice: str = ""


def shortened(text: str, limit: int = _NAME_CHARACTERS) -> str:
    """Somebody else's words on one line: no invisible or reordering characters, cut off at `limit`."""
    shown = "".join(
        character if unicodedata.category(character)[0] not in "CZ" else " "
        for character in text[: 4 * limit]
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit and len(text) <= 4 * limit else f"{shown[: limit - 1].rstrip()}…"


def asked_for(catalogue: Catalogue, ask: AskToAllow, app: AppCard) -> tuple[Asked, ...]:
    """Every permission asked for, the API's first. What one includes is not said twice."""
    api = _listing(catalogue, ask.audience)
    known = (
        {scope: permission for permission in api.permissions for scope in permission.scopes()} if api else {}
    )
    included = {permission.read for scope, permission in known.items() if scope == permission.write}
    scopes = dict.fromkeys(_SPELLED.get(scope, scope) for scope in ask.scopes)
    new = {_SPELLED.get(scope, scope) for scope in ask.new}
    ordered = [scope for scope in scopes if scope not in _ABOUT_YOU] + [s for s in _ABOUT_YOU if s in scopes]
    optional = {_SPELLED.get(scope, scope) for scope in ask.optional}
    rows = []
    for scope in ordered:
        write = known[scope].write if scope in included else None
        if write is not None and write in scopes and (write in optional) == (scope in optional):
            continue
        row = _asked(catalogue, scope, known.get(scope), app, is_new=scope in new)
        rows.append(replace(row, choice=_choice(scope, known.get(scope), ask)) if scope in optional else row)
    return tuple(rows)


def _choice(scope: str, permission: Permission | None, ask: AskToAllow) -> str:
    """What is allowed with one tick: a permission to write brings the one to read."""
    brought = permission.read if permission is not None and permission.write == scope else None
    spelled = [name for name in ask.optional if _SPELLED.get(name, name) == scope]
    return " ".join(sorted({*spelled, *(ask.optional & {brought})}))


def _asked(
    catalogue: Catalogue, scope: str, permission: Permission | None, app: AppCard, *, is_new: bool
) -> Asked:
    if scope in _ABOUT_YOU:
        title, meaning = _ABOUT_YOU[scope]
    else:
        title, meaning = catalogue.label(scope), permission.description if permission is not None else ""
    # A permission to write includes the one to read; `offline` has two spellings.
    named = (scope, permission.read if permission is not None else f"{scope}_access")
    reason = next((app.reasons[name] for name in named if name is not None and app.reasons.get(name)), "")
    return Asked(
        title,
        meaning,
        shortened(reason, _REASON_CHARACTERS),
        is_new,
        is_sensitive=permission is not None and permission.sensitive,
    )


def not_asked_for(catalogue: Catalogue, ask: AskToAllow, company: str) -> tuple[str, ...]:
    """What it could not do: the rest of the API, in a few words, and what no app can."""
    api = _listing(catalogue, ask.audience)
    rows = api.permissions if api is not None else ()
    could = ask.held.union(ask.scopes)
    readable = [row.resource.lower() for row in rows if row.read in could and row.write not in could]
    hidden = [row.resource.lower() for row in rows if could.isdisjoint(row.scopes())]
    changes = [row for row in rows if row.write is not None and row.write in could]
    lines = []
    if not changes:
        lines.append("Create or change anything")
    elif readable:
        lines.append(f"Create or change {_named(readable, 'or')}")
    if hidden:
        lines.append(f"See {_named(hidden, 'or')}")
    return (*lines, f"See your password, or make keys for {company}")


def held_besides(catalogue: Catalogue, ask: AskToAllow) -> tuple[str, ...]:
    """What it is allowed already and does not ask for now, the API's; what one includes is not said twice."""
    api = _listing(catalogue, ask.audience)
    if api is None:
        return ()
    before = api.complete(ask.held - set(api.complete(ask.scopes)))
    included = {row.read for row in api.permissions if row.write in before}
    return tuple(catalogue.label(scope) for scope in before if scope not in included)


def _listing(catalogue: Catalogue, audience: str) -> ApiListing | None:
    return next((api for api in catalogue.apis if api.audience == audience), None)


def _named(words: Collection[str], joint: str) -> str:
    """ "bookings", "bookings or orders", "bookings, orders or 3 more"."""
    shown = list(words)
    if len(shown) > _MOST_NAMED:
        shown = [*shown[: _MOST_NAMED - 1], f"{len(shown) - _MOST_NAMED + 1} more"]
    return f"{', '.join(shown[:-1])} {joint} {shown[-1]}" if len(shown) > 1 else shown[0]
