"""Fills an empty Keygrove for the demo, and keeps the credentials so that the next run shows the same ones.

Only the demo writes a password and a Secret Key down. Every step may be repeated: a run that was cut off is
finished by the next one.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from keygrove.crypto.secrets import BASE62
from keygrove.demo import marketplace
from keygrove.demo.platform import MARKETING_READ
from keygrove.management import apps, companies, integrations, people
from keygrove.management.app_details import AppDetails, details_of
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Management
from keygrove.management.errors import Fault, Invalid, NotFound

COMPANIES = ("Acme", "Northwind")
MAKER = "Waves"
EMAIL = "admin@acme.example"
PERMISSIONS = ("booking.read", "event.read", "marketing.read")
KEY_NAME = "Newsletter"
_NOTE = "Only the demo writes a password and a Secret Key down. Keygrove itself keeps digests of them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the demo prints. Empty texts are not made yet."""

    email: str = EMAIL
    password: str = ""
    company_id: str = ""
    client_id: str = ""
    client_secret: str = ""
    app_client_id: str = ""
    app_client_secret: str = ""


class DemoDamaged(Exception):
    """The demo's folder holds people, but not the password that the demo made for them."""


async def seed(m: Management, folder: Path, *, address: str) -> Credentials:
    """Make what is missing, and return the credentials; `address` is the app's. Raises DemoDamaged."""
    kept = folder / "demo.json"
    known = _read(kept)
    made = {name: await _company(m, name) for name in COMPANIES}
    acme = made[COMPANIES[0]]
    if not known.password:
        if await people.by_email(m, EMAIL) is not None:
            raise DemoDamaged(f"{kept} is missing: remove the folder {folder} and start again")
        known = replace(
            known, company_id=acme.id, password="".join(secrets.choice(BASE62) for _ in range(20))
        )
        _write(kept, known)
    await _person(m, acme, known.password)
    if not await _key_works(m, known):
        new = await _key(m, acme)
        known = replace(known, client_id=new.key.client_id, client_secret=new.client_secret.reveal())
        _write(kept, known)
    known = await _app(m, known, address)
    _write(kept, known)
    listed = [{"company_id": company.id, "company_name": company.name} for company in made.values()]
    (folder / "companies.json").write_text(json.dumps(listed), encoding="utf-8")
    return known


async def _company(m: Management, name: str) -> Company:
    try:
        return await companies.named(m, companies.slug_of(name))
    except NotFound:
        return await companies.create(m, OPERATOR, name)


async def _person(m: Management, company: Company, password: str) -> None:
    if await people.by_email(m, EMAIL) is None:
        await people.create(
            m, OPERATOR, company_id=company.id, email=EMAIL, name="Alex Admin", password=password
        )


async def _key_works(m: Management, known: Credentials) -> bool:
    """Whether the key is still there: people may remove it in Backoffice."""
    if not known.client_secret:
        return False
    try:
        await integrations.get_key(m, OPERATOR, known.company_id, known.client_id)
    except NotFound:
        return False
    return True


async def _key(m: Management, company: Company) -> integrations.NewKey:
    """A new key, under the first name that is free."""
    for number in range(1, 100):
        name = KEY_NAME if number == 1 else f"{KEY_NAME} {number}"
        try:
            return await integrations.create_key(m, OPERATOR, company.id, name=name, permissions=PERMISSIONS)
        except Invalid as error:
            if error.faults != (Fault("name", integrations.NAME_TAKEN),):
                raise
    raise DemoDamaged(f"{company.name} has a hundred keys named {KEY_NAME}; remove some in Backoffice")


async def _app(m: Management, known: Credentials, address: str) -> Credentials:
    """Waves Marketplace as a live app at this address, and a secret that is known."""
    maker = await _company(m, MAKER)
    app = next((each for each in await apps.list_apps(m, maker.id) if each.name == marketplace.NAME), None)
    if app is None:
        new = await apps.register(m, OPERATOR, maker.id, _details(address), live=True)
    elif (app.client_id, bool(known.app_client_secret)) != (known.app_client_id, True):
        new = await apps.renew_secret(m, OPERATOR, maker.id, app.client_id)
    else:
        new = None
    redirect_uris, told = (address + marketplace.CALLBACK,), address + marketplace.TOLD
    if app is not None and (app.redirect_uris, app.backchannel_logout_uri) != (redirect_uris, told):
        details = replace(details_of(app), redirect_uris=redirect_uris, backchannel_logout_uri=told)
        await apps.update(m, OPERATOR, maker.id, app.client_id, details)
    if new is None or new.client_secret is None:
        return known
    return replace(known, app_client_id=new.app.client_id, app_client_secret=new.client_secret.reveal())


def _details(address: str) -> AppDetails:
    return AppDetails(
        name=marketplace.NAME,
        description="Sells days by the sea, and invites guests back who agreed to it.",
        permissions=(MARKETING_READ,),
        reasons={MARKETING_READ: "To invite the guests who agreed to it to your next experience."},
        redirect_uris=(address + marketplace.CALLBACK,),
        backchannel_logout_uri=address + marketplace.TOLD,
        policy_uri="https://waves.example/privacy",
        tos_uri="https://waves.example/terms",
        owner="Waves Travel",
        contact_email="hello@waves.example",
    )


def _read(path: Path) -> Credentials:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Credentials()
    except ValueError:
        raise DemoDamaged(f"{path} is not JSON: remove the folder {path.parent} and start again") from None
    return Credentials(**{name: stored[name] for name in Credentials.__slots__ if name in stored})


def _write(path: Path, credentials: Credentials) -> None:
    """Replace the file as a whole; only its owner can read it."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"note": _NOTE, **asdict(credentials)}, file, indent=2)
    draft.replace(path)
