"""A password typed into the address field: it is not kept, and guesses at it are counted all the same."""

import pytest

from keygrove.management import sign_in
from keygrove.management.companies import Company
from keygrove.management.context import Management
from keygrove.management.errors import Invalid, Throttled
from recorded import Journal

pytestmark = pytest.mark.anyio
TYPED = "a-Clearing-in-a-Forest"


async def test_what_was_typed_is_nowhere_in_the_database(
    m: Management, acme: Company, journal: Journal
) -> None:
    """In no case and in no table, while the attempts are still counted."""
    for _ in range(5):
        with pytest.raises(Invalid):
            await sign_in.sign_in(m, email=TYPED, password="x" * 12, address="192.0.2.1")
    assert TYPED.lower() not in journal.everything_stored().lower()
    with pytest.raises(Throttled):
        await sign_in.sign_in(m, email=TYPED.upper(), password="x" * 12, address="192.0.2.2")


async def test_long_addresses_do_not_share_a_count(m: Management, acme: Company) -> None:
    """However much of them is the same."""
    for number in range(10):
        with pytest.raises(Invalid):
            await sign_in.sign_in(m, email="a" * 300 + str(number), password="x" * 12, address="192.0.2.1")
