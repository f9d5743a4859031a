"""Keys for tests: made in one line, refused in one line."""

import pytest

from keygrove.management import integrations
from keygrove.management.companies import Company
from keygrove.management.context import Actor, Management
from keygrove.management.errors import Invalid
from keygrove.management.integrations import NewKey
from management.conftest import ANA


async def make(
    m: Management,
    company: Company,
    name: str = "Newsletter",
    *permissions: str,
    form_token: str | None = None,
    actor: Actor = ANA,
) -> NewKey:
    """Make a key, by default one that may read marketing consents."""
    chosen = permissions or ("marketing.read",)
    return await integrations.create_key(
        m, actor, company.id, name=name, permissions=chosen, form_token=form_token
    )


async def refused(*fields: str, doing: object) -> Invalid:
    """The refusal of what is being done, which must name these fields and no others."""
    with pytest.raises(Invalid) as caught:
        await doing  # type: ignore[misc]
    assert [fault.field for fault in caught.value.faults] == list(fields)
    return caught.value
