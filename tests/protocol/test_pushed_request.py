"""What is kept of a pushed request, and for how long: RFC 9126 §2."""

from urllib.parse import parse_qsl

from keygrove.protocol.client_authentication import AuthenticatedClient
from keygrove.protocol.message import Parameters, decode_form
from keygrove.protocol.pushed_request import LIFETIME_S, PushedRequest, check_pushed_request, is_current
from protocol.asking import APP, POLICY, query

NOW = 1_700_000_000


def test_it_is_kept_without_what_proved_the_client() -> None:
    """And with the client's id, once."""
    body = query({"resource": "https://api.example"}, "&client_secret=x&resource=https://api.example/")
    parameters = Parameters(decode_form(body))
    kept = parse_qsl(check_pushed_request(AuthenticatedClient(APP), parameters, body, POLICY).decode())
    assert kept[0] == ("client_id", "app")
    sent = [pair for pair in decode_form(body) if pair[0] not in ("client_id", "client_secret")]
    assert kept[1:] == sent


def test_it_ends_after_its_time() -> None:
    """To the second; a clock that is behind is forgiven a minute."""
    pushed = PushedRequest(id="p", parameters=b"", made_at_s=NOW)
    assert is_current(pushed, now=NOW - 60)
    assert is_current(pushed, now=NOW + LIFETIME_S - 1)
    assert not is_current(pushed, now=NOW + LIFETIME_S)
    assert not is_current(pushed, now=NOW - 61)
