"""A platform's small protected API, in the shapes of the reference: what a key's token opens.

It runs as a process of its own and trusts the issuer by its published keys alone, as any API would. Whose
data a request sees is decided by the token's company and by nothing else.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel

from keygrove.demo.consents import CompanyData, Consent, invent_company
from keygrove.demo.platform import AUDIENCE, MARKETING_READ
from keygrove.sdk.access_token import Principal
from keygrove.sdk.fastapi import Guard, answer_with_code_and_message
from keygrove.sdk.resource_server import ResourceServer

MAX_LIMIT: Final = 100

_NAME = "Demo API"
_ABOUT = "A small API that Keygrove protects. Send a token in the header: Authorization: Bearer ACCESS_TOKEN"
_SCOPES = {MARKETING_READ: "Read marketing consents"}
_MAC_BYTES = 12


class Endpoint(BaseModel):
    """What can be read where, and with which token: none, any, or one with a permission."""

    path: str
    summary: str
    token: str


class Front(BaseModel):
    """For whoever opens the bare address: what this is."""

    name: str
    about: str
    endpoints: list[Endpoint]


class Status(BaseModel):
    """The API is there."""

    status: str


class Me(BaseModel):
    """Whom a token speaks for. A key has no e-mail address: `email` is then empty."""

    company_id: str
    company_name: str
    user_id: str
    email: str


class ConsentPage(BaseModel):
    """Some consents, and where to go on; `next` is absent on the last page."""

    items: list[Consent]
    next: str | None = None


class Fault(BaseModel):
    """Every error answer."""

    code: str
    message: str


def create_api(*, issuer: str, audience: str, companies: Mapping[str, CompanyData]) -> FastAPI:
    """Build the API for an issuer's tokens. A company that is not listed has an empty name and no data."""
    guard = Guard(ResourceServer(issuer=issuer, audience=audience), scopes=_SCOPES)
    api = FastAPI(
        title=_NAME, version="1", redirect_slashes=False, docs_url=None, redoc_url=None,
        responses={"default": {"model": Fault, "description": "An error"}},
    )  # fmt: skip
    answer_with_code_and_message(api)
    api.include_router(_routes(guard, companies))
    return api


def from_environment() -> FastAPI:
    """Build the demo's API. An ASGI server takes this as its factory.

    KEYGROVE_ISSUER is the issuer; KEYGROVE_DEMO_COMPANIES the path of a JSON file, an array of objects with
    `company_id` and `company_name`. Raises KeyError, OSError or ValueError when they are not usable.
    """
    listed = json.loads(Path(os.environ["KEYGROVE_DEMO_COMPANIES"]).read_text("utf-8"))
    companies = {
        each["company_id"]: invent_company(each["company_id"], each["company_name"]) for each in listed
    }
    return create_api(issuer=os.environ["KEYGROVE_ISSUER"], audience=AUDIENCE, companies=companies)


def _routes(guard: Guard, companies: Mapping[str, CompanyData]) -> APIRouter:
    router = APIRouter(redirect_slashes=False)
    cursors = Cursors(secrets.token_bytes(32))

    @_read(router, "/", tags=["Test"], summary="What this is")
    async def front(request: Request) -> Front:
        return Front(name=_NAME, about=_ABOUT, endpoints=_endpoints(request.app))

    @_read(router, "/v1/status", tags=["Test"], summary="Status")
    async def status() -> Status:
        return Status(status="ok")

    @_read(router, "/v1/me", tags=["Test"], summary="Who am I")
    async def me(principal: Annotated[Principal, guard.require()]) -> Me:
        company = _company(companies, principal)
        return Me(
            company_id=company.company_id,
            company_name=company.company_name,
            user_id=principal.subject,
            email="",
        )

    @_read(router, "/v1/marketing-consents", tags=["Marketing"], summary="List marketing consents")
    async def list_consents(
        principal: Annotated[Principal, guard.require(MARKETING_READ)],
        cursor: str = "",
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT,
    ) -> ConsentPage:
        company = _company(companies, principal)
        start = cursors.read(cursor, company.company_id)
        consents = list(company.consents.values())
        end = start + limit
        return ConsentPage(
            items=consents[start:end],
            next=cursors.make(end, company.company_id) if end < len(consents) else None,
        )

    @_read(
        router, "/v1/marketing-consents/{consentId}", tags=["Marketing"], summary="Get a marketing consent"
    )
    async def get_consent(
        consentId: str,
        principal: Annotated[Principal, guard.require(MARKETING_READ)],
    ) -> Consent:
        consent = _company(companies, principal).consents.get(consentId)
        if consent is None:
            raise HTTPException(404, "There is no such marketing consent.")
        return consent

    return router


def _endpoints(api: FastAPI) -> list[Endpoint]:
    """What the API's own document says of its endpoints, but for the one at the root."""
    paths: dict[str, Any] = api.openapi()["paths"]
    found = {path: item["get"] for path, item in paths.items() if path != "/"}
    return [Endpoint(path=path, summary=each["summary"], token=_token(each)) for path, each in found.items()]


def _token(operation: Mapping[str, Any]) -> str:
    needed: list[dict[str, list[str]]] = operation.get("security", [])
    if not needed:
        return "none"
    return " ".join(scope for scheme in needed for scopes in scheme.values() for scope in scopes) or "any"


def _read(router: APIRouter, path: str, **about: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register for GET and, since HTTP wants both (RFC 9110 §9.1), for HEAD."""

    def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        shape = {"response_model_exclude_none": True, **about}
        router.add_api_route(path, endpoint, methods=["GET"], **shape)
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False, **shape)
        return endpoint

    return register


def _company(companies: Mapping[str, CompanyData], principal: Principal) -> CompanyData:
    company_id = principal.company_id
    return companies.get(company_id) or CompanyData(company_id=company_id, company_name="", consents={})


class Cursors:
    """Opaque places in a list. They hold for one company and until the API is started again."""

    def __init__(self, key: bytes) -> None:
        """`key` makes cursors that nobody else can."""
        self._key = key

    def make(self, position: int, company_id: str) -> str:
        """Make the cursor of a position."""
        place = str(position).encode()
        return base64.urlsafe_b64encode(self._mac(place, company_id) + place).decode().rstrip("=")

    def read(self, cursor: str, company_id: str) -> int:
        """Return the position of a cursor; an empty one is the start. Raises HTTPException 400."""
        if not cursor:
            return 0
        try:
            raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        mac, place = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(place, company_id)):
            raise HTTPException(400, "The cursor is not valid or no longer so.")
        return int(place)

    def _mac(self, place: bytes, company_id: str) -> bytes:
        return hmac.digest(self._key, company_id.encode() + b"\0" + place, "sha256")[:_MAC_BYTES]
