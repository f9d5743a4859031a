"""Answers that are JSON."""

from keygrove.endpoints.answers import json_response


def test_json_answers_are_never_stored() -> None:
    """RFC 6749 §5.1 wants `no-store` and `no-cache`; further headers come after."""
    answer = json_response({"error": "é"}, status=405, headers={"allow": "POST"})
    assert answer.headers == (
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("allow", "POST"),
    )
    assert (answer.status, answer.body) == (405, '{"error":"é"}'.encode())
