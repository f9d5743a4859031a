"""Many integration keys in one database, as `key create` would store them."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from keygrove.config.loading import Config
from keygrove.crypto.secrets import BASE62, new_client_id, new_client_secret
from keygrove.house import open_house
from keygrove.storage.database import Value

AUDIENCE = "https://api.understory.io"
PERMISSION = "marketing.read"
SCOPE = f"openid {PERMISSION}"
# So many keys are ever asked for; more would only fill wrk's memory.
MOST_ASKED = 100_000
# PostgreSQL's driver gives a statement four seconds.
_BATCH = 5_000
_RANDOM = random.Random(20)  # noqa: S311 - not for secrets
_INSERT = """
    insert into clients (client_id, company_id, client_name, name_key, secret_digest, grant_types, scope,
                         audience, created_at_s, created_by, updated_at_s)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


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
    """Insert `count` keys in one transaction; write token requests for MOST_ASKED of them to `bodies`.

    Those asked for are spread evenly among the others, which only differ in that nobody knows their secret.
    """
    requests = asyncio.run(_insert(config, company_id, count))
    bodies.write_text("\n".join(requests) + "\n", encoding="ascii")


async def _insert(config: Config, company_id: str, count: int) -> list[str]:
    house = await open_house(config)
    digests, now = house.management.digests, house.management.now()
    asked = set(_RANDOM.sample(range(count), min(count, MOST_ASKED)))
    requests = []

    def rows(numbers: range) -> Iterator[tuple[Value, ...]]:
        for number in numbers:
            if number in asked:
                client_id, secret = new_client_id(), new_client_secret().reveal()
                requests.append(body(client_id, secret))
                digest = digests.of("client_secret", secret)
            else:
                client_id, digest = "kg_ci_" + "".join(_RANDOM.choices(BASE62, k=28)), os.urandom(32).hex()
            name = f"Key {number}"
            kind = ("client_credentials", PERMISSION, AUDIENCE)
            yield client_id, company_id, name, name.casefold(), digest, *kind, now, "bench", now

    async with house.database.transaction() as tx:
        for start in range(0, count, _BATCH):
            await tx.run_many(_INSERT, list(rows(range(start, min(start + _BATCH, count)))))
    await house.database.close()
    # One order for all runs, which is not the order on disk.
    _RANDOM.shuffle(requests)
    return requests
