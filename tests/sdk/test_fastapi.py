"""The FastAPI guard, on an app behind a real socket."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import httpx2
import pytest
from fastapi import FastAPI, HTTPException
from starlette.datastructures import FormData
from starlette.requests import Request

from keygrove.sdk.access_token import Principal
from keygrove.sdk.fastapi import Guard, _has_token_elsewhere, answer_with_code_and_message
from keygrove.sdk.resource_server import ResourceServer
from sdk.asgi import serving
from sdk.issuer import CLIENT, Issuer


def make_app(server: ResourceServer) -> FastAPI:
    """An app with one endpoint of each kind."""
    guard = Guard(server, scopes={"marketing.read": "Read marketing consents"})
    app = FastAPI()
    answer_with_code_and_message(app)

    @app.get("/any")
    async def any_token(principal: Annotated[Principal, guard.require()]) -> str:
        return principal.client_id

    @app.post("/scoped")
    async def scoped(
        request: Request, principal: Annotated[Principal, guard.require("marketing.read")]
    ) -> dict[str, str]:
        return {"client": principal.client_id, "body": (await request.body()).decode()}

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        if number == 500:
            raise RuntimeError("secret detail")
        if number > 400:
            raise HTTPException(number, "As asked.", {"X-Extra": "kept"})
        return number

    return app


@pytest.fixture(scope="module")
def http(shared_api: ResourceServer) -> Iterator[httpx2.Client]:
    """A client of that app."""
    with serving(make_app(shared_api)) as url, httpx2.Client(base_url=url) as client:
        yield client


@pytest.fixture
def bearer(shared_issuer: Issuer) -> dict[str, str]:
    """The header of a good token."""
    return {"Authorization": f"Bearer {shared_issuer.token()}"}


def test_a_good_token_reaches_the_endpoint(http: httpx2.Client, bearer: dict[str, str]) -> None:
    """With its principal."""
    answer = http.get("/any", headers=bearer)
    assert (answer.status_code, answer.json()) == (200, CLIENT)


def test_refusals_carry_challenge_and_body(http: httpx2.Client, shared_issuer: Issuer) -> None:
    """401 bare, 401 invalid_token, 403 insufficient_scope, each as code and message."""
    poor = {"Authorization": f"Bearer {shared_issuer.token(scope='openid')}"}
    for answer, status, challenge in (
        (http.get("/any"), 401, "Bearer"),
        (http.get("/any", headers={"Authorization": "Bearer x"}), 401, 'Bearer error="invalid_token"'),
        (
            http.post("/scoped", headers=poor),
            403,
            'Bearer error="insufficient_scope", scope="marketing.read"',
        ),
    ):
        assert answer.status_code == status
        assert answer.headers["www-authenticate"].startswith(challenge)
        assert set(answer.json()) == {"code", "message"}
        assert answer.json()["code"] == "UNAUTHORIZED"


def test_j34_a_token_in_the_query_is_not_accepted(http: httpx2.Client, shared_issuer: Issuer) -> None:
    """Alone it is no token."""
    answer = http.get("/any", params={"access_token": shared_issuer.token()})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_j35_a_token_in_header_and_form_is_refused(
    http: httpx2.Client, bearer: dict[str, str], shared_issuer: Issuer
) -> None:
    """As it is in header and query."""
    for answer in (
        http.post("/scoped", headers=bearer, data={"access_token": shared_issuer.token()}),
        http.post("/scoped", headers=bearer, data={"a": "b", "access_token": ""}),
        http.get("/any", headers=bearer, params={"access_token": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_request"')


def test_a_form_is_still_there_for_the_endpoint(http: httpx2.Client, bearer: dict[str, str]) -> None:
    """Looking for a token in it does not use it up."""
    assert http.post("/scoped", headers=bearer, data={"a": "b"}).json()["body"] == "a=b"


def test_two_authorization_headers_are_refused(http: httpx2.Client, bearer: dict[str, str]) -> None:
    """RFC 9110 §5.3: it is no list."""
    field = bearer["Authorization"]
    answer = http.get("/any", headers=[("Authorization", field), ("Authorization", field)])
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/number/405", 405, "INVALID_ARGUMENT"),
        ("/number/409", 409, "INVALID_ARGUMENT"),
        ("/number/503", 503, "INTERNAL_SERVER_ERROR"),
        ("/number/500", 500, "INTERNAL_SERVER_ERROR"),
        ("/number/x", 400, "INVALID_ARGUMENT"),
        ("/nowhere", 404, "NOT_FOUND"),
    ],
)
def test_every_error_is_a_code_and_a_message(http: httpx2.Client, path: str, status: int, code: str) -> None:
    """And nothing of the cause."""
    answer = http.get(path, headers={"Connection": "close"})  # uvicorn hangs up after a 500
    assert answer.status_code == status
    assert answer.json() == {"code": code, "message": answer.json()["message"]}
    assert "secret detail" not in answer.text


def test_the_openapi_document_names_the_scheme(shared_api: ResourceServer) -> None:
    """Client credentials at the issuer, and each endpoint's scopes."""
    document = make_app(shared_api).openapi()
    scheme = document["components"]["securitySchemes"]["OAuth2"]
    assert scheme["type"] == "oauth2"
    assert scheme["flows"]["clientCredentials"] == {
        "tokenUrl": f"{shared_api.issuer}/oauth2/token",
        "scopes": {"marketing.read": "Read marketing consents"},
    }
    assert document["paths"]["/scoped"]["post"]["security"] == [{"OAuth2": ["marketing.read"]}]
    assert document["paths"]["/any"]["get"]["security"] == [{"OAuth2": []}]


def test_the_openapi_document_names_every_scope_that_is_required(shared_api: ResourceServer) -> None:
    """Also when nobody described them: tools ask for a token with the scopes that the scheme names."""
    guard, app = Guard(shared_api), FastAPI()

    @app.get("/bookings")
    async def bookings(principal: Annotated[Principal, guard.require("booking.read")]) -> str:
        return principal.client_id

    @app.post("/bookings")
    async def book(principal: Annotated[Principal, guard.require("booking.read", "booking.write")]) -> str:
        return principal.client_id

    flows = app.openapi()["components"]["securitySchemes"]["OAuth2"]["flows"]
    assert flows["clientCredentials"]["scopes"] == {"booking.read": "", "booking.write": ""}


def test_a_form_that_was_read_already_is_looked_at() -> None:
    """FastAPI reads the form itself, before the guard runs, when the endpoint takes one."""
    headers = {
        "authorization": "x",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "9",
    }
    request = Request(
        {
            "type": "http",
            "method": "POST",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    request._stream_consumed = True
    request._form = FormData([("access_token", "x")])
    assert asyncio.run(_has_token_elsewhere(request))
