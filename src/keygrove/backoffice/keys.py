"""S05: the list of internal integration keys, and a key as pages show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from keygrove.backoffice.here import Here, done, enter
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import Moment, moment
from keygrove.backoffice.usage import Use, idle_words, use_of
from keygrove.management.errors import Invalid
from keygrove.management.integrations import IntegrationKey, list_keys

PAGE_SIZE = 50
MAX_SEARCH = 100
_SECRET_MARK = "kg_sk_"  # noqa: S105 - the prefix that every Secret Key shows
SECRET_NOTE = "That looks like a Secret Key, so it was not used. Filter by the Client ID instead."  # noqa: S105


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the breadcrumb; the last has no address."""

    label: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key with its address and its moments in words."""

    client_id: str
    short_id: str
    name: str
    permissions: tuple[str, ...]
    audience: str
    created: Moment
    created_by: str
    updated: Moment
    last_use: Use | None
    url: str


def view(here: Here, key: IntegrationKey) -> KeyView:
    """The key as pages show it."""
    now = here.m.now()
    return KeyView(
        client_id=key.client_id,
        short_id=f"{key.client_id[:10]}…{key.client_id[-4:]}",
        name=key.name,
        permissions=key.permissions,
        audience=key.audience,
        created=moment(key.created_at_s, now),
        created_by=key.created_by,
        updated=moment(key.updated_at_s, now),
        last_use=use_of(key.last_use, now),
        url=f"{here.keys_url}/{key.client_id}",
    )


def crumbs(here: Here, *steps: Crumb) -> tuple[Crumb, ...]:
    """The way from Settings to a page."""
    return (Crumb("Integrations", here.integrations_url), *steps)


async def key_list(request: Request) -> Response:
    """GET …/integrations/keys?search=&after=. Raises SignInNeeded, NotFound, and 400 for a foreign cursor."""
    here = await enter(request)
    search, after = request.query_params.get("search", "").strip(), request.query_params.get("after", "")
    note = ""
    if _SECRET_MARK in search.lower():
        search, note = "", SECRET_NOTE
    search = search[:MAX_SEARCH]
    try:
        found = await list_keys(here.m, here.company.id, search=search, after=after, limit=PAGE_SIZE)
    except Invalid:
        raise HTTPException(400, "This page of the list is not there any more.") from None
    whole = not (search or after or found.next)
    return page(
        "key_list",
        here.shell,
        "Internal integration keys",
        crumbs=crumbs(here, Crumb("Internal integration keys")),
        keys_url=here.keys_url,
        keys=tuple(view(here, key) for key in found.keys),
        empty=not (found.keys or search or after),
        idle=_idle(here, found.keys) if whole else "",
        search=search,
        search_note=note,
        may_change=here.may_change,
        whom_to_ask=here.whom_to_ask,
        first_url=_address(here, search) if after else "",
        next_url=_address(here, search, found.next) if found.next else "",
        flash_text=done(request),
    )


def _idle(here: Here, keys: Iterable[IntegrationKey]) -> str:
    return idle_words(((key.created_at_s, key.last_use) for key in keys), here.m.now())


def _address(here: Here, search: str, after: str = "") -> str:
    query = urlencode({name: value for name, value in (("search", search), ("after", after)) if value})
    return f"{here.keys_url}?{query}" if query else here.keys_url
