"""docs/sdk.md: its programs run, against a Keygrove that really runs."""

import json
import re
import subprocess
import sys
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from house.tree import ROOT
from keygrove.management import api_credentials
from keygrove.management.context import OPERATOR
from keygrove.sdk.bearer import Refusal
from keygrove.sdk.resource_server import ResourceServer
from running import AUDIENCE, Key, RunningServer, ask_for_token
from stores import ONLY_SQLITE

pytestmark = ONLY_SQLITE  # both databases give clients the same answers

PAGE = (ROOT / "docs" / "sdk.md").read_text()
CALL, LIBRARIES, API, FLASK, DJANGO = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def run(program: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run a program of the page; what it defines."""
    exec(compile(program, "docs/sdk.md", "exec"), names)  # noqa: S102 - the page is ours
    return names


@pytest.fixture
def api(server: RunningServer) -> dict[str, Any]:
    """What the page's API defines, with this server's address."""
    assert "http://127.0.0.1:8400" in API
    return run(API.replace("http://127.0.0.1:8400", server.url), {"__name__": "bookings"})


@pytest.fixture
def bookings(api: dict[str, Any]) -> Iterator[str]:
    """Where the page's API answers."""
    with make_server("127.0.0.1", 0, api["application"], handler_class=Quiet) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/bookings"
        http.shutdown()


@pytest.fixture
def key(server: RunningServer) -> Key:
    """A key that may read bookings."""
    return server.new_key("booking.read")


def test_the_programs_of_the_page_call_the_api_of_the_page(
    server: RunningServer,
    key: Key,
    bookings: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the environment that the page names; alone, with requests and with httpx."""
    named = set(re.findall(r"`(KEYGROVE_\w+)`", PAGE))
    values = (server.url, key.client_id, key.client_secret)
    for name, value in zip(
        ("KEYGROVE_ISSUER", "KEYGROVE_CLIENT_ID", "KEYGROVE_CLIENT_SECRET"), values, strict=True
    ):
        named.remove(name)
        monkeypatch.setenv(name, value)
    assert not named
    program = (CALL + LIBRARIES).replace("http://127.0.0.1:8000/bookings", bookings)
    run(program, {})
    company = {"company": key.company_id}
    alone, *with_libraries = capsys.readouterr().out.splitlines()
    assert alone == repr(json.dumps(company).encode())
    assert with_libraries == [repr(company)] * 2


def answer_of(api: dict[str, Any], **environ: str) -> tuple[str, dict[str, str], Any]:
    """Status, fields and content of an answer of the page's API."""
    told: list[Any] = []
    body = b"".join(api["application"](environ, lambda *given: told.extend(given)))
    return told[0], dict(told[1]), json.loads(body)


def test_the_api_of_the_page_refuses_as_rfc_6750_says(api: dict[str, Any], server: RunningServer) -> None:
    """Without a token, with one that lacks the scope, and with one that is sent twice."""
    status, fields, answer = answer_of(api)
    assert (status, fields["WWW-Authenticate"]) == ("401 Unauthorized", "Bearer")
    assert answer == {"message": "This needs an access token."}
    token = ask_for_token(server, server.new_key("marketing.read"), scope="marketing.read").json()
    bearer = f"Bearer {token['access_token']}"
    status, fields, _ = answer_of(api, HTTP_AUTHORIZATION=bearer)
    assert status == "403 Forbidden"
    assert 'scope="booking.read"' in fields["WWW-Authenticate"]
    assert answer_of(api, HTTP_AUTHORIZATION=bearer, QUERY_STRING="access_token=")[0] == "400 Bad Request"


def test_what_the_page_says_the_sdk_says(server: RunningServer) -> None:
    """The table's words are those of refusals, letter by letter."""
    rows = re.findall(r"^\| (T[^|]+?)(?: …|) \|", PAGE, re.MULTILINE)
    token = ask_for_token(server, server.new_key("marketing.read"), scope="marketing.read").json()
    header, claims, signature = token["access_token"].split(".")

    def said(token: str, **other: Any) -> str:
        judge = ResourceServer(**{"issuer": server.url, "audience": AUDIENCE} | other)
        with pytest.raises(Refusal) as caught:
            judge.authenticate(f"Bearer {token}", scopes=["booking.read"])
        return caught.value.description

    unknown = json.loads(urlsafe_b64decode(header + "==")) | {"kid": "unknown"}
    forged = urlsafe_b64encode(json.dumps(unknown).encode()).decode().rstrip("=")
    good = token["access_token"]
    elsewhere = json.loads(urlsafe_b64decode(claims + "==")) | {"iss": "https://elsewhere.example.com"}
    foreign = urlsafe_b64encode(json.dumps(elsewhere).encode()).decode().rstrip("=")
    assert [
        said(f"{forged}.{foreign}.{signature}"),
        said(good, audience="https://other.example.com"),
        said(good, token_types=["JWT"]),
        said(f"{forged}.{claims}.{signature}"),
        said(good).removesuffix(" booking.read."),
        said(good, issuer=f"{server.url}/"),
    ] == rows


def refusal() -> Refusal:
    """One with a challenge."""
    return Refusal(status=401, error="invalid_token", description="The token has expired.")


CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="The token has expired."'}


def test_the_lines_for_flask_answer_for_a_refusal(api: dict[str, Any]) -> None:
    """Flask is not installed here: its `errorhandler` takes a class, then a function."""
    handled: dict[type, Any] = {}
    app = SimpleNamespace(errorhandler=lambda kind: lambda function: handled.setdefault(kind, function))
    run(FLASK, {**api, "app": app})
    assert handled[Refusal](refusal()) == ({"message": "The token has expired."}, 401, CHALLENGE)


def test_the_lines_for_django_answer_for_a_refusal_only(
    api: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django is not installed here: its JsonResponse takes the content, `status` and `headers`."""
    http = ModuleType("django.http")
    http.JsonResponse = lambda content, *, status, headers: (content, status, headers)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django", ModuleType("django"))
    monkeypatch.setitem(sys.modules, "django.http", http)
    middleware = run(DJANGO, dict(api))["Refuse"](lambda request: f"answer to {request}")
    assert middleware("this") == "answer to this"
    assert middleware.process_exception("this", refusal()) == (
        {"message": "The token has expired."}, 401, CHALLENGE,
    )  # fmt: skip
    assert middleware.process_exception("this", ValueError()) is None


def test_the_call_of_the_page_asks_about_a_token(server: RunningServer, key: Key) -> None:
    """Introspection by curl: of a good token, and of none."""
    new = server.manage(lambda m: api_credentials.create(m, OPERATOR, audience=AUDIENCE, name="Bookings API"))
    (shown,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    token = ask_for_token(server, key, scope="booking.read").json()["access_token"]

    def ask(text: str) -> Any:
        command = shown
        for placeholder, value in (
            ("http://127.0.0.1:8400", server.url),
            ("API_CLIENT_ID", new.credential.client_id),
            ("API_SECRET_KEY", new.client_secret.reveal()),
            ("ACCESS_TOKEN", text),
        ):
            assert placeholder in shown
            command = command.replace(placeholder, value)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=30)
        return json.loads(done.stdout)

    answer = ask(token)
    assert (answer["active"], answer["client_id"], answer["scope"]) == (True, key.client_id, "booking.read")
    assert ask("nonsense") == {"active": False}
