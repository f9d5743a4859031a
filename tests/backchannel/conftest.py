"""A Keygrove in this process on a real database, whose clock tests set."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backchannel.told import World
from clocks import NOW, Clock
from keygrove.config.loading import load
from keygrove.endpoints.backchannel_logout import Courier
from keygrove.house import House, open_house, prepare
from storage.granted import add_companies_people_and_apps, add_grant, add_session
from stores import Store


@pytest.fixture
async def house(store: Store, clock: Clock, tmp_path: Path, anyio_backend: str) -> AsyncIterator[House]:
    """Everything wired, without a server in front."""
    config = load(
        environ={
            "KEYGROVE_DATABASE": store.url,
            "KEYGROVE_DATA_DIR": str(tmp_path / "data"),
            "KEYGROVE_ISSUER": "https://issuer.example",
        },
        folder=tmp_path,
    )
    await prepare(config)
    opened = await open_house(config, clock=clock)
    yield opened
    await opened.database.close()


@pytest.fixture
def world() -> World:
    """The apps outside."""
    return World()


@pytest.fixture
async def courier(house: House, world: World) -> Courier:
    """Ana has a session in which she connected an app."""
    await add_companies_people_and_apps(house.database)
    await add_grant(house.database, created_at_s=int(NOW))
    await add_session(house.database, "sid1", at_s=int(NOW))
    return Courier(house.server, world.send)
