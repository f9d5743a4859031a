"""Which API a token is for: RFC 8707 §2 and the older `audience`."""

import pytest

from keygrove.protocol.errors import InvalidTarget
from keygrove.protocol.resource import Api, choose_api, split_targets

OWN = "https://api.understory.io"
APIS = {audience: Api(audience=audience, scopes=frozenset()) for audience in (OWN, "https://other.example")}


@pytest.mark.parametrize("asked", [(), (OWN,), (f"{OWN}/",), (OWN, OWN), (OWN, f"{OWN}/")])
def test_the_clients_own_api_is_chosen(asked: tuple[str, ...]) -> None:
    """By default, by name, by name with a trailing slash, and by name twice."""
    assert choose_api(asked, OWN, APIS).audience == OWN


def test_a_registered_trailing_slash_is_forgiven_too() -> None:
    """The slash may stand on either side."""
    own = f"{OWN}/"
    assert choose_api((OWN,), own, {own: Api(audience=own, scopes=frozenset())}).audience == own


@pytest.mark.parametrize(
    "asked",
    [
        "https://other.example",
        "https://unknown.example",
        OWN.upper(),
        f"{OWN}//",
        f"{OWN}/v1",
        f"{OWN}#fragment",
        f"{OWN}?query",
        "https://api.understory.i",
        "not a uri",
        "http://api.understory.io",
    ],
)
def test_any_other_target_is_refused(asked: str) -> None:
    """Another API, offered or not, and whatever merely looks like the own one (RFC 8707 §2)."""
    with pytest.raises(InvalidTarget) as refused:
        choose_api((asked,), OWN, APIS)
    assert asked not in refused.value.description


def test_one_foreign_target_among_allowed_ones_refuses_all() -> None:
    """Nothing is narrowed in silence."""
    with pytest.raises(InvalidTarget):
        choose_api((OWN, "https://other.example"), OWN, APIS)


def test_an_api_that_left_the_configuration_is_refused() -> None:
    """A key of an API that is not offered any more gets no token."""
    with pytest.raises(InvalidTarget, match="not configured"):
        choose_api((), OWN, {})


def test_audience_is_a_list_and_resource_repeats() -> None:
    """`audience` is split at blanks, `resource` comes as often as it likes."""
    assert split_targets("a  b", ("c", "d")) == ("a", "b", "c", "d")
    assert split_targets(None, ()) == ()
