"""What an app may do for a company, what happened to it there, and what it missed, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keygrove.backoffice.here import Here
from keygrove.backoffice.times import Moment, moment
from keygrove.management.catalogue import Catalogue
from keygrove.management.connected_apps import Happening
from keygrove.management.missed_sign_outs import MissedSignOut

# What is said on the consent page to who allows it, said to the company.
_WORDS = {
    "profile": "See the name of who connects it",
    "email": "See the e-mail address of who connects it",
    "offline": "Stay connected when nobody is there",
}
_OF_EVERY_APP = "openid"
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when, and what happened."""

    when: Moment
    words: str


def told(here: Here, happened: Sequence[Happening]) -> tuple[Line, ...]:
    """The youngest happenings, youngest first."""
    now = here.m.now()
    return tuple(Line(moment(one.at_s, now), _told(here, one)) for one in happened[:_TOLD])


def missed(here: Here, sign_outs: Sequence[MissedSignOut]) -> tuple[Line, ...]:
    """The sign-outs of which the app was not told, and why."""
    now = here.m.now()
    return tuple(Line(moment(one.at_s, now), _why_missed(one)) for one in sign_outs)


def _why_missed(one: MissedSignOut) -> str:
    if one.attempts == 1:
        return f"{one.reason[:1].upper()}{one.reason[1:]}."
    return f"Tried {one.attempts} times: {one.reason}."


def _told(here: Here, one: Happening) -> str:
    match one.what:
        case "connected":
            return f"{one.who} connected it: {_lower(in_words(here.m.catalogue, one.added))}."
        case "widened":
            return f"{one.who} allowed it more: {_lower(in_words(here.m.catalogue, one.added))}."
        case "again":
            return f"{one.who} let it in again, with what it was allowed before."
        case "disconnected":
            return f"{one.who} disconnected it."
        case "gave-back":
            return "The app gave its access back."
        case "stolen":
            return "Its access ended: a code or token came that was used before, as a thief's would."
        case "suspended":
            return f"{here.shell.platform} suspended it."
        case "resumed":
            return f"{here.shell.platform} let it work again."
        case "removed":
            return "Its maker removed it."


def _lower(words: Sequence[str]) -> str:
    text = sentence(words)
    return f"{text[:1].lower()}{text[1:]}"


def in_words(catalogue: Catalogue, scopes: Iterable[str]) -> tuple[str, ...]:
    """What scopes let an app do. Writing includes reading, which is then not said."""
    held = dict.fromkeys("offline" if scope == "offline_access" else scope for scope in scopes)
    included = {
        permission.read
        for api in catalogue.apis
        for permission in api.permissions
        if permission.write in held
    }
    of_api = [scope for scope in catalogue.scopes() if scope in held and scope not in included]
    gone = [scope for scope in held if scope not in {*catalogue.scopes(), *_WORDS, _OF_EVERY_APP}]
    return (
        *(catalogue.label(scope) for scope in (*of_api, *gone)),
        *(words for scope, words in _WORDS.items() if scope in held),
    )


def sentence(words: Sequence[str]) -> str:
    """ "Read bookings, stay connected". Of nothing: what every app may."""
    first, *rest = words or ("Know who connects it",)
    return ", ".join((first, *(f"{each[:1].lower()}{each[1:]}" for each in rest)))
