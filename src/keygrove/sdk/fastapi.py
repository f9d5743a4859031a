"""The resource server as a FastAPI dependency; it also describes itself in the OpenAPI document.

    guard = Guard(ResourceServer(issuer=..., audience=...))

    @app.get("/consents")
    async def consents(principal: Annotated[Principal, guard.require("marketing.read")]): ...

`pip install keygrove[fastapi]`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import OAuth2, OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keygrove.sdk.access_token import Principal
from keygrove.sdk.bearer import Refusal
from keygrove.sdk.resource_server import ResourceServer

_FORM = "application/x-www-form-urlencoded"
_FORM_BYTES = 64 * 1024


class Guard(SecurityBase):
    """Lets a request through with a good token, and hands its Principal to the endpoint.

    Refusals are HTTPExceptions that carry their challenge in the headers.
    """

    def __init__(
        self,
        server: ResourceServer,
        *,
        scopes: Mapping[str, str] | None = None,
        token_url: str | None = None,
        scheme_name: str = "OAuth2",
    ) -> None:
        """`scopes` (name to description) and `token_url` are for the OpenAPI document.

        It names the other scopes that endpoints require too, without a description.
        """
        flow = OAuthFlowClientCredentials(
            tokenUrl=token_url or server.issuer.removesuffix("/") + "/oauth2/token", scopes=dict(scopes or {})
        )
        self._named = flow.scopes
        self.model = OAuth2(flows=OAuthFlows(clientCredentials=flow))
        self.scheme_name = scheme_name
        self._server = server

    def require(self, *scopes: str) -> Any:
        """Make the dependency of an endpoint that needs all of these scopes; none means any good token."""
        for scope in scopes:
            self._named.setdefault(scope, "")
        return Security(self, scopes=list(scopes))

    async def __call__(self, request: Request, security_scopes: SecurityScopes) -> Principal:
        """Judge a request; FastAPI calls this. Raises HTTPException."""
        try:
            return await self._server.authenticate_async(
                request.headers.getlist("authorization"),
                scopes=list(dict.fromkeys(security_scopes.scopes)),
                elsewhere=await _has_token_elsewhere(request),
            )
        except Refusal as refusal:
            raise HTTPException(
                refusal.status, refusal.description, refusal.headers(self._server.realm)
            ) from refusal


def answer_with_code_and_message(app: FastAPI) -> None:
    """Make every error answer of an app exactly `{"code": ..., "message": ...}`.

    Codes: UNAUTHORIZED for 401 and 403, NOT_FOUND for 404, INTERNAL_SERVER_ERROR for 500 and above,
    INVALID_ARGUMENT for the rest.
    """
    app.add_exception_handler(HTTPException, _answer_refused)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(Exception, _answer_broken)


def code_and_message(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build such an error answer."""
    code = {401: "UNAUTHORIZED", 403: "UNAUTHORIZED", 404: "NOT_FOUND"}.get(status, "INVALID_ARGUMENT")
    if status >= 500:
        code = "INTERNAL_SERVER_ERROR"
    return JSONResponse({"code": code, "message": message}, status, headers)


async def _answer_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - FastAPI dispatches by class
    return code_and_message(error.status_code, str(error.detail), error.headers)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    """Name the parameters at fault, not their values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI dispatches by class
    faults = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors()]
    return code_and_message(400, "; ".join(faults))


async def _answer_broken(_: Request, __: Exception) -> Response:
    """Tell nothing; Starlette raises the error again afterwards, so that the server logs it."""
    return code_and_message(500, "Something went wrong here.")


async def _has_token_elsewhere(request: Request) -> bool:
    """Look for `access_token` in the query and, beside an Authorization field, in a small form."""
    if "access_token" in request.query_params:
        return True
    if "authorization" not in request.headers or not _is_small_form(request):
        return False
    try:
        body = (await request.body()).decode("latin-1")
    except RuntimeError:  # the endpoint takes a form, and FastAPI has read it already
        return "access_token" in await request.form()
    return any(name == "access_token" for name, _ in parse_qsl(body, keep_blank_values=True))


def _is_small_form(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "")
    return media_type == _FORM and length.isdecimal() and len(length) < 9 and int(length) <= _FORM_BYTES
