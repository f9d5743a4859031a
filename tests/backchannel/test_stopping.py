"""A node that is stopped while an app takes its time: the attempt ends first, and is written down."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backchannel.receiver import Receiver, receiving
from keygrove.house import House
from keygrove.storage import apps, companies, people, sessions
from running import running_server
from storage.granted import ACME, ANA, APP, add_grant, add_session


def test_a_node_that_is_stopped_finishes_what_it_tells(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    """Told once, and nothing is left to tell."""
    with receiving(Receiver(pause_s=1.5)) as receiver:

        async def begin(house: House) -> None:
            async with house.database.transaction() as tx:
                assert await companies.insert(tx, replace(ACME, slug="another"))
                assert await people.insert(tx, ANA, email_key=ANA.email, password_hash="$argon2id$x")
                app = replace(APP, company_id=ACME.id, backchannel_logout_uri=receiver.url)
                assert await apps.insert(tx, app, name_key="m", secret_digest="d")
            await add_grant(house.database)
            digest = await add_session(house.database, "sid1")
            async with house.database.transaction() as tx:
                assert await sessions.end(tx, digest, at_s=house.management.now())

        async def left(house: House) -> int:
            async with house.database.transaction() as tx:
                return len(await tx.all("select 1 as one from logout_notices"))

        with running_server(tmp_path, database=new_database()) as server:
            server.in_house(begin)
            receiver.wait(within_s=20)
            began = time.monotonic()
            server.process.terminate()
            assert server.process.wait(10) == 0
            assert time.monotonic() - began < 8
            assert server.in_house(left) == 0
            assert '"told an app of a sign-out"' in server.log_text()
        assert len(receiver.requests) == 1
