"""Many integration keys in one database, as `key create` would store them."""

import asyncio
import random
from pathlib import Path
from urllib.parse import urlencode

from keygrove.app import open_house
from keygrove.config.loading import Config
from keygrove.crypto.secrets import new_client_id, new_client_secret
from keygrove.protocol.scope import Scope
from keygrove.storage import clients

AUDIENCE = "https://api.understory.io"
PERMISSION = "marketing.read"
SCOPE = f"openid {PERMISSION}"
# One order for all runs, which is not the order on disk.
_ORDER = random.Random(20)  # noqa: S311 - not a secret


def body(client_id: str, client_secret: str) -> str:
    """The token request of the reference documentation."""
    return urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": AUDIENCE,
            "scope": SCOPE,
        }
    )


def fill(config: Config, company_id: str, count: int, bodies: Path) -> None:
    """Insert `count` keys in one transaction; write a token request for each to `bodies`, shuffled."""
    requests = asyncio.run(_insert(config, company_id, count))
    _ORDER.shuffle(requests)
    bodies.write_text("\n".join(requests) + "\n", encoding="ascii")


async def _insert(config: Config, company_id: str, count: int) -> list[str]:
    house = await open_house(config)
    requests = []
    async with house.database.transaction() as tx:
        for number in range(count):
            client_id, secret = new_client_id(), new_client_secret().reveal()
            await clients.insert(
                tx,
                clients.ClientListing(
                    client_id=client_id,
                    client_name=f"Key {number}",
                    scope=Scope.of([PERMISSION]),
                    audience=AUDIENCE,
                    company_id=company_id,
                    created_at_s=house.management.now(),
                    created_by="bench",
                    updated_at_s=house.management.now(),
                ),
                name_key=f"key {number}",
                secret_digest=house.management.digests.of("client_secret", secret),
                grant_types="client_credentials",
            )
            requests.append(body(client_id, secret))
    await house.database.close()
    return requests
