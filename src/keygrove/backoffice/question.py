"""One plain question before something that cannot be undone, with what will happen."""

from dataclasses import dataclass

from starlette.responses import Response

from keygrove.backoffice.faults import FAILED, by_field, listed
from keygrove.backoffice.here import Here
from keygrove.backoffice.keys import Crumb
from keygrove.backoffice.rendering import page
from keygrove.management.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `lines` say what will happen; `refused` completes "To …, ask an admin"."""

    title: tuple[str, ...]
    heading: str
    lines: tuple[str, ...]
    client_id: str
    action: str
    cancel_url: str
    button: str
    busy: str
    refused: str
    crumbs: tuple[Crumb, ...]
    section: str
    once: str = ""
    kind: str = "danger"


def ask(here: Here, question: Question, faults: tuple[Fault, ...] = ()) -> Response:
    """The question as a page, disabled with the reason for those who may not."""
    return page(
        "question",
        here.shell,
        *question.title,
        status=FAILED if faults else 200,
        failed=bool(faults),
        question=question,
        faults=listed(faults),
        errors=by_field(faults),
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        confirm=here.must_confirm,
    )
