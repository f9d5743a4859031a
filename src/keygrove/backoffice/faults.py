"""What is wrong with a form, as the page shows it: a list on top, and a message at each field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keygrove.backoffice.here import Here
from keygrove.backoffice.times import when_due
from keygrove.management.errors import Fault, Invalid, Throttled
from keygrove.management.sign_in import confirm
from keygrove.web.forms import Form

FAILED = 422
# Two fields of a page may ask for much the same: the list on top says which one it means.
_LABELS = {
    "company_name": "Company",
    "name": "Name",
    "email": "E-mail address",
    "permissions": "Permissions",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list on top; `target` is the id of the control it leads to."""

    message: str
    target: str


def listed(
    faults: Iterable[Fault],
    targets: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> tuple[Listed, ...]:
    """The list on top. A field's control has the field's name as id unless `targets` says otherwise.

    `labels` are words for fields that this page calls something else.
    """
    targets, labels = targets or {}, {**_LABELS, **(labels or {})}
    return tuple(
        Listed(_labeled(labels.get(fault.field, ""), fault.message), targets.get(fault.field, fault.field))
        for fault in faults
    )


def _labeled(label: str, message: str) -> str:
    return f"{label}: {message[:1].lower()}{message[1:]}" if label else message


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
    return f"Too many attempts. Try again {when_due(retry_at_s, now_s)}."
