"""What is wrong with a form, as the page shows it: a list on top, and a message at each field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keygrove.backoffice.here import Here
from keygrove.backoffice.times import moment
from keygrove.management.errors import Fault, Invalid, Throttled
from keygrove.management.sign_in import confirm
from keygrove.web.forms import Form

FAILED = 422


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list on top; `target` is the id of the control it leads to."""

    message: str
    target: str


def listed(faults: Iterable[Fault], targets: Mapping[str, str] | None = None) -> tuple[Listed, ...]:
    """The list on top. A field's control has the field's name as id unless `targets` says otherwise."""
    targets = targets or {}
    return tuple(Listed(fault.message, targets.get(fault.field, fault.field)) for fault in faults)


def by_field(faults: Iterable[Fault]) -> dict[str, str]:
    """The first message for each field."""
    messages: dict[str, str] = {}
    for fault in faults:
        messages.setdefault(fault.field, fault.message)
    return messages


async def confirmation_faults(here: Here, form: Form) -> tuple[Fault, ...]:
    """Nothing when the person signed in recently or the form's password proves it is them."""
    if not here.must_confirm:
        return ()
    password = form.one("password")
    if not password:
        return (Fault("password", "Enter your password."),)
    try:
        visit = here.visit
        await confirm(here.m, visit.session, password, address=visit.address, request_id=visit.request_id)
    except Invalid as invalid:
        return invalid.faults
    except Throttled as throttled:
        return (Fault("password", too_many(throttled.retry_at_s, here.m.now())),)
    return ()


def too_many(retry_at_s: int, now_s: int) -> str:
    """The sentence for somebody who has to wait."""
    return f"Too many attempts. Try again at {moment(retry_at_s, now_s).seconds}."
