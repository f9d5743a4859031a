"""Table T of the hostile cases: the shape of a token request."""

import json
from urllib.parse import quote, urlencode

import pytest

from endpoints.asking import FORM, PATH, Asker, body_of, granted, not_stored, refused
from hostile_rules import Rules
from web.wire import CRLF, dial, exchange, form_post, request


def post_line() -> bytes:
    """The first line of a token request."""
    return b"POST " + PATH.encode() + b" HTTP/1.1"


def test_t01_get_with_parameters_in_the_query(ask: Asker, rules: Rules) -> None:
    """No token, and the parameters are logged nowhere."""
    answer = ask.send("GET", b"", {}, query=f"?{urlencode(ask.form(state='marker-of-t01'))}")
    refused(answer, "invalid_request", 405)
    assert answer.headers["allow"] == "POST"
    assert "marker-of-t01" not in rules.server.log_text()
    assert ask.key.client_secret not in rules.server.log_text()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_t02_other_methods(ask: Asker, method: str) -> None:
    """None of them is treated as POST, whatever they carry."""
    answer = ask.send(method, b"" if method == "HEAD" else body_of(ask), FORM)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    not_stored(answer)
    if method != "HEAD":
        refused(answer, "invalid_request", 405)


def test_t02_head_has_no_body(ask: Asker, rules: Rules) -> None:
    """On the wire: the answer ends with its head, and the next request on the connection is understood."""
    head = request(rules.server, b"HEAD " + PATH.encode() + b" HTTP/1.1")
    good = form_post(rules.server, PATH.encode(), body_of(ask))
    with dial(rules.server) as plug:
        plug.sendall(head + good)
        data = b""
        while data.count(b"HTTP/1.1 ") < 2 or not data.endswith(b"}"):
            data += plug.recv(65536)
    first, second = data.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"405 ")
    assert first.endswith(CRLF * 2)
    assert second.startswith(b"200 ")


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"TOKEN", b"post", b"X" * 10_000])
def test_t03_unusual_methods(rules: Rules, method: bytes) -> None:
    """Refused, and no header of the request comes back."""
    headers = (b"X-Marker: marker-of-t03", b"Cookie: a=marker-of-t03")
    reply = exchange(rules, request(rules.server, method + b" " + PATH.encode() + b" HTTP/1.1", *headers))
    assert reply is not None
    assert reply.status in (400, 405, 431, 501)
    if len(method) < 100:
        assert reply.status in (405, 501)
    assert b"marker-of-t03" not in reply.body
    assert "marker-of-t03" not in str(reply.headers)


def test_t05_method_overrides_are_ignored(ask: Asker) -> None:
    """As a header and as a parameter, in both directions."""
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        granted(ask.post(ask.form(), {name: "GET"}))
        refused(
            ask.send("GET", b"", {name: "POST"}, query=f"?{urlencode(ask.form())}"), "invalid_request", 405
        )
    granted(ask(_method="GET"))
    refused(ask.send("GET", b"", {}, query="?_method=POST"), "invalid_request", 405)


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"]
)
def test_t06_json_and_other_bodies(ask: Asker, content_type: str) -> None:
    """The refusal says what to send; values are not used."""
    body = json.dumps(dict(ask.form())).encode()
    answer = ask.send("POST", body, {"Content-Type": content_type})
    assert "application/x-www-form-urlencoded" in refused(answer, "invalid_request")


def test_t06_a_form_that_says_it_is_json(ask: Asker) -> None:
    """The label counts."""
    refused(ask.send("POST", body_of(ask), {"Content-Type": "application/json"}), "invalid_request")


def test_t07_no_content_type(ask: Asker, rules: Rules) -> None:
    """Nothing is guessed."""
    body = body_of(ask)
    length = b"Content-Length: %d" % len(body)
    reply = exchange(rules, request(rules.server, post_line(), length, body=body))
    assert reply is not None
    assert reply.status == 400
    assert json.loads(reply.body)["error"] == "invalid_request"


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "iso-8859-1"])
def test_t09_other_charsets(ask: Asker, charset: str) -> None:
    """A body is read as UTF-8 or not at all."""
    body = urlencode(ask.form()).encode(charset)
    headers = {"Content-Type": f"{FORM['Content-Type']}; charset={charset}"}
    refused(ask.send("POST", body, headers), "invalid_request")


def test_t09_utf_16_without_saying_so(ask: Asker) -> None:
    """Its NUL bytes are no form."""
    refused(ask.post(body_of(ask).decode().encode("utf-16-le")), "invalid_request")


@pytest.mark.parametrize(
    "content_type",
    [
        "APPLICATION/X-WWW-FORM-URLENCODED",
        "application/x-www-form-urlencoded ; charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded;charset=utf-8",
        'application/x-www-form-urlencoded;  charset="UTF-8"',
    ],
)
def test_t10_spellings_of_the_media_type(ask: Asker, content_type: str) -> None:
    """All of these are the same type."""
    granted(ask.send("POST", body_of(ask), {"Content-Type": content_type}))


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope", "audience", "code"])
def test_t11_a_parameter_twice(ask: Asker, name: str) -> None:
    """Equal, different or empty, before or after."""
    form = ask.form(code="x")
    value = dict(form)[name]
    for again in (value, "other", ""):
        refused(ask.post([*form, (name, again)]), "invalid_request")
        refused(ask.post([(name, again), *form]), "invalid_request")


def test_t11_resource_may_repeat(ask: Asker) -> None:
    """RFC 8707 allows it."""
    form = ask.form(audience=None)
    own = "https://api.understory.io"
    granted(ask.post([*form, ("resource", own), ("resource", own)]))


def test_t13_empty_scope_and_audience(ask: Asker) -> None:
    """The same as absent."""
    assert granted(ask(scope="", audience=""))["scope"] == "marketing.read"
    assert granted(ask(scope=None, audience=None))["scope"] == "marketing.read"


def test_t14_unknown_parameters(ask: Asker) -> None:
    """Fifty of them are ignored."""
    granted(ask.post([*ask.form(), *((f"unknown{number}", "x") for number in range(50))]))


@pytest.mark.parametrize("grant_type", [None, ""])
def test_t15_no_grant_type(ask: Asker, grant_type: str | None) -> None:
    """Missing or empty."""
    refused(ask(grant_type=grant_type), "invalid_request")


@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "token",
        "code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
)
def test_t15_other_grant_types(ask: Asker, grant_type: str) -> None:
    """What is not switched on is unsupported."""
    answer = ask(grant_type=grant_type, username="a", password="b", code="c", refresh_token="d")
    refused(answer, "unsupported_grant_type")


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
def test_t15_grant_types_of_apps(ask: Asker, grant_type: str) -> None:
    """A key acts for itself only (RFC 6749 §5.2)."""
    refused(ask(grant_type=grant_type, code="c", refresh_token="d"), "unauthorized_client")


@pytest.mark.parametrize(
    "grant_type",
    [
        "Client_Credentials",
        "CLIENT_CREDENTIALS",
        "client_credentials ",
        " client_credentials",
        "client_credential",
        "".join(chr(ord(letter) + 0xFEE0) for letter in "client") + "_credentials",
        "client\u200b_credentials",
    ],
)
def test_t17_grant_types_that_look_right(ask: Asker, grant_type: str) -> None:
    """Compared exactly."""
    refused(ask(grant_type=grant_type), "unsupported_grant_type")


def test_t17_a_grant_type_with_nul(ask: Asker) -> None:
    """No parameter has one."""
    refused(ask(grant_type="client_credentials\0"), "invalid_request")


def test_t18_percent_encoded_names(ask: Asker) -> None:
    """They are decoded; a duplicate made that way is a duplicate."""
    body = body_of(ask)
    granted(ask.post(body.replace(b"grant_type", b"%67rant_type")))
    granted(ask.post(quote(body.decode(), safe="=&%+").replace("scope", "%73%63%6F%70%65").encode()))
    refused(ask.post(body + b"&%67rant_type=client_credentials"), "invalid_request")
    refused(ask.post(body + b"&scop%65=openid"), "invalid_request")


@pytest.mark.parametrize(
    "value",
    [
        *(b"%zz", b"%", b"a%", b"%2"),
        *(b"%c0%af", b"%e0%80%af", b"%ed%a0%80", b"%f5%80%80%80", b"%ff"),
        *(b"\xff", b"\xc0\xaf", b"\xed\xa0\x80"),
    ],
)
@pytest.mark.parametrize("name", [b"scope", b"client_secret", b"unknown"])
def test_t19_broken_encoding(ask: Asker, name: bytes, value: bytes) -> None:
    """In a parameter that matters and in one that does not."""
    body = body_of(ask, **{name.decode(): None})
    refused(ask.post(body + b"&" + name + b"=" + value), "invalid_request")
    refused(ask.post(body + b"&" + value + b"=x"), "invalid_request")
