"""The `claims` parameter: OpenID Connect Core §5.5."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.claims_request import ClaimsRequest, parse_claims_request
from keygrove.protocol.errors import InvalidRequest


def parse(asked: object) -> ClaimsRequest:
    """Read it as JSON."""
    return parse_claims_request(json.dumps(asked))


def test_claims_are_asked_for_by_place() -> None:
    """Essential or not, with null or an object; those that we do not have are ignored."""
    asked = parse(
        {
            "userinfo": {"name": {"essential": True}, "picture": None, "http://x.example/y": {"value": 7}},
            "id_token": {
                "email": None,
                "email_verified": {"essential": False},
                "auth_time": {"essential": True},
            },
            "other": 1,
        }
    )
    assert asked.userinfo == {"name"}
    assert asked.id_token == {"email", "email_verified"}
    assert asked.scopes() == {"profile", "email"}


def test_nothing_asked_for_is_nothing() -> None:
    """Absent, empty and null alike."""
    assert parse_claims_request("{}".ljust(4096)) == ClaimsRequest()
    assert parse_claims_request(None) == parse({}) == parse({"userinfo": None}) == ClaimsRequest()


def test_a_subject_is_the_person_it_must_be() -> None:
    """A `sub` with a value, in either place (§5.5.1)."""
    assert parse({"id_token": {"sub": {"value": "p1"}}}).subject == "p1"
    assert parse({"userinfo": {"sub": {"values": ["p1"]}}, "id_token": {"sub": None}}).subject == "p1"
    with pytest.raises(InvalidRequest):
        parse({"id_token": {"sub": {"value": "p1"}}, "userinfo": {"sub": {"value": "p2"}}})


def test_only_an_essential_acr_is_insisted_on() -> None:
    """§5.5.1.1."""
    assert parse({"id_token": {"acr": {"essential": True, "values": ["a", "b"]}}}).acr == ("a", "b")
    assert parse({"id_token": {"acr": {"essential": True, "value": "a"}}}).acr == ("a",)
    assert parse({"id_token": {"acr": {"values": ["a"]}}}).acr == ()
    assert parse({"id_token": {"acr": {"essential": True}}}).acr == ()


def test_claims_that_no_scope_covers_are_dropped() -> None:
    """What a client may not ask for, it does not get by another way."""
    asked = parse({"id_token": {"sub": {"value": "p1"}, "name": None}, "userinfo": {"email": None}})
    kept = asked.within(frozenset({"email"}))
    assert kept == ClaimsRequest(userinfo=frozenset({"email"}), subject="p1")


def test_what_is_malformed_is_an_invalid_request() -> None:
    """Not JSON, of another shape, a member twice, too long, too deep."""
    for text in [
        "", "x", "[]", "null", '"x"', "1", '{"userinfo":[]}', '{"userinfo":1}', '{"id_token":{"name":true}}',
        '{"id_token":{"name":null,"name":null}}', '{"userinfo":{},"userinfo":{}}', "{'userinfo':{}}",
        '{"id_token":{"acr":{"values":"a"}}}', '{"id_token":{"sub":{"value":1}}}', "[" * 4096, "9" * 4500,
        '{"id_token":{"acr":{"essential":true,"values":[["a"]]}}}', "{}".ljust(4097), '{"a":' * 800,
    ]:  # fmt: skip
        with pytest.raises(InvalidRequest) as refused:
            parse_claims_request(text)
        assert len(refused.value.detail) <= 200


@given(st.text('{}[]":,0n', max_size=20))
def test_any_text_is_a_request_for_claims_or_an_invalid_request(text: str) -> None:
    """Nothing else comes out."""
    try:
        assert parse_claims_request(text) == ClaimsRequest()
    except InvalidRequest as error:
        assert error.description == "claims is malformed."  # noqa: PT017 - either is right
